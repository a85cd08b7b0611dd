package hostconn

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/internal/testserver"
)

// A rogue serves one file over SFTP in a way of its own.
type rogue struct {
	file    []byte
	limit   int           // bytes of one answer; zero: as asked
	shuffle bool          // answers come in another order
	excess  bool          // more bytes than were asked for
	after   int           // reads that are answered well; then:
	mute    bool          // nothing more is said
	hangUp  bool          // the channel ends
	turn    []byte        // it is this file from then on
	limits  []uint64      // nil: the extension is not offered
	in      io.Reader     //
	out     io.Writer     //
	end     chan struct{} // closes with the test
	lies    bool          // file is another one
	most    atomic.Int64  // of what was asked for at once
	reads   int
}

func (g *rogue) honest() bool { return !g.excess && !g.lies && g.after == 0 }

func (g *rogue) serve() {
	var waiting [][]byte
	requests := make(chan []byte, 1000)
	go func() {
		defer close(requests)
		for {
			var h [4]byte
			if _, err := io.ReadFull(g.in, h[:]); err != nil {
				return
			}
			b := make([]byte, binary.BigEndian.Uint32(h[:]))
			if _, err := io.ReadFull(g.in, b); err != nil {
				return
			}
			requests <- b
		}
	}()
	for b := range requests {
		id := binary.BigEndian.Uint32(b[1:])
		if b[0] != fxpRead {
			g.send(g.plain(b, id))
			continue
		}
		if g.reads++; g.after > 0 && g.reads > g.after {
			switch {
			case g.mute:
				<-g.end
				return
			case g.hangUp:
				g.out.(io.Closer).Close()
				return
			case g.turn != nil:
				g.file = g.turn
			}
		}
		waiting = append(waiting, g.data(b, id))
		if !g.shuffle || len(requests) == 0 {
			rand.Shuffle(len(waiting), func(i, j int) { waiting[i], waiting[j] = waiting[j], waiting[i] })
			for _, w := range waiting {
				g.send(w)
			}
			waiting = nil
		}
	}
}

func (g *rogue) send(b []byte) {
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	g.out.Write(b)
}

func (g *rogue) plain(b []byte, id uint32) []byte {
	switch b[0] {
	case fxpInit:
		v := request(fxpVersion, 3)
		if g.limits != nil {
			v = appendString(appendString(v, extLimits), "1")
		}
		return v
	case fxpExtended:
		r := request(fxpExtendedReply, id)
		for _, l := range g.limits {
			r = binary.BigEndian.AppendUint64(r, l)
		}
		return r
	case fxpOpen:
		return appendString(request(fxpHandle, id), "h")
	case fxpFstat:
		return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(request(fxpAttrs, id), 1), uint64(len(g.file)))
	}
	return binary.BigEndian.AppendUint32(request(fxpStatus, id), 0)
}

func (g *rogue) data(b []byte, id uint32) []byte {
	_, b, _ = cutString(b[5:])
	off, n := int64(binary.BigEndian.Uint64(b)), int(binary.BigEndian.Uint32(b[8:]))
	g.most.Store(max(g.most.Load(), int64(n)))
	if g.limit > 0 {
		n = min(n, g.limit)
	}
	if g.excess && g.reads > 2 {
		n++
	}
	if off >= int64(len(g.file)) {
		return binary.BigEndian.AppendUint32(request(fxpStatus, id), 1)
	}
	return appendString(request(fxpData, id), string(g.file[off:min(off+int64(n), int64(len(g.file)))]))
}

// dial starts the rogue and is a channel to it.
func (g *rogue) dial(t *testing.T, s *Session) *channel {
	t.Helper()
	r, out := io.Pipe()
	in, w := io.Pipe()
	g.in, g.out, g.end = in, out, make(chan struct{})
	var once sync.Once
	stop := func() { once.Do(func() { close(g.end); r.Close(); w.Close() }) }
	t.Cleanup(stop)
	go g.serve()
	l, err := newChannel(closer(stop), &budgetReader{r: r, s: s}, w)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

type closer func()

func (c closer) Close() error { c(); return nil }

// sliceFile is a file in memory that counts how often each byte was written.
type sliceFile struct {
	mu sync.Mutex
	b  []byte
}

func (f *sliceFile) WriteAt(b []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return copy(f.b[off:], b), nil
}

// Whatever a channel answers, the copy is whole and exact: what it fails at, and what
// it said before it failed, is read by the handle that is held.
func TestRogueChannels(t *testing.T) {
	file := make([]byte, 9<<20+12345)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(file)
	other := bytes.Clone(file)
	for i := range other {
		other[i] ^= 0xff
	}
	s, err := realConn(t, testserver.SSHDOptions{}, Commands{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	name := filepath.Join(t.TempDir(), "network_log")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for what, g := range map[string]*rogue{ // those that are honest copy everything
		"honest, no limits":     {file: file},
		"honest":                {file: file, limits: []uint64{256 << 10, 255 << 10, 0, 0}},
		"small limit":           {file: file, limits: []uint64{256 << 10, 8 << 10, 0, 0}},
		"short answers":         {file: file, limit: 5000, limits: []uint64{256 << 10, 255 << 10, 0, 0}},
		"any order":             {file: file, shuffle: true},
		"too much":              {file: file, excess: true},
		"another file":          {file: other, lies: true},
		"a shorter file":        {file: file[:8<<20], lies: true},
		"turns into another":    {file: file, after: 20, turn: other},
		"hangs up":              {file: file, after: 40, hangUp: true},
		"falls silent":          {file: file, after: 40, mute: true},
		"silent from the start": {file: file, after: 1, mute: true},
	} {
		t.Run(what, func(t *testing.T) {
			if g.mute { // an honest one may be slow on a busy machine, and is given the time
				defer func(d time.Duration) { channelSilence = d }(channelSilence)
				channelSilence = 50 * time.Millisecond
			}
			l := g.dial(t, s)
			s.channels.mu.Lock()
			s.channels.free, s.channels.most, s.channels.open = make(chan *channel, channelCount), 0, 1
			s.channels.idle = time.NewTimer(time.Hour)
			s.channels.free <- l
			s.channels.mu.Unlock()
			w := &source{Handle: h, s: s, Known: Known{Name: name, Head: file[:HeadSize], Size: int64(len(file))}, to: int64(len(file)) - 5}
			dst := &sliceFile{b: make([]byte, len(file))}
			m := &Meter{}
			const from = 77
			c := NewTransfer(w, dst, 3, from, w.to)
			w.copyTo(t.Context(), c, m)
			if c.left() == g.honest() {
				t.Errorf("honest: %v; something is left: %v", g.honest(), c.left())
			}
			c.read(t.Context(), w, m, func() bool { return false })
			want := file[from:w.to]
			if n := int64(len(want)); c.err != nil || min(c.whole, n) != n || !bytes.Equal(dst.b[3:3+n], want) || m.done != n {
				t.Errorf("%d of %d bytes, %d counted, exact: %v, %v", c.whole, n, m.done, bytes.Equal(dst.b[3:3+n], want), c.err)
			}
			if limit := 8 << 10; g.limits != nil && g.limits[1] == uint64(limit) && g.most.Load() > int64(limit) {
				t.Errorf("%d bytes were asked for of a server that gives %d", g.most.Load(), limit)
			}
			if g.limits == nil && g.most.Load() > packet {
				t.Errorf("%d bytes were asked for of a server that tells no limits", g.most.Load())
			}
		})
	}
}
