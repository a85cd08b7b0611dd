package mask

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"rtmtgrab/bundle/mask/find"
)

// A stream is read in chunks that end where a record or a line does, or where neither does
// for long, at a sign that is part of no name.
const (
	chunkSize = 256 << 10
	longest   = 2 << 20 // a record that is longer is treated in pieces
	readSize  = 64 << 10
	firstRead = 1 << 10
)

// A chunk is a stretch of a text, and what was made of it.
type chunk struct {
	b    []byte
	line int64 // of the file, that it begins in, from 1
	out  []byte
	err  error
	done chan struct{}

	// What is used again for the chunk after.
	cols   []find.Key // of CSV
	kind   Kind
	hits   []find.Hit
	fresh  *fresh
	memory *find.Memory
	rw     *rewriter
	seen   *met // issued pseudonyms that a search met
}

// A chunker cuts a stream.
type chunker struct {
	r    io.Reader
	log  bool
	rest []byte
	line int64
	err  error
}

// next is the next chunk, in buf if that is large enough; nil: there is none.
func (c *chunker) next(buf []byte) (b []byte, line int64, err error) {
	buf = append(buf[:0], c.rest...)
	c.rest = c.rest[:0]
	for c.err == nil {
		if len(buf) >= chunkSize {
			if at := cut(buf, c.log, len(buf) >= longest); at > 0 {
				c.rest = append(c.rest, buf[at:]...)
				buf = buf[:at]
				break
			}
		}
		if len(buf) == cap(buf) { // from little on: a manifest has 100,000 texts of one line
			buf = append(make([]byte, 0, larger(len(buf))), buf...)
		}
		n, err := c.r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		c.err = err
	}
	if c.err != nil && !errors.Is(c.err, io.EOF) {
		return nil, 0, c.err
	}
	line = c.line
	c.line += int64(bytes.Count(buf, []byte("\n")))
	return buf, line, nil
}

// larger is the size after n of memory for a chunk.
func larger(n int) int {
	if whole := chunkSize + readSize; n < whole {
		return min(max(8*n, firstRead), whole)
	}
	return 2 * n
}

// cut is where a chunk may end; 0: nowhere yet.
func cut(b []byte, log, force bool) int {
	if log {
		for end := len(b); ; {
			i := bytes.LastIndexByte(b[:end], '\n')
			if i < len(b)/4 {
				break
			}
			if find.Begins(b[i+1:]) {
				return i + 1
			}
			end = i
		}
	}
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 && (!log || force) {
		return i + 1
	}
	if !force {
		return 0
	}
	for i := len(b) - 1; i > len(b)-64<<10; i-- {
		if bytes.IndexByte([]byte(" ,;\"<>&\t"), b[i]) >= 0 {
			return i
		}
	}
	return len(b) &^ 3
}

// each has do called for all chunks of a stream, by as many at once as there are processors,
// and then in order takes what was made of them to w.
func each(r io.Reader, k Kind, w io.Writer, do func(c *chunk)) error {
	var cols []find.Key
	if k == CSV {
		cols, r = find.Columns(r)
	}
	cutter := &chunker{r: r, log: k == Log, line: 1}
	first := &chunk{done: make(chan struct{}), kind: k, cols: cols}
	var err error
	if first.b, first.line, err = cutter.next(nil); err != nil {
		return err
	}
	if cutter.err != nil { // there are no more
		first.guarded(do)
		return first.finish(w)
	}
	return parallel(cutter, first, w, do)
}

// guarded has do called. What a peer writes must not end the collector, whatever we
// overlooked in it.
func (c *chunk) guarded(do func(c *chunk)) {
	defer func() {
		if r := recover(); r != nil {
			c.err = fmt.Errorf("a stretch that begins in line %d cannot be masked: %v: report this", c.line, r)
		}
	}()
	do(c)
}

func (c *chunk) finish(w io.Writer) error {
	if c.err != nil || w == nil {
		return c.err
	}
	_, err := w.Write(c.out)
	return err
}

func parallel(cutter *chunker, first *chunk, w io.Writer, do func(c *chunk)) error {
	workers := min(runtime.GOMAXPROCS(0), 8)
	todo := make(chan *chunk, workers)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for c := range todo {
				c.guarded(do)
				close(c.done)
			}
		})
	}
	defer wg.Wait()
	defer close(todo)

	var open, free []*chunk
	next := first
	finish := func() error {
		c := open[0]
		open = open[1:]
		<-c.done
		free = append(free, c)
		return c.finish(w)
	}
	for next != nil {
		todo <- next
		open = append(open, next)
		next = nil
		if len(open) > workers {
			if err := finish(); err != nil {
				return err
			}
		}
		if cutter.err != nil && len(cutter.rest) == 0 {
			break
		}
		next = &chunk{kind: first.kind, cols: first.cols}
		if n := len(free); n > 0 {
			next, free = free[n-1], free[:n-1]
		}
		next.done, next.err = make(chan struct{}), nil
		var err error
		if next.b, next.line, err = cutter.next(next.b); err != nil {
			return err
		}
		if len(next.b) == 0 {
			break
		}
	}
	for len(open) > 0 {
		if err := finish(); err != nil {
			return err
		}
	}
	return nil
}
