package testserver

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A Proxy carries TCP connections to one target. Its methods may be called at any
// time; changes hold at once, for connections that are open too.
type Proxy struct {
	target   string
	listener net.Listener
	ctx      context.Context
	cancel   context.CancelFunc
	wg       sync.WaitGroup

	delay   atomic.Int64 // one way, nanoseconds
	down    limiter
	up      limiter
	carried atomic.Int64 // bytes from the target
	cut     atomic.Int64 // of carried, at which connections end; negative: never
	twice   atomic.Int64 // pieces from the target that are yet to be passed on twice
	stalled atomic.Bool  // nothing is passed on
	mu      sync.Mutex
	conns   map[net.Conn]bool
}

// Start listens on a free loopback port and carries what connects there to target.
// roundTrip is added to every exchange, half of it each way.
func Start(target string, roundTrip time.Duration) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{target: target, listener: l, conns: map[net.Conn]bool{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.cut.Store(-1)
	p.SetRoundTrip(roundTrip)
	p.wg.Go(p.accept)
	return p, nil
}

// Addr is where the proxy listens, host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// SetRoundTrip sets the latency that is added to every exchange.
func (p *Proxy) SetRoundTrip(d time.Duration) { p.delay.Store(int64(d / 2)) }

// SetRate caps each direction of all connections together to so many bytes a
// second; zero: no cap.
func (p *Proxy) SetRate(bytesPerSecond int64) {
	p.down.set(bytesPerSecond)
	p.up.set(bytesPerSecond)
}

// Carried is how many bytes came from the target and were passed on.
func (p *Proxy) Carried() int64 { return p.carried.Load() }

// CutAfter ends all connections, those that come later too, as soon as another n
// bytes of the target were passed on: exactly so many, wherever that is. A negative
// n lets connections live again.
func (p *Proxy) CutAfter(n int64) {
	if n < 0 {
		p.cut.Store(-1)
		return
	}
	p.cut.Store(p.carried.Load() + n)
	if n == 0 {
		p.Cut()
	}
}

// Cut ends the connections that are open.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

// Stall holds back whatever is on its way, both ways, until it is called with
// false; connections stay open, and nobody is told.
func (p *Proxy) Stall(on bool) { p.stalled.Store(on) }

// Duplicate passes the next n pieces of what the target sends on twice, in place of those
// that an earlier call has left.
func (p *Proxy) Duplicate(n int) { p.twice.Store(int64(n)) }

// Close ends everything and waits for it.
func (p *Proxy) Close() error {
	p.cancel()
	err := p.listener.Close()
	p.Cut()
	p.wg.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.carry(c) })
	}
}

func (p *Proxy) carry(client net.Conn) {
	defer client.Close()
	var d net.Dialer
	server, err := d.DialContext(p.ctx, "tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	if !p.add(client, server) {
		return
	}
	defer p.remove(client, server)
	var wg sync.WaitGroup
	wg.Go(func() { p.pipe(server, client, &p.up, nil) })
	wg.Go(func() { p.pipe(client, server, &p.down, p.count) })
	wg.Wait()
}

func (p *Proxy) add(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = true
	}
	return p.ctx.Err() == nil
}

func (p *Proxy) remove(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.conns, c)
	}
}

// count takes note of n bytes that are about to be passed on, and returns how many
// of them may be.
func (p *Proxy) count(n int) (int, bool) {
	at := p.carried.Add(int64(n))
	limit := p.cut.Load()
	if limit < 0 || at < limit {
		return n, false
	}
	over := min(at-limit, int64(n))
	p.carried.Add(-over)
	return n - int(over), true
}

const (
	piece = 128 << 10
	most  = 128 << 20 // bytes on their way in one direction
)

// parcel is bytes on their way.
type parcel struct {
	b   []byte
	due time.Time
}

var buffers = sync.Pool{New: func() any { b := make([]byte, piece); return &b }}

// pipe carries from src to dst, until either ends; an orderly end is passed on.
func (p *Proxy) pipe(dst, src net.Conn, l *limiter, count func(int) (int, bool)) {
	way := make(chan parcel, most/piece)
	end := make(chan struct{}) // nobody takes parcels any more
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(way)
		for {
			b := *buffers.Get().(*[]byte)
			n, err := src.Read(b)
			if n > 0 {
				select {
				case way <- parcel{b[:n], time.Now().Add(time.Duration(p.delay.Load()))}:
				case <-end:
					return
				}
			}
			if err != nil {
				return
			}
		}
	})
	if p.deliver(dst, way, l, count) {
		if c, ok := dst.(*net.TCPConn); ok {
			c.CloseWrite()
		}
	} else {
		dst.Close()
		src.Close()
	}
	close(end)
	wg.Wait()
}

// deliver writes parcels when they are due, and reports whether src has ended by
// itself.
func (p *Proxy) deliver(dst io.Writer, way <-chan parcel, l *limiter, count func(int) (int, bool)) bool {
	for o := range way {
		if !p.sleep(time.Until(o.due)) || !p.sleep(l.take(len(o.b))) || !p.flows() {
			return false
		}
		n, cut := len(o.b), false
		if count != nil {
			n, cut = count(n)
		}
		_, err := dst.Write(o.b[:n])
		if err == nil && !cut && count != nil && p.again() {
			_, err = dst.Write(o.b[:n])
		}
		b := o.b[:piece]
		buffers.Put(&b)
		if cut {
			p.Cut()
		}
		if err != nil || cut {
			return false
		}
	}
	return true
}

// flows waits while the proxy is stalled, and reports whether it still runs.
func (p *Proxy) flows() bool {
	for p.stalled.Load() {
		if !p.sleep(10 * time.Millisecond) {
			return false
		}
	}
	return true
}

// again reports whether this piece is to be passed on twice.
func (p *Proxy) again() bool {
	for n := p.twice.Load(); n > 0; n = p.twice.Load() {
		if p.twice.CompareAndSwap(n, n-1) {
			return true
		}
	}
	return false
}

// sleep reports whether the proxy still runs after d.
func (p *Proxy) sleep(d time.Duration) bool {
	if d <= 0 {
		return p.ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-p.ctx.Done():
		return false
	}
}

// A limiter spreads bytes over time.
type limiter struct {
	mu   sync.Mutex
	rate int64
	free time.Time // when all that was taken has passed
}

func (l *limiter) set(rate int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rate, l.free = max(rate, 0), time.Time{}
}

// take is how long to wait before n bytes more are passed on.
func (l *limiter) take(n int) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rate == 0 {
		return 0
	}
	now := time.Now()
	if l.free.Before(now) {
		l.free = now
	}
	l.free = l.free.Add(time.Duration(float64(n) / float64(l.rate) * float64(time.Second)))
	return l.free.Sub(now)
}
