package chaos

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// A sickness is what is wrong with a peer.
type sickness string

const (
	healthy sickness = ""
	drips   sickness = "drips"   // answers 8 bytes a second
	crawls  sickness = "crawls"  // answers 4 KiB a second
	dies    sickness = "dies"    // falls silent after some bytes
	resets  sickness = "resets"  // hangs up after some bytes, each time
	endless sickness = "endless" // its folder has no end
	lies    sickness = "lies"    // its files are larger than they are
	floods  sickness = "floods"  // writes a hundred times what others write
	garbles sickness = "garbles" // answers what nobody asked
	refuses sickness = "refuses" // lets nobody in
	absent  sickness = "absent"  // is not there at all
)

var sicknesses = []sickness{drips, crawls, dies, resets, endless, lies, floods, garbles, refuses}

const (
	recordEvery = time.Second
	segment     = 5 * time.Minute // of one file of the log
	segments    = 12              // rotated ones that are kept
)

// A memPeer is a host in memory: its log has a record of a fixed width each second since
// before there was anybody to see it, so that every byte of it follows from the time.
type memPeer struct {
	name  string
	width int64
	born  time.Time
	key   ssh.Signer

	mu    sync.Mutex
	sick  sickness
	after int64 // bytes until it dies or hangs up
	open  map[net.Conn]bool
	most  int // handles that were open at a time
	now   int
	all   sync.WaitGroup
}

func newMemPeer(name string, sick sickness, after int64) *memPeer {
	p := &memPeer{name: name, sick: sick, width: 200, after: after, born: time.Now().Add(-2 * time.Hour), key: newKey(), open: map[net.Conn]bool{}}
	switch sick {
	case floods:
		p.width = 20_000
	case crawls: // its window takes minutes
		p.width = 5_000
	}
	return p
}

// is reports whether the peer has a sickness now.
func (p *memPeer) is(s sickness) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sick == s
}

// fall makes the peer sick, or well, from now on.
func (p *memPeer) fall(s sickness, after int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sick, p.after = s, after
}

// rate is how many bytes a second it sends; zero: no limit.
func (p *memPeer) rate() int64 {
	switch {
	case p.is(drips):
		return 8
	case p.is(crawls):
		return 4 << 10
	}
	return 0
}

// record is the i-th one.
func (p *memPeer) record(i int64) string {
	at := p.born.Add(time.Duration(i) * recordEvery).UTC()
	head := fmt.Sprintf("%s %s tvcs: UTCTime=%q Module=\"network.sip\" Level=\"INFO\":  n=\"<%d>\" ", at.Format("2006-01-02T15:04:05.000-07:00"), p.name,
		strings.Replace(at.Format("2006-01-02 15:04:05.000"), ".", ",", 1), i)
	return head + strings.Repeat("x", int(p.width)-len(head)-1) + "\n"
}

const perSegment = int64(segment / recordEvery)

// live is the number of the file that is written now.
func (p *memPeer) live() int64 { return int64(time.Since(p.born) / segment) }

// size is how long a file is by now.
func (p *memPeer) size(file int64) int64 {
	records := min(int64(time.Since(p.born)/recordEvery)-file*perSegment, perSegment)
	return max(records, 0) * p.width
}

func (p *memPeer) mtime(file int64) time.Time {
	return p.born.Add(time.Duration(file*perSegment+max(p.size(file)/p.width-1, 0)) * recordEvery)
}

func (p *memPeer) read(file, off int64, n int) []byte {
	to := min(off+int64(n), p.size(file))
	var b []byte
	for at := off; at < to; {
		text := p.record(file*perSegment + at/p.width)[at%p.width:]
		text = text[:min(int64(len(text)), to-at)]
		b = append(b, text...)
		at += int64(len(text))
	}
	return b
}

// dial reaches the peer.
func (p *memPeer) dial(ctx context.Context, _ string) (net.Conn, error) {
	client, server := connection(10*time.Millisecond, 0)
	p.mu.Lock()
	p.open[server] = true
	p.mu.Unlock()
	p.all.Go(func() {
		defer p.forget(server)
		p.serve(server)
	})
	return client, nil
}

func (p *memPeer) forget(c *end) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
}

// close ends all connections and waits for their ends.
func (p *memPeer) close() {
	p.mu.Lock()
	for c := range p.open {
		c.Close()
	}
	p.mu.Unlock()
	p.all.Wait()
}

func (p *memPeer) serve(c *end) {
	conf := &ssh.ServerConfig{PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
		if p.is(refuses) {
			return nil, errors.New("no")
		}
		return nil, nil
	}}
	conf.AddHostKey(p.key)
	conn, channels, requests, err := ssh.NewServerConn(c, conf)
	if err != nil {
		return
	}
	rate := p.rate()
	c.out.change(func() { c.out.rate = rate })
	p.all.Go(func() { ssh.DiscardRequests(requests) })
	for n := range channels {
		channel, asked, err := n.Accept()
		if err != nil {
			break
		}
		p.all.Go(func() {
			for r := range asked {
				sftp := r.Type == "subsystem"
				r.Reply(sftp, nil)
				if sftp {
					p.all.Go(func() {
						defer channel.Close()
						s := &sftpPeer{memPeer: p, c: c, rw: channel, handles: map[string]int64{}}
						s.run()
					})
				}
			}
		})
	}
	conn.Wait()
}

// sftpPeer speaks SFTP (draft-ietf-secsh-filexfer-02) on one channel.
type sftpPeer struct {
	*memPeer
	c       *end
	rw      io.ReadWriter
	handles map[string]int64 // files; a folder is -1, or -2 when it was listed
	next    int
}

func (s *sftpPeer) run() {
	defer func() {
		for _, file := range s.handles {
			s.held(file, -1)
		}
	}()
	packets(s.rw, func(kind byte, b []byte) []byte {
		answer := s.answer(kind, b)
		s.spoil(answer)
		return answer
	})
}

// spoil does what the peer's sickness does to an answer.
func (s *sftpPeer) spoil(answer []byte) {
	s.mu.Lock()
	s.after -= int64(len(answer))
	over := s.after < 0
	s.mu.Unlock()
	switch {
	case s.is(dies) && over:
		s.c.out.change(func() { s.c.out.frozen = true })
	case s.is(resets) && over:
		s.mu.Lock()
		s.after = 100_000
		s.mu.Unlock()
		s.c.Close()
	case s.is(garbles) && over:
		copy(answer[1:], "\xff\xff\xff\xff")
	}
}

func (s *sftpPeer) held(file int64, d int) {
	if file < 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now += d
	s.most = max(s.most, s.now)
}

func (s *sftpPeer) answer(kind byte, b []byte) []byte {
	const (
		initialize, open, shut, read, lstat, fstat, openDir, readDir, realPath, stat = 1, 3, 4, 5, 7, 8, 11, 12, 16, 17
		version, handle, data, name, attrs                                           = 2, 102, 103, 104, 105
	)
	if kind == initialize {
		return []byte{version, 0, 0, 0, 3}
	}
	id, b := b[:4], b[4:]
	to := func(kind byte) []byte { return append([]byte{kind}, id...) }
	arg, b := text(b)
	switch kind {
	case open, openDir:
		file := int64(-1)
		if kind == open {
			if file = s.file(arg); file < 0 {
				return statusCode(id, 2)
			}
		}
		s.next++
		h := fmt.Sprint(s.next)
		s.handles[h] = file
		s.held(file, 1)
		return str(to(handle), h)
	case shut:
		s.held(s.handles[arg], -1)
		delete(s.handles, arg)
		return statusCode(id, 0)
	case read:
		off, n := int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint32(b[8:])
		got := s.read(s.handles[arg], off, int(min(n, 32<<10)))
		if len(got) == 0 {
			return statusCode(id, 1)
		}
		return str(to(data), string(got))
	case fstat:
		return s.attributes(to(attrs), s.handles[arg])
	case stat, lstat:
		if file := s.file(arg); file >= 0 {
			return s.attributes(to(attrs), file)
		}
		return statusCode(id, 2)
	case readDir:
		if s.handles[arg] == -2 && !s.is(endless) {
			return statusCode(id, 1)
		}
		s.handles[arg] = -2
		return s.listing(to(name))
	case realPath:
		return append(str(str(binary.BigEndian.AppendUint32(to(name), 1), arg), arg), 0, 0, 0, 0)
	}
	return statusCode(id, 8)
}

func (s *sftpPeer) listing(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, segments+1)
	for i := range int64(segments + 1) {
		file := s.live() - i
		b = s.attributes(str(str(b, logName(i)), "-rw-------"), file)
	}
	return b
}

func logName(i int64) string {
	if i == 0 {
		return "network_log"
	}
	return fmt.Sprintf("network_log.%d", i)
}

// file is the number of the file that has a name now.
func (s *sftpPeer) file(path string) int64 {
	for i := range int64(segments + 1) {
		if path == "/log/"+logName(i) {
			return s.live() - i
		}
	}
	return -1
}

// attributes are size, mode and times.
func (s *sftpPeer) attributes(b []byte, file int64) []byte {
	const hasSize, hasMode, hasTimes, regular = 1, 4, 8, 0o100600
	size := s.size(file)
	if s.is(lies) {
		size += 1 << 40
	}
	b = binary.BigEndian.AppendUint32(b, hasSize|hasMode|hasTimes)
	b = binary.BigEndian.AppendUint64(b, uint64(size))
	b = binary.BigEndian.AppendUint32(b, regular)
	at := uint32(s.mtime(file).Unix())
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, at), at)
}

func text(b []byte) (string, []byte) {
	n := binary.BigEndian.Uint32(b)
	return string(b[4 : 4+n]), b[4+n:]
}

func str(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}
