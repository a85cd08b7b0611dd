package chaos

import (
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// A line is one direction of a connection in memory: what is written comes out a
// latency later, and no faster than its rate. It works in a bubble of package synctest.
type line struct {
	latency time.Duration
	rate    int64 // bytes a second; zero: at once

	mu       sync.Mutex
	news     *sync.Cond
	parcels  []parcel
	closed   bool
	frozen   bool      // nothing comes out any more
	free     time.Time // when what was sent so far has gone out
	deadline time.Time // of reading
}

type parcel struct {
	b    []byte
	from time.Time // when its first byte comes out
}

func newLine(latency time.Duration, rate int64) *line {
	l := &line{latency: latency, rate: rate}
	l.news = sync.NewCond(&l.mu)
	return l
}

func (l *line) write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return 0, io.ErrClosedPipe
	}
	now := time.Now()
	if l.free.Before(now) {
		l.free = now
	}
	l.parcels = append(l.parcels, parcel{append([]byte(nil), b...), l.free.Add(l.latency)})
	if l.rate > 0 {
		l.free = l.free.Add(time.Duration(len(b)) * time.Second / time.Duration(l.rate))
	}
	l.news.Broadcast()
	return len(b), nil
}

func (l *line) read(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		now := time.Now()
		if !l.deadline.IsZero() && !now.Before(l.deadline) {
			return 0, os.ErrDeadlineExceeded
		}
		next := l.deadline
		if len(l.parcels) > 0 && !l.frozen {
			n, when := l.out(now, b)
			if n > 0 {
				return n, nil
			}
			if next.IsZero() || when.Before(next) {
				next = when
			}
		} else if l.closed {
			return 0, io.EOF
		}
		l.sleep(now, next)
	}
}

// out takes what has come out by now, or says when the next does.
func (l *line) out(now time.Time, b []byte) (n int, when time.Time) {
	p := &l.parcels[0]
	if now.Before(p.from) {
		return 0, p.from
	}
	n = len(p.b)
	if l.rate > 0 {
		drop := max(l.rate/4, 8) // what comes at once
		n = min(n, int(int64(now.Sub(p.from).Seconds()*float64(l.rate))/drop*drop))
		if n == 0 {
			drop = min(drop, int64(len(p.b)))
			when = p.from.Add(time.Duration(float64(drop)/float64(l.rate)*float64(time.Second)) + 1)
			if now.Before(when) {
				return 0, when
			}
			n = int(drop)
		}
	}
	n = copy(b, p.b[:n])
	p.b = p.b[n:]
	if l.rate > 0 {
		p.from = p.from.Add(time.Duration(float64(n) / float64(l.rate) * float64(time.Second)))
	}
	if len(p.b) == 0 {
		l.parcels = l.parcels[1:]
	}
	return n, when
}

// sleep waits for news, or until next.
func (l *line) sleep(now, next time.Time) {
	if !next.IsZero() {
		defer time.AfterFunc(next.Sub(now), func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.news.Broadcast()
		}).Stop()
	}
	l.news.Wait()
}

func (l *line) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	l.news.Broadcast()
}

// end is one end of a connection.
type end struct {
	in, out *line
	name    address
}

// connection makes both ends of one.
func connection(latency time.Duration, down int64) (client, server *end) {
	up, back := newLine(latency, 0), newLine(latency, down)
	return &end{back, up, "client"}, &end{up, back, "server"}
}

type address string

func (a address) Network() string { return "tcp" }
func (a address) String() string {
	if strings.Contains(string(a), ":") {
		return string(a)
	}
	return "192.0.2.1:22"
}

func (e *end) Read(b []byte) (int, error)  { return e.in.read(b) }
func (e *end) Write(b []byte) (int, error) { return e.out.write(b) }
func (e *end) LocalAddr() net.Addr         { return e.name }
func (e *end) RemoteAddr() net.Addr        { return e.name }

func (e *end) Close() error {
	e.in.change(func() { e.in.closed, e.in.parcels = true, nil })
	e.out.change(func() { e.out.closed = true })
	return nil
}

func (e *end) SetDeadline(t time.Time) error { return e.SetReadDeadline(t) }

func (e *end) SetReadDeadline(t time.Time) error {
	e.in.change(func() { e.in.deadline = t })
	return nil
}

func (e *end) SetWriteDeadline(time.Time) error { return nil } // writing never waits
