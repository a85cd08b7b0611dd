package hostconn

import (
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
	got  hostcmd.Found // without data
	err  error
}

// look looks at one file.
func (c *commands) look(file hostcmd.File) (hostcmd.Found, error) {
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
	seen := make([]hostcmd.Seen, len(batch))
	line, err := wish.Line()
	if err == nil {
		err = c.run(line, func(out io.Reader) (err error) {
			seen, err = wish.Answer(out)
			return err
		})
	}
	for i, l := range batch {
		switch {
		case err != nil:
			l.err = err
		case seen[i].Code != "":
			l.err = answeredError(seen[i].Code, seen[i].Reason)
		default:
			l.got = seen[i].Found
		}
		close(l.done)
	}
}
