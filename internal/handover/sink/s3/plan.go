package s3

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strconv"

	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/handover/sink/web"
)

// A plan is how an artifact is cut into parts, and their hashes. One part goes in one
// request.
type plan struct {
	file  *os.File
	size  int64
	part  int64
	sums  [][sha256.Size]byte
	whole [sha256.Size]byte
}

// newPlan reads the artifact before anything is sent: one that was changed is not. Its own
// hash and those of its parts are taken side by side.
func newPlan(ctx context.Context, a sink.Artifact) (p *plan, err error) {
	p = &plan{size: a.Size, part: partSize}
	for p.count() > maxParts {
		p.part *= 2
	}
	whole, err := hex.DecodeString(a.SHA256)
	if err != nil || len(whole) != len(p.whole) {
		return nil, web.Local(fmt.Errorf("no SHA-256 of %s", a.Name))
	}
	copy(p.whole[:], whole)
	src, err := sink.Open(context.Background(), a) // the hash, not the line
	if err != nil {
		return nil, err
	}
	defer src.Close()
	if p.file, err = sink.OpenFile(a); err != nil {
		return nil, err
	}
	parts := make(chan error, 1)
	go func() { parts <- p.hash(ctx) }()
	err = src.Skip(ctx, a.Size)
	if perr := <-parts; err == nil {
		err = perr
	}
	if err != nil {
		p.file.Close()
		return nil, err
	}
	return p, nil
}

// hash takes the hashes of the parts.
func (p *plan) hash(ctx context.Context) error {
	p.sums = make([][sha256.Size]byte, p.count())
	if len(p.sums) == 1 {
		p.sums[0] = p.whole
		return nil
	}
	for i := range p.sums {
		off, size := p.bounds(i + 1)
		h := sha256.New()
		if _, err := copyTo(ctx, h, io.NewSectionReader(p.file, off, size), size); err != nil {
			return err
		}
		p.sums[i] = [sha256.Size]byte(h.Sum(nil))
	}
	return nil
}

func copyTo(ctx context.Context, w io.Writer, r io.Reader, n int64) (int64, error) {
	const step = 1 << 20
	var done int64
	for done < n {
		if ctx.Err() != nil {
			return done, context.Cause(ctx)
		}
		m, err := io.CopyN(w, r, min(step, n-done))
		done += m
		sink.Moved(ctx, 0) // the disk is read
		if err == io.EOF {
			return done, web.Local(io.ErrUnexpectedEOF)
		}
		if err != nil {
			return done, web.Local(err)
		}
	}
	return done, nil
}

// count is how many parts there are.
func (p *plan) count() int64 { return max(1, (p.size+p.part-1)/p.part) }

// bounds is where part n is, from 1.
func (p *plan) bounds(n int) (off, size int64) {
	off = int64(n-1) * p.part
	return off, min(p.part, p.size-off)
}

// body is part n, at the pace of ctx.
func (p *plan) body(ctx context.Context, n int) io.Reader {
	off, size := p.bounds(n)
	return sink.Reader(ctx, io.NewSectionReader(p.file, off, size))
}

func (p *plan) sum64(n int) string  { return base64.StdEncoding.EncodeToString(p.sums[n-1][:]) }
func (p *plan) sumHex(n int) string { return hex.EncodeToString(p.sums[n-1][:]) }

// composite is what S3 calls the checksum of an object that came in parts.
func (p *plan) composite() string {
	h := sha256.New()
	for _, s := range p.sums {
		h.Write(s[:])
	}
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// isSum reports whether a server's checksum is the artifact's: of the whole, or of its
// parts with their number or without.
func (p *plan) isSum(s string) bool {
	c := p.composite()
	return s == base64.StdEncoding.EncodeToString(p.whole[:]) || s == c || s == c+"-"+strconv.Itoa(len(p.sums))
}
