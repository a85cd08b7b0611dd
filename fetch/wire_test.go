package fetch

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// SFTP's packet types, draft-ietf-secsh-filexfer-02 section 3.
const (
	sshFxpRead = 5
	sshFxpData = 103
)

// A tap watches the SFTP packets of all channels of a laboratory's host and may
// stop requests and change answers.
type tap struct {
	requests atomic.Int64
	onReq    func(n int64, kind byte) // before the n-th request is passed on, from 1
	answer   func(p []byte) [][]byte  // what goes out in a DATA packet's place; p is type, id and payload
	shuffle  bool                     // answers go out in any order
}

func (t *tap) wire(ch io.ReadWriteCloser) io.ReadWriteCloser {
	in, feed := io.Pipe()
	w := &tapped{tap: t, ch: ch, Reader: in}
	go func() { feed.CloseWithError(w.pump(feed)) }() // ends with the channel
	if t.shuffle {
		w.stop = make(chan struct{})
		go w.drain()
	}
	return w
}

type tapped struct {
	io.Reader
	tap  *tap
	ch   io.ReadWriteCloser
	buf  []byte
	mu   sync.Mutex
	last time.Time
	kept [][]byte // answers, until there are some or no more comes
	stop chan struct{}
	once sync.Once
}

// pump passes requests on, one at a time.
func (w *tapped) pump(to io.Writer) error {
	for first := true; ; first = false {
		p, err := packetOf(w.ch)
		if err != nil {
			return err
		}
		if !first && w.tap.onReq != nil { // the first is INIT
			w.tap.onReq(w.tap.requests.Add(1), p[0])
		}
		if _, err := to.Write(framed(p)); err != nil {
			return err
		}
	}
}

// Write takes what the server says.
func (w *tapped) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = time.Now()
	w.buf = append(w.buf, b...)
	for len(w.buf) >= 4 {
		n := int(binary.BigEndian.Uint32(w.buf)) + 4
		if len(w.buf) < n {
			break
		}
		p := slices.Clone(w.buf[4:n])
		w.buf = w.buf[n:]
		out := [][]byte{p}
		if w.tap.answer != nil && p[0] == sshFxpData {
			out = w.tap.answer(p)
		}
		if w.tap.shuffle && p[0] == sshFxpData {
			if w.kept = append(w.kept, p); len(w.kept) < 8 {
				continue
			}
			out = w.shuffled()
		}
		if err := w.send(out); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

func (w *tapped) send(packets [][]byte) error {
	for _, p := range packets {
		if _, err := w.ch.Write(framed(p)); err != nil {
			return err
		}
	}
	return nil
}

// drain lets out what was kept back once no more comes.
func (w *tapped) drain() {
	for {
		select {
		case <-w.stop:
			return
		case <-time.After(5 * time.Millisecond):
		}
		w.mu.Lock()
		if time.Since(w.last) > 10*time.Millisecond {
			w.send(w.shuffled())
		}
		w.mu.Unlock()
	}
}

func (w *tapped) shuffled() [][]byte {
	out := w.kept
	w.kept = nil
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func (w *tapped) Close() error {
	if w.stop != nil {
		w.once.Do(func() { close(w.stop) })
	}
	return w.ch.Close()
}

func packetOf(r io.Reader) ([]byte, error) {
	var n [4]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return nil, err
	}
	p := make([]byte, binary.BigEndian.Uint32(n[:]))
	_, err := io.ReadFull(r, p)
	return p, err
}

func framed(p []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(p))), p...)
}

// data takes a DATA packet apart and puts it together again.
func data(p []byte) (id, payload []byte) { return p[1:5], p[9:] }

func dataPacket(id, payload []byte) []byte {
	p := append([]byte{sshFxpData}, id...)
	p = binary.BigEndian.AppendUint32(p, uint32(len(payload)))
	return append(p, payload...)
}
