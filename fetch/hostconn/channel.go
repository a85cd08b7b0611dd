package hostconn

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
)

// What of SFTP version 3 reading a file needs.
const (
	fxpInit, fxpVersion           = 1, 2
	fxpOpen, fxpClose, fxpRead    = 3, 4, 5
	fxpFstat                      = 8
	fxpStatus, fxpHandle          = 101, 102
	fxpData, fxpAttrs             = 103, 105
	fxpExtended, fxpExtendedReply = 200, 201
	extLimits                     = "limits@openssh.com"
	largestPacket                 = 261120   // bytes of a read that OpenSSH answers at most
	leastPacket                   = 4 << 10  // a server that answers less is not asked fast
	channelWindow                 = 3 << 20  // bytes asked for at once: more than an SSH channel lets through in a round trip
	maxReply                      = 64 << 10 // of an answer that is no data
	maxAnswer                     = largestPacket + 4
)

// answers is memory for answers that are awaited: hundreds of channels may wait for turns.
var answers = sync.Pool{New: func() any { return new([maxAnswer]byte) }}

// rest gives the memory back, as long as nothing is asked for. Data are good until then.
func (l *channel) rest() {
	if l.buf != nil {
		answers.Put(l.buf)
		l.buf = nil
	}
}

// A channel is an SFTP channel that does nothing but read one file at a time, as fast
// as one channel can: many requests are under way, and data go from the channel to
// the disk by way of one packet's memory. It is for one goroutine, but for abandon
// and release.
type channel struct {
	closer io.Closer
	w      io.Writer
	r      io.Reader
	heard  atomic.Int64 // answers
	queued atomic.Bool  // it waits for its turn, with nothing asked for
	speed  *speed       // of the connection; may be nil
	packet int          // bytes of one read, by what the server says of itself and has shown

	handle string
	id     uint32
	calls  map[uint32]*call
	asked  int // bytes asked for and not answered
	out    []byte
	buf    *[maxAnswer]byte // the data of the last answer; nil: nothing is awaited

	claims
}

// claims are what a channel copies of a file.
type claims struct {
	mu      sync.Mutex
	dead    bool            // abandoned: writes nothing more
	claimed map[int64]int64 // bytes that are missing of chunks that are being copied
	copied  []int64         // chunks
}

// A call is a request that is not answered yet, and then its answer.
type call struct {
	off   int64 // of a read
	want  int   // bytes, of a read
	chunk int64 // to which they belong
	kind  byte
	data  []byte // good until the next answer
}

// newChannel starts SFTP on a channel and asks what the server's limits are.
func newChannel(closer io.Closer, r io.Reader, w io.Writer) (*channel, error) {
	l := &channel{closer: closer, r: r, w: w, packet: packet, calls: map[uint32]*call{}}
	defer l.rest()
	const version = 3
	if err := l.send(request(fxpInit, version)); err != nil {
		return nil, err
	}
	kind, got, body, err := l.receive()
	if err != nil {
		return nil, err
	}
	if kind != fxpVersion || got != version {
		return nil, fmt.Errorf("SFTP begins with a packet of type %d and version %d", kind, got)
	}
	if !offers(body, extLimits) {
		return l, nil
	}
	c := &call{}
	l.ask(c, fxpExtended, appendString(nil, extLimits))
	if err := l.await(c); err != nil {
		return nil, err
	}
	l.packet = limitOf(c)
	if l.packet < leastPacket {
		return nil, fmt.Errorf("the server answers at most %d bytes", l.packet)
	}
	return l, nil
}

// limitOf is how many bytes of one read the server's answer about its limits allows.
func limitOf(c *call) int {
	if c.kind != fxpExtendedReply || len(c.data) < 16 {
		return packet
	}
	const overhead = 1 << 10 // of a packet around its data
	most := min(binary.BigEndian.Uint64(c.data[8:]), largestPacket)
	if most == 0 {
		most = packet // it does not say
	}
	if whole := binary.BigEndian.Uint64(c.data); whole > 0 {
		most = min(most, max(whole, overhead)-overhead)
	}
	return int(most)
}

// offers reports whether a list of extensions, pairs of name and data, has a name.
func offers(list []byte, name string) bool {
	for len(list) > 0 {
		var got string
		var ok bool
		if got, list, ok = cutString(list); !ok {
			return false
		}
		if _, list, ok = cutString(list); !ok {
			return false
		}
		if got == name {
			return true
		}
	}
	return false
}

func request(kind byte, id uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{0, 0, 0, 0, kind}, id)
}

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

func cutString(b []byte) (s string, rest []byte, ok bool) {
	if len(b) < 4 {
		return "", nil, false
	}
	n := int64(binary.BigEndian.Uint32(b))
	if b = b[4:]; n > int64(len(b)) {
		return "", nil, false
	}
	return string(b[:n]), b[n:], true
}

func (l *channel) send(b []byte) error {
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	_, err := l.w.Write(b)
	return err
}

// ask puts a request behind those that flush will send.
func (l *channel) ask(c *call, kind byte, body []byte) {
	l.id++
	l.calls[l.id] = c
	l.asked += c.want
	b := append(request(kind, l.id), body...)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	l.out = append(l.out, b...)
}

// read asks for bytes of the open file.
func (l *channel) read(c *call) {
	b := binary.BigEndian.AppendUint64(appendString(nil, l.handle), uint64(c.off))
	l.ask(c, fxpRead, binary.BigEndian.AppendUint32(b, uint32(c.want)))
}

// flush sends what was asked.
func (l *channel) flush() error {
	if len(l.out) == 0 {
		return nil
	}
	_, err := l.w.Write(l.out)
	l.out = l.out[:0]
	return err
}

// await sends c and waits for its answer, with nothing else under way.
func (l *channel) await(c *call) error {
	if err := l.flush(); err != nil {
		return err
	}
	got, err := l.next()
	if err == nil && got != c {
		err = errors.New("an answer that matches no request")
	}
	return err
}

// next reads one answer, whichever comes. Data are never more than was asked for.
func (l *channel) next() (*call, error) {
	kind, id, body, err := l.receive()
	if err != nil {
		return nil, err
	}
	c := l.calls[id]
	if c == nil {
		return nil, fmt.Errorf("an answer of type %d that matches no request", kind)
	}
	delete(l.calls, id)
	l.asked -= c.want
	if c.kind, c.data = kind, body; kind == fxpData {
		data, rest, ok := cutBytes(body)
		if !ok || len(rest) > 0 || len(data) > c.want {
			return nil, fmt.Errorf("%d bytes requested; the answer has %d", c.want, len(body))
		}
		c.data = data
	}
	return c, nil
}

func cutBytes(b []byte) (data, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := int64(binary.BigEndian.Uint32(b))
	if b = b[4:]; n > int64(len(b)) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// receive reads one packet: its type, the number behind that, and the rest.
func (l *channel) receive() (kind byte, id uint32, body []byte, err error) {
	defer l.speed.wait()(0)
	var h [9]byte
	if _, err := io.ReadFull(l.r, h[:]); err != nil {
		return 0, 0, nil, err
	}
	l.heard.Add(1)
	kind, id = h[4], binary.BigEndian.Uint32(h[5:])
	n := int64(binary.BigEndian.Uint32(h[:])) - 5
	if n < 0 || n > int64(max(maxReply, l.packet+4)) {
		return 0, 0, nil, fmt.Errorf("a packet of type %d has %d bytes", kind, n)
	}
	if l.buf == nil {
		l.buf = answers.Get().(*[maxAnswer]byte)
	}
	_, err = io.ReadFull(l.r, l.buf[:n])
	return kind, id, l.buf[:n], err
}

// errOther says that a name leads to another file than the one that is held.
var errOther = errors.New("this is not the file that was open")

// open opens the file of w by its name and makes sure that it is the one that is
// held: its size, its first bytes and the last of those that are wanted. The first
// bytes are asked for with the packet's full size, which shows whether the server
// gives as much as it says.
func (l *channel) open(w *source) error {
	b := binary.BigEndian.AppendUint32(appendString(nil, w.Name), 1) // to read
	c := &call{}
	l.ask(c, fxpOpen, binary.BigEndian.AppendUint32(b, 0)) // no attributes
	if err := l.await(c); err != nil {
		return err
	}
	handle, _, ok := cutString(c.data)
	if c.kind != fxpHandle || !ok || len(handle) > 256 {
		return fmt.Errorf("open: %w", refusal(c))
	}
	l.handle = strings.Clone(handle)
	probe := &call{off: w.At, want: int(min(int64(l.packet), w.Size-w.At))}
	tail := &call{off: w.to - int64(len(w.tail)), want: len(w.tail)}
	return l.same(w, probe, tail)
}

// check looks at the file again, after it was copied, and closes it.
func (l *channel) check(w *source) error {
	if err := l.same(w, &call{off: w.At, want: len(w.Head)}, nil); err != nil {
		return err
	}
	c := &call{}
	l.ask(c, fxpClose, appendString(nil, l.handle))
	l.handle = ""
	return l.await(c)
}

// same asks for the file's size, for its head by probe, and for its tail.
func (l *channel) same(w *source, probe, tail *call) error {
	attrs := &call{}
	l.ask(attrs, fxpFstat, appendString(nil, l.handle))
	l.read(probe)
	if tail != nil {
		l.read(tail)
	}
	if err := l.flush(); err != nil {
		return err
	}
	for len(l.calls) > 0 {
		c, err := l.next()
		if err != nil {
			return err
		}
		ok := c.kind == fxpData
		switch {
		case c == attrs:
			ok = c.kind == fxpAttrs && sizeOf(c.data) >= w.Size
		case c == tail:
			ok = ok && bytes.Equal(c.data, w.tail)
		default:
			ok = ok && bytes.HasPrefix(c.data, w.Head)
			if len(c.data) < c.want {
				l.packet = min(l.packet, packet)
			}
		}
		if !ok {
			return errors.Join(errOther, refusal(c))
		}
	}
	return nil
}

// sizeOf reads a file's size out of its attributes; -1 if they do not have it.
func sizeOf(attrs []byte) int64 {
	const hasSize = 1
	if len(attrs) < 12 || binary.BigEndian.Uint32(attrs)&hasSize == 0 {
		return -1
	}
	return int64(binary.BigEndian.Uint64(attrs[4:]))
}

// refusal is what the server says instead of the answer that was asked for; nil if
// it is an answer.
func refusal(c *call) error {
	if c.kind != fxpStatus || len(c.data) < 4 {
		return nil
	}
	return fmt.Errorf("the server says %d", binary.BigEndian.Uint32(c.data))
}
