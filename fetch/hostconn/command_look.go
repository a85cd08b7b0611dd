package hostconn

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"rtmtgrab/fetch/hostconn/hostcmd"
)

const (
	lookersAtOnce = 2                // commands that look at files: what waits meanwhile goes into the next
	looksAtOnce   = 32               // files that one command looks at
	gather        = time.Millisecond // how long looks are waited for that come at the same time
)

// A look is a wish to see what a file is now: its stat and its first openHead
// bytes. Many files are opened, and looked at again, at the same time: one command
// serves all that wait.
type look struct {
	file hostcmd.File
	done chan struct{} // closed when the rest is set
	got  reading       // without data; after is before
	err  error
}

// look looks at one file.
func (c *commands) look(file hostcmd.File) (reading, error) {
	l := &look{file: file, done: make(chan struct{})}
	if _, err := (hostcmd.Look{Files: []hostcmd.File{file}}).Line(); err != nil {
		return l.got, err // alone: it must not spoil the others
	}
	c.mu.Lock()
	c.waiting = append(c.waiting, l)
	c.mu.Unlock()
	for {
		select {
		case <-l.done:
			return l.got, l.err
		case c.turn <- struct{}{}:
		}
		select { // those that come at the same time go along
		case <-time.After(gather):
		case <-l.done:
		}
		c.mu.Lock()
		n := min(len(c.waiting), looksAtOnce)
		batch := c.waiting[:n:n]
		c.waiting = c.waiting[n:]
		c.mu.Unlock()
		if n > 0 {
			c.lookAt(batch)
		}
		<-c.turn
	}
}

// lookAt runs one command for all of the batch and wakes those who wait.
func (c *commands) lookAt(batch []*look) {
	wish := hostcmd.Look{Nonce: nonce(), Head: openHead}
	for _, l := range batch {
		wish.Files = append(wish.Files, l.file)
	}
	line, err := wish.Line()
	if err == nil {
		err = c.run(line, func(out io.Reader) error { return parseLook(out, wish, batch) })
	}
	for _, l := range batch {
		if err != nil {
			l.err = err
		}
		close(l.done)
	}
}

// parseLook reads the answer to hostcmd.VerbLook.
func parseLook(out io.Reader, wish hostcmd.Look, batch []*look) error {
	a := newAnswer(out, wish.Nonce, int64(len(batch))*(wish.Head+16<<10))
	if err := a.begin(); err != nil {
		return err
	}
	for _, l := range batch {
		if err := a.oneLook(l, wish.Head); err != nil {
			return err
		}
	}
	end, err := a.field()
	if err == nil && end != wish.Nonce {
		err = a.garbled("the end", end)
	}
	return err
}

func (a *answer) oneLook(l *look, head int64) error {
	var f [3]string
	for i := range f {
		var err error
		if f[i], err = a.field(); err != nil {
			return err
		}
	}
	switch f[0] {
	case "!":
		l.err = answeredError(f[1], f[2])
		return nil
	case "=":
	default:
		return a.garbled("what is said of a file", f[0])
	}
	s, err := parseStatus(f[1])
	if err != nil {
		return err
	}
	if !s.regular() || l.file.ID != "" && s.id != l.file.ID {
		return a.garbled("the file", f[1])
	}
	l.got = reading{path: f[2], before: s, after: s}
	l.got.head, err = a.until(head)
	return err
}

// until reads bytes, at most limit of them, up to the nonce between two NULs.
func (a *answer) until(limit int64) ([]byte, error) {
	sep := "\x00" + a.mark + "\x00"
	var b []byte
	for {
		part, err := a.r.ReadSlice(0)
		b = append(b, part...)
		switch n := len(b) - len(sep); {
		case n >= 0 && string(b[n:]) == sep:
			return b[:n:n], nil
		case int64(n) > limit:
			return nil, a.garbled("a file's head", "too long")
		case errors.Is(err, io.EOF):
			return nil, errCutOff
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("read a command's answer: %w", err)
		}
	}
}
