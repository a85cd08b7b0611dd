package chaos

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	logEvery = 2 * time.Second // between two records of a log
	logWidth = 160             // of a record
	logFile  = 90              // records of one file: 3 minutes
	logFiles = 14              // that are kept
)

// A logPeer is a host in memory with a log for each family, which are written as time goes
// by. What is wrong with it is set by break; it holds for connections that stand, too.
type logPeer struct {
	name string
	key  ssh.Signer
	odd  ssh.Signer // the key it shows while it has "key"

	mu       sync.Mutex
	logs     map[string]*peerLog
	at       time.Time // up to which they are written
	clock    time.Duration
	bad      map[string]bool
	conns    map[*end]bool
	channels map[ssh.Channel]bool
	all      sync.WaitGroup
	rate     int64             // bytes a second; 0: at once
	refused  bool              // a login, since one that `grab check` made
	seen     func(what string) // told of "logins", "listings" and "keepalives"; may be nil
}

// A peerLog is one family: its files, the one that is written first.
type peerLog struct {
	files   []*peerFile
	bad     map[string]bool
	written []time.Time // when each record was written, by this machine's clock
}

type peerFile struct {
	stamps []time.Time // of its records, by the host's clock
	mtime  time.Time
	denied bool
	kind   string // "": a file; else what stands in its place
	wide   int64  // bytes of a record; 0: logWidth
}

func (f *peerFile) width() int64 { return cmp.Or(f.wide, logWidth) }

func newLogPeer(name string, families []string) *logPeer {
	p := &logPeer{name: name, key: newKey(), odd: newKey(), logs: map[string]*peerLog{}, at: time.Now().Add(-time.Hour).Truncate(logEvery),
		bad: map[string]bool{}, conns: map[*end]bool{}, channels: map[ssh.Channel]bool{}}
	for _, f := range families {
		p.logs[f] = &peerLog{files: []*peerFile{{mtime: p.at}}, bad: map[string]bool{}}
	}
	return p
}

func newKey() ssh.Signer {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		panic(err)
	}
	return key
}

// write writes what is due by now. Its caller has mu.
func (p *logPeer) write() {
	for ; !p.at.After(time.Now()); p.at = p.at.Add(logEvery) {
		for _, l := range p.logs {
			if l.bad["frozen"] || len(l.files) == 0 || l.files[0].kind != "" {
				continue
			}
			live := l.files[0]
			if len(live.stamps) == logFile {
				live = &peerFile{denied: l.bad["private"], wide: live.wide}
				l.files = append([]*peerFile{live}, l.files...)
			}
			l.written = append(l.written, p.at)
			live.stamps, live.mtime = append(live.stamps, p.at.Add(p.clock)), p.at.Add(p.clock)
			keep := logFiles
			if l.bad["shallow"] {
				keep = 1
			}
			l.files = l.files[:min(len(l.files), keep)]
		}
	}
}

// change changes the peer.
func (p *logPeer) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.write()
	f()
}

func (p *logPeer) has(bad string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bad[bad]
}

// hangUp ends all connections; freeze lets them stand, and nothing comes through any more.
func (p *logPeer) hangUp() {
	for c := range p.conns {
		c.Close()
	}
}

func (p *logPeer) freeze() {
	for c := range p.conns {
		c.in.change(func() { c.in.frozen = true })
		c.out.change(func() { c.out.frozen = true })
	}
}

// pace lets the peer answer so many bytes a second; zero: at once.
func (p *logPeer) pace(rate int64) {
	for c := range p.conns {
		c.out.change(func() {
			c.out.rate, c.out.free = rate, time.Now()
			for i := range c.out.parcels {
				c.out.parcels[i].from = time.Now()
			}
		})
	}
}

// cut ends the channels of all connections.
func (p *logPeer) cut() {
	for c := range p.channels {
		p.all.Go(func() { c.Close() })
	}
}

const slowRate = 300 // bytes a second of a peer that is slow

func (p *logPeer) dial(context.Context) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bad["refuses"] {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	client, server := connection(5*time.Millisecond, 0)
	client.name = address("192.0.2." + strings.TrimPrefix(p.name, "h") + ":22") // refusals are known by it
	if p.bad["silent"] {
		client.in.frozen = true
	}
	server.out.rate = p.rate
	if p.bad["slow"] {
		server.out.rate = slowRate
	}
	p.conns[server] = true
	p.all.Go(func() {
		p.serve(server)
		server.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, server)
	})
	return client, nil
}

// close ends all connections and waits for their ends.
func (p *logPeer) close() {
	p.mu.Lock()
	p.hangUp()
	p.mu.Unlock()
	p.all.Wait()
}

func (p *logPeer) serve(c *end) {
	conf := &ssh.ServerConfig{PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
		if p.has("login") {
			return nil, errors.New("no")
		}
		return nil, nil
	}}
	key := p.key
	if p.has("key") {
		key = p.odd
	}
	conf.AddHostKey(key)
	conn, channels, requests, err := ssh.NewServerConn(c, conf)
	if err != nil {
		return
	}
	p.tell("logins")
	p.all.Go(func() {
		for r := range requests {
			p.tell("keepalives")
			r.Reply(false, nil)
		}
	})
	for n := range channels {
		channel, asked, err := n.Accept()
		if err != nil {
			break
		}
		p.change(func() { p.channels[channel] = true })
		p.all.Go(func() {
			for r := range asked {
				p.request(channel, r)
			}
			p.change(func() { delete(p.channels, channel) })
		})
	}
	conn.Wait()
}

func (p *logPeer) tell(what string) {
	if p.seen != nil {
		p.seen(what)
	}
}

// request answers one of a channel: a subsystem, or the command `date`.
func (p *logPeer) request(channel ssh.Channel, r *ssh.Request) {
	switch {
	case r.Type == "subsystem" && !p.has("no-sftp"):
		r.Reply(true, nil)
		p.all.Go(func() {
			defer channel.Close()
			s := &logSFTP{logPeer: p, handles: map[string]*peerHandle{}}
			packets(channel, s.answer)
		})
	case r.Type == "exec":
		r.Reply(true, nil)
		p.all.Go(func() {
			defer channel.Close()
			status := uint32(127)
			if command, _ := text(r.Payload); strings.HasPrefix(command, "date") && !p.has("no-date") {
				var at time.Time
				p.change(func() { at = time.Now().Add(p.clock) })
				fmt.Fprintf(channel, "%d.%09d\n", at.Unix(), at.Nanosecond())
				status = 0
			}
			channel.SendRequest("exit-status", false, binary.BigEndian.AppendUint32(nil, status))
		})
	default:
		r.Reply(false, nil)
	}
}

// packets answers those of SFTP on a channel until it ends.
func packets(rw io.ReadWriter, answer func(kind byte, b []byte) []byte) {
	for {
		var head [4]byte
		if _, err := io.ReadFull(rw, head[:]); err != nil {
			return
		}
		b := make([]byte, binary.BigEndian.Uint32(head[:]))
		if _, err := io.ReadFull(rw, b); err != nil {
			return
		}
		a := answer(b[0], b[1:])
		if _, err := rw.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(a))), a...)); err != nil {
			return
		}
	}
}

// logSFTP speaks SFTP on one channel.
type logSFTP struct {
	*logPeer
	handles map[string]*peerHandle
	next    int
}

// A peerHandle is an open file, or a folder that was listed or not.
type peerHandle struct {
	family string
	file   *peerFile
	listed bool
}

const (
	sftpEOF, sftpGone, sftpDenied, sftpFailure, sftpUnknown = 1, 2, 3, 4, 8
)

func (s *logSFTP) answer(kind byte, b []byte) (out []byte) {
	const (
		initialize, open, shut, read, lstat, fstat, openDir, readDir, realPath, stat = 1, 3, 4, 5, 7, 8, 11, 12, 16, 17
		version, data, attrs, name                                                   = 2, 103, 105, 104
	)
	if kind == initialize {
		return []byte{version, 0, 0, 0, 3}
	}
	id, b := b[:4], b[4:]
	to := func(kind byte) []byte { return append([]byte{kind}, id...) }
	arg, b := text(b)
	if kind == openDir {
		s.tell("listings")
	}
	s.change(func() {
		h := s.handles[arg]
		switch kind {
		case openDir:
			out = s.openDir(id)
		case readDir:
			if h.listed {
				out = statusCode(id, sftpEOF)
				return
			}
			h.listed = true
			out = s.list(to(name))
		case open:
			out = s.open(id, arg)
		case shut:
			delete(s.handles, arg)
			out = statusCode(id, 0)
		case read:
			got := s.content(h, int64(binary.BigEndian.Uint64(b)), int(min(binary.BigEndian.Uint32(b[8:]), 32<<10)))
			if out = str(to(data), string(got)); len(got) == 0 {
				out = statusCode(id, sftpEOF)
			}
		case fstat:
			out = h.file.attributes(to(attrs))
		case stat, lstat:
			if _, file := s.find(arg); file == nil {
				out = statusCode(id, sftpGone)
			} else {
				out = file.attributes(to(attrs))
			}
		case realPath:
			out = append(str(str(binary.BigEndian.AppendUint32(to(name), 1), arg), arg), 0, 0, 0, 0)
		default:
			out = statusCode(id, sftpUnknown)
		}
	})
	return out
}

func (s *logSFTP) handle(id []byte, h *peerHandle) []byte {
	s.next++
	key := fmt.Sprint(s.next)
	s.handles[key] = h
	return str(append([]byte{102}, id...), key)
}

func (s *logSFTP) openDir(id []byte) []byte {
	switch {
	case s.bad["unmounted"]:
		return statusCode(id, sftpGone)
	case s.bad["closed"]:
		return statusCode(id, sftpDenied)
	case s.bad["list-error"]:
		return statusCode(id, sftpFailure)
	}
	return s.handle(id, &peerHandle{})
}

func (s *logSFTP) open(id []byte, path string) []byte {
	family, file := s.find(path)
	switch {
	case file == nil:
		return statusCode(id, sftpGone)
	case file.denied || s.bad["closed"]:
		return statusCode(id, sftpDenied)
	case file.kind != "":
		return statusCode(id, sftpFailure)
	}
	return s.handle(id, &peerHandle{family: family, file: file})
}

// find is the file that has a name now; nil: none has.
func (s *logSFTP) find(path string) (string, *peerFile) {
	for family, l := range s.logs {
		for i, f := range l.files {
			if path == "/log/"+rotatedName(family, i) && !s.hides() {
				return family, f
			}
		}
	}
	return "", nil
}

func (p *logPeer) hides() bool { return p.bad["unmounted"] || p.bad["empty"] }

func rotatedName(family string, i int) string {
	if i == 0 {
		return family
	}
	return fmt.Sprintf("%s.%d", family, i)
}

func (s *logSFTP) list(b []byte) []byte {
	var names []byte
	n := uint32(0)
	for family, l := range s.logs {
		for i, f := range l.files {
			if !s.hides() {
				names = f.attributes(str(str(names, rotatedName(family, i)), "-"))
				n++
			}
		}
	}
	return append(binary.BigEndian.AppendUint32(b, n), names...)
}

func (s *logSFTP) content(h *peerHandle, off int64, n int) (b []byte) {
	width := h.file.width()
	size := int64(len(h.file.stamps)) * width
	for to := min(off+int64(n), size); off < to; {
		record := s.record(h.family, h.file.stamps[off/width], int(width))[off%width:]
		record = record[:min(int64(len(record)), to-off)]
		b = append(b, record...)
		off += int64(len(record))
	}
	return b
}

func (s *logSFTP) record(family string, at time.Time, width int) string {
	at = at.UTC()
	head := fmt.Sprintf("%s %s tvcs: UTCTime=%q Module=\"%s\" ", at.Format("2006-01-02T15:04:05.000-07:00"), s.name,
		strings.Replace(at.Format("2006-01-02 15:04:05.000"), ".", ",", 1), family)
	return head + strings.Repeat("x", width-len(head)-1) + "\n"
}

// attributes are size, mode and times.
func (f *peerFile) attributes(b []byte) []byte {
	const hasSize, hasMode, hasTimes = 1, 4, 8
	mode := map[string]uint32{"": 0o100600, "folder": 0o040700, "link": 0o120777, "pipe": 0o010600}[f.kind]
	b = binary.BigEndian.AppendUint32(b, hasSize|hasMode|hasTimes)
	b = binary.BigEndian.AppendUint64(b, uint64(int64(len(f.stamps))*f.width()))
	b = binary.BigEndian.AppendUint32(b, mode)
	at := uint32(f.mtime.Unix())
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, at), at)
}

func statusCode(id []byte, code byte) []byte {
	return str(str(append(append([]byte{101}, id...), 0, 0, 0, code), "status"), "")
}
