package testserver

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// A Liar is an SSH server that lets everybody in, and may lie in every answer of its SFTP
// and of its commands. What is not set is answered honestly, by Files. Its fields are set
// before the first connection; the functions are called by many goroutines.
type Liar struct {
	Files []LiarFile // of the one folder that there is, whatever it is called

	// Answer, if not nil, is asked first about each SFTP request: it answers itself, as it
	// likes and as often, through w, and returns true; or false, to be answered honestly.
	Answer func(r LiarRequest, w *LiarWriter) bool
	// Exec answers commands; nil: they are refused. What it writes is what is printed.
	Exec func(command string, out io.Writer)
	// NoSFTP refuses the subsystem, so that commands are used.
	NoSFTP bool
	// Drip is a pause before each 64 bytes of an answer.
	Drip time.Duration

	key      ssh.Signer
	listener net.Listener
	requests atomic.Int64
	wg       sync.WaitGroup
	mu       sync.Mutex
	conns    []net.Conn
}

// A LiarFile is a file as a Liar tells of it.
type LiarFile struct {
	Name  string
	Data  []byte
	Size  uint64 // that is claimed; zero: len(Data)
	MTime uint32
	Mode  uint32 // zero: a regular file
}

// A LiarRequest is one SFTP request.
type LiarRequest struct {
	N    int64 // counts the requests of all connections, from 1
	Type byte  // LiarOpen…
	ID   uint32
	Path string // of a name or of what the handle was opened by
	Off  uint64 // of a read
	Len  uint32
}

// Types of SFTP's requests and answers.
const (
	LiarOpen, LiarClose, LiarRead                               = 3, 4, 5
	LiarLstat, LiarFstat, LiarOpendir, LiarReaddir              = 7, 8, 11, 12
	LiarStat                                                    = 17
	liarStatus, liarHandle, liarData, liarName, liarAttrs uint8 = 101, 102, 103, 104, 105
)

// StartLiar starts l on a free loopback port; it ends with the test.
func StartLiar(tb testing.TB, l *Liar) *Liar {
	tb.Helper()
	var err error
	l.key, err = ssh.NewSignerFromSigner(NewKey(tb, "ecdsa").Private)
	must(tb, err)
	l.listener, err = net.Listen("tcp", "127.0.0.1:0")
	must(tb, err)
	l.wg.Go(func() {
		for {
			c, err := l.listener.Accept()
			if err != nil {
				return
			}
			l.mu.Lock()
			l.conns = append(l.conns, c)
			l.mu.Unlock()
			l.wg.Go(func() { l.serve(c) })
		}
	})
	tb.Cleanup(func() {
		l.listener.Close()
		l.mu.Lock()
		for _, c := range l.conns {
			c.Close()
		}
		l.mu.Unlock()
		l.wg.Wait()
	})
	return l
}

// Addr is the server's host:port.
func (l *Liar) Addr() string { return l.listener.Addr().String() }

// HostKey is its key's fingerprint, "SHA256:…".
func (l *Liar) HostKey() string { return ssh.FingerprintSHA256(l.key.PublicKey()) }

// Requests is how many SFTP requests came so far.
func (l *Liar) Requests() int64 { return l.requests.Load() }

func (l *Liar) serve(c net.Conn) {
	defer c.Close()
	yes := func() (*ssh.Permissions, error) { return nil, nil }
	config := &ssh.ServerConfig{
		PasswordCallback:  func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return yes() },
		PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return yes() },
	}
	config.AddHostKey(l.key)
	conn, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		return
	}
	defer conn.Close()
	l.wg.Go(func() { ssh.DiscardRequests(requests) })
	for n := range channels {
		if n.ChannelType() != "session" {
			n.Reject(ssh.UnknownChannelType, "")
			continue
		}
		ch, in, err := n.Accept()
		if err != nil {
			return
		}
		l.wg.Go(func() { l.channel(ch, in) })
	}
}

// channel serves one channel until its client closes it.
func (l *Liar) channel(ch ssh.Channel, in <-chan *ssh.Request) {
	defer ch.Close()
	for r := range in {
		var what struct{ S string }
		ssh.Unmarshal(r.Payload, &what)
		sftp, run := r.Type == "subsystem" && what.S == "sftp" && !l.NoSFTP, r.Type == "exec" && l.Exec != nil
		r.Reply(sftp || run, nil)
		switch {
		case sftp:
			l.wg.Go(func() {
				defer ch.Close()
				l.sftp(ch)
			})
		case run:
			l.wg.Go(func() {
				defer ch.Close()
				l.Exec(what.S, &dripping{w: ch, pause: l.Drip})
				ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{0}))
			})
		}
	}
}

// dripping writes a little at a time.
type dripping struct {
	mu    sync.Mutex
	w     io.Writer
	pause time.Duration
}

func (d *dripping) Write(b []byte) (n int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.pause > 0 && len(b) > 0 && err == nil {
		time.Sleep(d.pause)
		var m int
		m, err = d.w.Write(b[:min(len(b), 64)])
		n, b = n+m, b[m:]
	}
	if err != nil || len(b) == 0 {
		return n, err
	}
	m, err := d.w.Write(b)
	return n + m, err
}

// sftp answers the requests of one channel, one after the other.
func (l *Liar) sftp(ch io.ReadWriter) {
	out := &dripping{w: ch, pause: l.Drip}
	dirs := map[string]bool{} // handles whose listing was given
	for {
		var head [4]byte
		if _, err := io.ReadFull(ch, head[:]); err != nil {
			return
		}
		p := make([]byte, min(binary.BigEndian.Uint32(head[:]), 1<<20))
		if _, err := io.ReadFull(ch, p); err != nil || len(p) < 5 {
			return
		}
		if p[0] == 1 { // INIT
			out.Write([]byte{0, 0, 0, 5, 2, 0, 0, 0, 3})
			continue
		}
		r := parseLiarRequest(p)
		r.N = l.requests.Add(1)
		w := &LiarWriter{out: out, id: r.ID}
		if l.Answer == nil || !l.Answer(r, w) {
			l.honest(r, w, dirs)
		}
	}
}

func parseLiarRequest(p []byte) LiarRequest {
	r := LiarRequest{Type: p[0], ID: binary.BigEndian.Uint32(p[1:])}
	rest := p[5:]
	if len(rest) >= 4 {
		n := min(int(binary.BigEndian.Uint32(rest)), len(rest)-4)
		r.Path, rest = string(rest[4:4+n]), rest[4+n:]
	}
	if r.Type == LiarRead && len(rest) >= 12 {
		r.Off, r.Len = binary.BigEndian.Uint64(rest), binary.BigEndian.Uint32(rest[8:])
	}
	return r
}

// honest answers as Files are. A handle is the path that was opened.
func (l *Liar) honest(r LiarRequest, w *LiarWriter, dirs map[string]bool) {
	f := l.file(r.Path)
	switch r.Type {
	case LiarOpendir:
		dirs[r.Path] = false
		w.Handle(r.Path)
	case LiarReaddir:
		if dirs[r.Path] {
			w.Status(1)
			return
		}
		dirs[r.Path] = true
		w.Names(l.Files...)
	case LiarClose:
		w.Status(0)
	case LiarOpen, LiarStat, LiarLstat, LiarFstat, LiarRead:
		switch {
		case f == nil:
			w.Status(2)
		case r.Type == LiarOpen:
			w.Handle(r.Path)
		case r.Type != LiarRead:
			w.Attrs(*f)
		case r.Off >= uint64(len(f.Data)):
			w.Status(1)
		default:
			w.Data(f.Data[r.Off:min(r.Off+uint64(r.Len), uint64(len(f.Data)))])
		}
	default:
		w.Status(8)
	}
}

// file is the file of a path; nil: there is none.
func (l *Liar) file(path string) *LiarFile {
	base := path[strings.LastIndexByte(path, '/')+1:]
	for i := range l.Files {
		if l.Files[i].Name == base {
			return &l.Files[i]
		}
	}
	return nil
}
