package sshdial

import (
	"errors"
	"net"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// By a clock of its own: over any time no more passes than the rate and one
// burst allow, and a reader that always wants more gets nearly all of it.
func TestBucketProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Int64Range(1, 1<<30).Draw(t, "rate")
		now := time.Unix(1e9, 0)
		var b bucket
		b.set(now, rate)
		var total int64
		var passed time.Duration
		greedy := rapid.Bool().Draw(t, "greedy")
		for range rapid.IntRange(1, 400).Draw(t, "steps") {
			n, wait, changed := b.ask(now, rapid.IntRange(1, 1<<20).Draw(t, "want"))
			if (n == 0) != (wait > 0) || wait > 2*time.Second || wait > 0 && changed == nil {
				t.Fatalf("%d bytes, wait %v", n, wait)
			}
			if n > 0 {
				if !greedy {
					n = rapid.IntRange(1, n).Draw(t, "got") // a short read
				}
				b.took(n)
				total += int64(n)
			}
			if !greedy && rapid.Bool().Draw(t, "pause") {
				wait += time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "for"))
			}
			now = now.Add(wait)
			passed += wait
		}
		due := passed.Seconds() * float64(rate)
		if most := due + b.burst() + 1; float64(total) > most {
			t.Fatalf("%d bytes passed in %v at %d per second: more than %.0f", total, passed, rate, most)
		}
		if least := due - b.burst() - 1; greedy && float64(total) < least {
			t.Fatalf("%d bytes passed in %v at %d per second: less than %.0f", total, passed, rate, least)
		}
	})
}

func TestBucketChanges(t *testing.T) {
	now := time.Unix(1e9, 0)
	var b bucket
	if n, wait, _ := b.ask(now, 1<<20); n != 1<<20 || wait != 0 {
		t.Errorf("without a limit: %d, %v", n, wait)
	}
	b.took(1 << 20)
	b.set(now, 1000)
	n, wait, changed := b.ask(now, 1<<20)
	if n != 0 || wait <= 0 || wait > time.Second {
		t.Fatalf("at the start: %d, %v", n, wait)
	}
	b.set(now, 1<<30)
	<-changed // who waits asks again
	b.set(now, 0)
	if n, wait, _ := b.ask(now, 5); n != 5 || wait != 0 {
		t.Errorf("limit taken away: %d, %v", n, wait)
	}
	if n, wait, _ := b.ask(now.Add(-time.Hour), 0); n != 0 || wait != 0 {
		t.Errorf("nothing wanted: %d, %v", n, wait)
	}
}

// TestBucketPaceEnds: whoever waits for the bucket returns when the connection is closed, and when
// the limit goes.
func TestBucketPaceEnds(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	c := &conn{Conn: here, closed: make(chan struct{})}
	c.cap.set(time.Now(), 1)
	c.cap.took(1_000_000) // days of waiting
	go there.Write([]byte("ab"))
	got := make(chan error)
	read := func() { _, err := c.Read(make([]byte, 1)); got <- err }
	go read()
	select {
	case err := <-got:
		t.Fatalf("read at once: %v", err)
	default:
	}
	c.cap.set(time.Now(), 0)
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	c.cap.set(time.Now(), 1)
	c.cap.took(1_000_000)
	go read()
	c.Close()
	if err := <-got; !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// The limit that is configured is the most, whatever is set.
func TestSetBandwidth(t *testing.T) {
	f := (&fake{Password: "right"}).start(t)
	c := f.conf(withPassword("right"))
	c.Bandwidth = 1 << 20
	cl := wantLogin(t, c)
	for set, is := range map[int64]int64{0: 1 << 20, 1 << 10: 1 << 10, 1 << 30: 1 << 20, -1: 1 << 20} {
		cl.SetBandwidth(set)
		want(t, "rate", cl.conn.cap.rate, is)
	}
	cl.SetBandwidth(64 << 10)
	if _, _, err := cl.SendRequest("keepalive@openssh.com", true, nil); err != nil {
		t.Error(err)
	}
	free := wantLogin(t, f.conf(withPassword("right")))
	free.SetBandwidth(5)
	want(t, "rate", free.conn.cap.rate, 5)
	free.SetBandwidth(0)
	want(t, "rate", free.conn.cap.rate, 0)
}
