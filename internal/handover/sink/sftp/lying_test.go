package sftp

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/testserver"
)

func fingerprintOf(k ssh.PublicKey) string { return ssh.FingerprintSHA256(k) }

// A liar is an SSH server that keeps what it gets in a folder, and lies about it.
type liar struct {
	dir     string
	corrupt atomic.Bool  // what is written is not what came
	full    atomic.Bool  // there is no room, and it says so by statvfs
	broken  atomic.Bool  // writes fail, and nobody knows why
	short   atomic.Int64 // so much is missing from sizes
}

type lyingFile struct {
	*os.File
	l *liar
}

func (f lyingFile) WriteAt(b []byte, off int64) (int, error) {
	switch {
	case f.l.full.Load() || f.l.broken.Load():
		return 0, errors.New("no password=hunter2 for you") // SFTP says "failure"
	case f.l.corrupt.Load():
		b = append([]byte{b[0] ^ 1}, b[1:]...)
	}
	return f.File.WriteAt(b, off)
}

func (l *liar) path(r *sftp.Request) string { return filepath.Join(l.dir, filepath.Base(r.Filepath)) }

func (l *liar) Fileread(r *sftp.Request) (io.ReaderAt, error) { return os.Open(l.path(r)) }

func (l *liar) Filewrite(r *sftp.Request) (io.WriterAt, error) { return l.OpenFile(r) }

func (l *liar) OpenFile(r *sftp.Request) (sftp.WriterAtReaderAt, error) {
	f, err := os.OpenFile(l.path(r), os.O_RDWR|os.O_CREATE, 0o600)
	return lyingFile{f, l}, err
}

func (l *liar) Filecmd(r *sftp.Request) error {
	switch r.Method {
	case "Setstat":
		if r.AttrFlags().Size {
			return os.Truncate(l.path(r), int64(r.Attributes().Size))
		}
	case "Rename", "PosixRename":
		to := filepath.Join(l.dir, filepath.Base(r.Target))
		if _, err := os.Stat(to); err == nil && r.Method == "Rename" {
			return os.ErrExist
		}
		return os.Rename(l.path(r), to)
	case "Remove":
		return os.Remove(l.path(r))
	}
	return nil
}

func (l *liar) StatVFS(*sftp.Request) (*sftp.StatVFS, error) {
	st := &sftp.StatVFS{Bsize: 4096, Frsize: 4096, Blocks: 1 << 30, Bavail: 1 << 20}
	if l.full.Load() {
		st.Bavail = 0
	}
	return st, nil
}

type shortInfo struct {
	os.FileInfo
	n int64
}

func (s shortInfo) Size() int64 { return s.FileInfo.Size() - s.n }

type one []os.FileInfo

func (o one) ListAt(to []os.FileInfo, off int64) (int, error) {
	if off > 0 {
		return 0, io.EOF
	}
	return copy(to, o), io.EOF
}

func (l *liar) Filelist(r *sftp.Request) (sftp.ListerAt, error) { return l.Lstat(r) }

func (l *liar) Lstat(r *sftp.Request) (sftp.ListerAt, error) {
	st, err := os.Lstat(l.path(r))
	if err != nil {
		return nil, err
	}
	return one{shortInfo{st, l.short.Load()}}, nil
}

// startLiar is a liar and a sink that delivers to it.
func startLiar(t *testing.T) (*liar, *Sink) {
	t.Helper()
	l := &liar{dir: t.TempDir()}
	key, err := ssh.NewSignerFromSigner(testserver.NewKey(t, "ecdsa").Private)
	if err != nil {
		t.Fatal(err)
	}
	in, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { in.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := in.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { l.serve(c, key) })
		}
	})
	return l, &Sink{Dir: "/", Dial: sshdial.Config{Address: in.Addr().String(), User: "u", HostKey: fingerprintOf(key.PublicKey()),
		Auth: sshdial.Auth{Kind: sshdial.AuthPassword, Password: func() (string, error) { return "hunter2 and more", nil }}}}
}

func (l *liar) serve(c net.Conn, key ssh.Signer) {
	defer c.Close()
	config := &ssh.ServerConfig{PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return nil, nil }}
	config.AddHostKey(key)
	conn, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		return
	}
	defer conn.Close()
	go ssh.DiscardRequests(requests)
	for nc := range channels {
		ch, reqs, err := nc.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range reqs {
				r.Reply(r.Type == "subsystem", nil)
			}
		}()
		sftp.NewRequestServer(ch, sftp.Handlers{FileGet: l, FilePut: l, FileCmd: l, FileList: l}).Serve()
		ch.Close()
	}
}

func TestLiars(t *testing.T) {
	a, want := artifact(t, 1<<20)
	l, s := startLiar(t)

	l.corrupt.Store(true)
	_, err := s.Deliver(deadline(t), a)
	failed(t, err, sink.Mismatch, false)
	if _, err := os.Stat(filepath.Join(l.dir, a.Name)); err == nil {
		t.Error("it got its name")
	}
	l.corrupt.Store(false)

	l.short.Store(1)
	_, err = s.Deliver(deadline(t), a)
	failed(t, err, sink.Mismatch, false)
	l.short.Store(0)

	cut := func() {
		if err := os.Truncate(filepath.Join(l.dir, tempName(a)), 5); err != nil {
			t.Fatal(err)
		}
	}
	cut()
	l.full.Store(true)
	_, err = s.Deliver(deadline(t), a)
	failed(t, err, sink.Full, false)
	l.full.Store(false)

	l.broken.Store(true)
	cut()
	_, err = s.Deliver(deadline(t), a)
	if e := failed(t, err, sink.Busy, false); !strings.Contains(e.Error(), "no password") || strings.Contains(e.Error(), "hunter2 and") {
		t.Error(e)
	}
	l.broken.Store(false)

	r, err := s.Deliver(deadline(t), a)
	if err != nil || r.Verified != sink.BySHA256 {
		t.Fatalf("%+v, %v", r, err)
	}
	alone(t, l.dir, a, want)
}

// A key that cannot be read, as while it is replaced, is no bundle's fault: nothing was sent
// and no login tried.
func TestKeyGone(t *testing.T) {
	err := dialed(t.Context(), &sshdial.Error{Kind: sshdial.KindLocal, Err: os.ErrNotExist})
	failed(t, err, sink.Refused, false)
}
