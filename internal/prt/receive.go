package prt

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/netip"
	"os"
	"time"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/time/rate"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/diskspace"
)

// piece is how much of the disk is asked for at once.
const piece = 1 << 20

// Bounds on what a report's gzip stream unpacks to, while it is looked through: logs are packed
// to a tenth or so. What is beyond unpackAtOnce takes its time, for all reports together: copying
// logs of Expressways needs the processor too.
const (
	unpackRatio  = 50
	unpackAlways = 128 << 20
	unpackMost   = 1 << 30

	unpackAtOnce    = 256 << 20
	unpackPerSecond = 64 << 20
)

// slowly is a reader that takes its time.
type slowly struct {
	ctx   context.Context
	r     io.Reader
	limit *rate.Limiter
}

func (s *slowly) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if wait := s.limit.WaitN(s.ctx, n); wait != nil {
		return n, errLeft
	}
	return n, err
}

// errLeft is that who sent a report did not wait for the answer.
var errLeft = errors.New("its sender hung up before it was looked through")

// A receiving is one upload on its way to the disk.
type receiving struct {
	box     *Box
	reserve *diskspace.Reserve
	set     Settings

	unpacking *rate.Limiter // bytes, of all that are received

	f       *os.File
	hash    hash.Hash
	n       int64
	allowed int64 // bytes that the disk and the box have for it
}

// begin makes the temporary file.
func (b *Box) begin(reserve *diskspace.Reserve, set Settings, unpacking *rate.Limiter) (*receiving, error) {
	if err := b.enter(set.Bounds); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(b.dir, "coming-*"+atomicfile.PartSuffix)
	if err != nil {
		b.leave(0)
		return nil, room(err)
	}
	atomicfile.Adopt(f.Name())
	return &receiving{box: b, reserve: reserve, set: set, unpacking: unpacking, f: f, hash: sha256.New()}, nil
}

// save writes the file of a form. What is no gzip ends at its first bytes.
func (c *receiving) save(r io.Reader) error {
	magic := make([]byte, 3)
	n, err := io.ReadFull(r, magic)
	switch {
	case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) && n > 0 && string(magic[:n]) == "\x1f\x8b\x08"[:n]:
		return refuse(CutOff, "the report is empty or broke off")
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case string(magic) != "\x1f\x8b\x08":
		return refuse(NotGzip, "the report is no gzip file")
	}
	if err := c.write(magic); err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if err := c.write(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (c *receiving) write(p []byte) error {
	if c.n += int64(len(p)); c.n > c.set.Max {
		return refuse(TooLarge, "the report is larger than prt.max, %d bytes", c.set.Max)
	}
	for c.n > c.allowed {
		n := min(piece, c.set.Max-c.allowed)
		if err := c.box.grow(n, c.set.Bounds); err != nil {
			return err
		}
		c.allowed += n
		if err := c.reserve.Take(n); err != nil {
			return refuse(NoRoom, "no room on the disk of the store: %v", err)
		}
	}
	c.hash.Write(p)
	_, err := c.f.Write(p)
	return room(err)
}

// room is an error of writing as a refusal.
func room(err error) error {
	if atomicfile.Full(err) {
		return refuse(NoRoom, "no room on the disk of the store")
	}
	return err
}

// finish makes the file durable and takes it into the box.
func (c *receiving) finish(ctx context.Context, form Form, from netip.Addr, now time.Time) (r Report, repeated bool, err error) {
	if err := c.whole(ctx); err != nil {
		return r, false, err
	}
	if err := errors.Join(c.f.Sync(), c.f.Close()); err != nil {
		return r, false, room(err)
	}
	r = Report{Device: form.Device, Serial: form.Serial, User: form.User, File: form.File, From: from.String(), Received: now.UTC().Round(0), Bytes: c.n, SHA256: hex.EncodeToString(c.hash.Sum(nil))}
	r, repeated, err = c.box.add(r, c.f.Name())
	return r, repeated, room(err)
}

// whole reports whether the gzip stream comes to its end, by unpacking it to nowhere. What
// stands behind the first member is as it was sent.
func (c *receiving) whole(ctx context.Context) error {
	if _, err := c.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	z, err := gzip.NewReader(c.f)
	if err != nil {
		return refuse(CutOff, "the report is no whole gzip stream")
	}
	z.Multistream(false)
	most := min(max(c.n*unpackRatio, cmp.Or(c.set.unpacks, unpackAlways)), unpackMost)
	n, err := io.Copy(io.Discard, io.LimitReader(&slowly{ctx, z, c.unpacking}, most+1))
	switch {
	case errors.Is(err, errLeft):
		return refuse(CutOff, "%v", err)
	case err != nil:
		return refuse(CutOff, "the report is no whole gzip stream: %v", err)
	case n > most:
		return refuse(TooLarge, "the report unpacks to more than reports ever do")
	}
	return nil
}

// drop removes what is left of the temporary file.
func (c *receiving) drop() {
	c.box.leave(c.allowed)
	c.f.Close()
	os.Remove(c.f.Name()) // taken into the box, or garbage at the next start
}
