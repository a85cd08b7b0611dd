package bundle

import (
	"bytes"
	"io"
	"runtime"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
)

const (
	// deflateLevel 3 would make logs 4 % smaller in a third more of the CPU time, 6 12 % in
	// twice as much.
	deflateLevel = 1
	deflateBlock = 512 << 10
	deflateReach = 32 << 10 // how far back a deflate stream refers
)

const (
	// zstdLevel makes logs as small as the default one, in two thirds of the CPU time.
	zstdLevel = zstd.SpeedFastest
	zstdBlock = 1 << 20 // larger ones make logs no smaller
)

// workers is how many cores a bundle is written and verified with.
func workers() int { return min(runtime.GOMAXPROCS(0), 4) }

// A blockWriter compresses blocks of what is written to it side by side. What it writes
// depends on the input alone, not on the cores or the portions that it comes in.
type blockWriter struct {
	w        io.Writer
	code     func(b *block, last bool) error
	size     int      // of a block
	reach    int      // how much of the block before a block's coder is given
	most     int      // blocks that are compressed at a time
	filling  *block   // nil: none
	underWay []*block // the oldest first
	free     []*block
	end      []byte // of the block before
	err      error
}

// A block is compressed by one goroutine.
type block struct {
	in, dict []byte
	out      bytes.Buffer
	flate    *flate.Writer
	zstd     *zstd.Encoder
	done     chan error
}

// newDeflater makes one deflate stream like any other: a block begins with what the one
// before ends with as its dictionary, and ends at a whole byte.
func newDeflater(most int) *blockWriter {
	return &blockWriter{code: (*block).deflate, size: deflateBlock, reach: deflateReach, most: most}
}

// newFramer makes a zstd frame of each block.
func newFramer(most int) *blockWriter {
	return &blockWriter{code: (*block).frame, size: zstdBlock, most: most}
}

func (b *block) deflate(last bool) (err error) {
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

func (b *block) frame(bool) (err error) {
	if b.zstd == nil {
		b.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstdLevel), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdBlock))
		if err != nil {
			return err
		}
	}
	b.out.Grow(len(b.in)/4 + 64) // logs take less
	_, err = b.out.Write(b.zstd.EncodeAll(b.in, b.out.AvailableBuffer()))
	return err
}

// reset begins another stream, after Close.
func (d *blockWriter) reset(w io.Writer) { d.w, d.end = w, d.end[:0] }

func (d *blockWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && d.err == nil {
		b := d.next()
		part := p[:min(len(p), d.size-len(b.in))]
		b.in = append(b.in, part...)
		if p = p[len(part):]; len(b.in) == d.size {
			d.begin(false)
		}
	}
	return n - len(p), d.err
}

// next is the block to be filled.
func (d *blockWriter) next() *block {
	if d.filling == nil {
		if len(d.underWay) == d.most {
			d.collect()
		}
		if n := len(d.free); n > 0 {
			d.filling, d.free = d.free[n-1], d.free[:n-1]
		} else {
			d.filling = &block{in: make([]byte, 0, d.size), done: make(chan error, 1)}
		}
	}
	return d.filling
}

// begin compresses the block that was filled, beside whatever is going on.
func (d *blockWriter) begin(last bool) {
	b := d.filling
	b.dict = append(b.dict[:0], d.end...)
	d.end = append(d.end[:0], b.in[max(0, len(b.in)-d.reach):]...)
	d.filling, d.underWay = nil, append(d.underWay, b)
	go func() { b.done <- d.code(b, last) }() // collect waits for it
}

// cut ends the block that is being filled, if there is one.
func (d *blockWriter) cut() {
	if d.filling != nil {
		d.begin(false)
	}
}

// collect writes the oldest block under way when it is done.
func (d *blockWriter) collect() {
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
func (d *blockWriter) Close() error {
	d.next()
	d.begin(true)
	d.wait()
	return d.err
}

// wait returns when nothing is under way any more.
func (d *blockWriter) wait() {
	for len(d.underWay) > 0 {
		d.collect()
	}
}
