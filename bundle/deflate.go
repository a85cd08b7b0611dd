package bundle

import (
	"bytes"
	"io"
	"runtime"

	"github.com/klauspost/compress/flate"
)

const (
	// deflateLevel 6 would make logs a tenth smaller, in twice the CPU time.
	deflateLevel = 3
	deflateBlock = 512 << 10
	deflateReach = 32 << 10 // how far back a deflate stream refers
)

// workers is how many cores a bundle is written and verified with.
func workers() int { return min(runtime.GOMAXPROCS(0), 4) }

// A deflater compresses blocks of what is written to it side by side. What it writes
// is one deflate stream like any other, and depends on the input alone: a block begins
// with what the one before ends with as its dictionary, and ends at a whole byte.
type deflater struct {
	w        io.Writer
	most     int          // blocks that are compressed at a time
	filling  *deflating   // nil: none
	underWay []*deflating // the oldest first
	free     []*deflating
	end      []byte // of the block before
	err      error
}

// A deflating is one block.
type deflating struct {
	in, dict []byte
	out      bytes.Buffer
	flate    *flate.Writer
	done     chan error
}

func newDeflater(most int) *deflater { return &deflater{most: most} }

// reset begins another stream, after Close.
func (d *deflater) reset(w io.Writer) { d.w, d.end = w, d.end[:0] }

func (d *deflater) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && d.err == nil {
		b := d.next()
		part := p[:min(len(p), deflateBlock-len(b.in))]
		b.in = append(b.in, part...)
		if p = p[len(part):]; len(b.in) == deflateBlock {
			d.begin(false)
		}
	}
	return n - len(p), d.err
}

// next is the block to be filled.
func (d *deflater) next() *deflating {
	if d.filling == nil {
		if len(d.underWay) == d.most {
			d.collect()
		}
		if n := len(d.free); n > 0 {
			d.filling, d.free = d.free[n-1], d.free[:n-1]
		} else {
			d.filling = &deflating{in: make([]byte, 0, deflateBlock), done: make(chan error, 1)}
		}
	}
	return d.filling
}

// begin compresses the block that was filled, beside whatever is going on.
func (d *deflater) begin(last bool) {
	b := d.filling
	b.dict = append(b.dict[:0], d.end...)
	d.end = append(d.end[:0], b.in[max(0, len(b.in)-deflateReach):]...)
	d.filling, d.underWay = nil, append(d.underWay, b)
	go func() { b.done <- b.compress(last) }() // collect waits for it
}

func (b *deflating) compress(last bool) (err error) {
	if b.flate == nil {
		if b.flate, err = flate.NewWriter(nil, deflateLevel); err != nil {
			return err
		}
	}
	b.flate.ResetDict(&b.out, b.dict)
	if _, err := b.flate.Write(b.in); err != nil {
		return err
	}
	if last {
		return b.flate.Close()
	}
	return b.flate.Flush()
}

// collect writes the oldest block under way when it is done.
func (d *deflater) collect() {
	b := d.underWay[0]
	d.underWay = d.underWay[1:]
	err := <-b.done
	if err == nil && d.err == nil {
		_, err = d.w.Write(b.out.Bytes())
	}
	if d.err == nil {
		d.err = err
	}
	b.in = b.in[:0]
	b.out.Reset()
	d.free = append(d.free, b)
}

// Close ends the stream.
func (d *deflater) Close() error {
	d.next()
	d.begin(true)
	d.wait()
	return d.err
}

// wait returns when nothing is under way any more.
func (d *deflater) wait() {
	for len(d.underWay) > 0 {
		d.collect()
	}
}
