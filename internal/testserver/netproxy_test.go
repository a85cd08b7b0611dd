package testserver

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"
)

// echo is a server that sends back what it gets, and the proxy to it.
func echo(t *testing.T, roundTrip time.Duration) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	p, err := Start(l.Addr().String(), roundTrip)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func dial(t *testing.T, p *Proxy) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// Many exchanges are on their way at once: they take one round trip together, not
// one each, and everything comes in order to its end.
func TestLatency(t *testing.T) {
	const trip, n = 100 * time.Millisecond, 4 << 20
	p := echo(t, trip)
	c := dial(t, p)
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(b)
	began := time.Now()
	go func() {
		for part := b; len(part) > 0; part = part[min(4096, len(part)):] {
			c.Write(part[:min(4096, len(part))])
		}
		c.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, b) {
		t.Fatalf("%d of %d bytes: %v", len(got), n, err)
	}
	if d := time.Since(began); d < trip {
		t.Errorf("all was there after %v, before one round trip", d)
	} else if d > n/4096*trip/4 {
		t.Errorf("%v: every one of %d writes has waited", d, n/4096)
	}
	if p.Carried() != n {
		t.Errorf("%d bytes were counted", p.Carried())
	}
}

func TestRate(t *testing.T) {
	p := echo(t, 0)
	p.SetRate(1 << 20)
	c := dial(t, p)
	began := time.Now()
	const n = 256 << 10
	go c.Write(make([]byte, n))
	if _, err := io.ReadFull(c, make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(began); d < 200*time.Millisecond {
		t.Errorf("a quarter of a second's bytes passed in %v", d)
	}
}

// A cut comes after exactly so many bytes, and lasts until it is taken back.
func TestCutAfter(t *testing.T) {
	p := echo(t, 0)
	p.CutAfter(100_001)
	c := dial(t, p)
	go c.Write(make([]byte, 200_000))
	got, err := io.ReadAll(c)
	if len(got) != 100_001 {
		t.Errorf("%d bytes came, %v", len(got), err)
	}
	again := dial(t, p)
	again.Write([]byte("x"))
	if n, err := again.Read(make([]byte, 1)); n > 0 {
		t.Errorf("%d bytes passed after the cut, %v", n, err)
	}
	p.CutAfter(-1)
	well := dial(t, p)
	well.Write([]byte("x"))
	if _, err := io.ReadFull(well, make([]byte, 1)); err != nil {
		t.Error(err)
	}
}

// What is stalled comes when it is over, once; what is doubled comes twice.
func TestStallAndDuplicate(t *testing.T) {
	p := echo(t, 0)
	c := dial(t, p)
	p.Stall(true)
	if _, err := c.Write([]byte("one")); err != nil {
		t.Fatal(err)
	}
	got := make(chan string)
	go func() {
		b := make([]byte, 9)
		n, _ := io.ReadFull(c, b[:3])
		got <- string(b[:n])
		n, _ = io.ReadFull(c, b[:6])
		got <- string(b[:n])
	}()
	select {
	case s := <-got:
		t.Fatalf("%q came through", s)
	case <-time.After(100 * time.Millisecond):
	}
	p.Stall(false)
	if s := <-got; s != "one" {
		t.Errorf("after the stall came %q", s)
	}
	p.Duplicate(1)
	if _, err := c.Write([]byte("two")); err != nil {
		t.Fatal(err)
	}
	if s := <-got; s != "twotwo" {
		t.Errorf("doubled came %q", s)
	}
}
