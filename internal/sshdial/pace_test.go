package sshdial

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// A source has bytes at any time, at most so many in one read.
type source struct {
	net.Conn
	most int
}

func (s *source) Read(b []byte) (int, error) { return min(len(b), s.most), nil }

func (s *source) Close() error { return nil }

// paced is a Client that reads from a source, without a login.
func paced(most int) (*Client, *source) {
	s := &source{most: most}
	return &Client{conn: &conn{Conn: s, closed: make(chan struct{}), greeted: true}}, s
}

// TestBandwidth: over any time no more is read than the rate and one burst allow,
// whatever pauses there are, and whoever always wants more gets nearly all of it. A
// burst is what comes in a quarter of a second, or one byte.
func TestBandwidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ *testing.T }{t}, func(t *rapid.T) { // a *testing.T would be asked for its deadline, which a bubble forbids
			rate := rapid.Int64Range(1, 1<<30).Draw(t, "rate")
			burst := max(1, float64(rate)/4)
			c, from := paced(1 << 20)
			c.SetBandwidth(rate)
			greedy := rapid.Bool().Draw(t, "greedy")
			start, total := time.Now(), 0
			for range rapid.IntRange(1, 200).Draw(t, "reads") {
				if !greedy {
					from.most = rapid.IntRange(1, 1<<20).Draw(t, "there")
					if rapid.Bool().Draw(t, "pause") {
						time.Sleep(time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "for")))
					}
				}
				before := time.Now()
				n, err := c.conn.Read(make([]byte, rapid.IntRange(1, 1<<20).Draw(t, "want")))
				if err != nil || n < 1 || time.Since(before) > 2*time.Second {
					t.Fatalf("%d bytes after %v: %v", n, time.Since(before), err)
				}
				total += n
			}
			due := time.Since(start).Seconds() * float64(rate)
			if most := due + burst + 1; float64(total) > most {
				t.Fatalf("%d bytes at %d per second: more than %.0f", total, rate, most)
			}
			if least := due - burst - 1; greedy && float64(total) < least {
				t.Fatalf("%d bytes at %d per second: less than %.0f", total, rate, least)
			}
		})
	})
}

// TestBandwidthChanges: another limit holds from the next read on, and setting one gives
// nothing away.
func TestBandwidthChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := paced(1 << 20)
		took := func(bytes int) time.Duration {
			start := time.Now()
			for bytes > 0 {
				n, err := c.conn.Read(make([]byte, bytes))
				if err != nil {
					t.Fatal(err)
				}
				bytes -= n
			}
			return time.Since(start).Round(time.Second)
		}
		for _, want := range []struct {
			rate  int64
			bytes int
			time  time.Duration
		}{{0, 1 << 20, 0}, {1000, 10_000, 10 * time.Second}, {100, 1000, 10 * time.Second}, {1 << 30, 1 << 20, 0}, {1, 10, 10 * time.Second}, {0, 1 << 20, 0}} {
			c.SetBandwidth(want.rate)
			if d := took(want.bytes); (d - want.time).Abs() > time.Second { // one burst
				t.Errorf("%d bytes at %d per second: %v", want.bytes, want.rate, d)
			}
		}
		start, total := time.Now(), 0
		for range 1000 {
			c.SetBandwidth(1000)
			n, err := c.conn.Read(make([]byte, 10))
			if err != nil {
				t.Fatal(err)
			}
			total += n
		}
		if most := time.Since(start).Seconds()*1000 + 250; float64(total) > most {
			t.Errorf("%d bytes, %.0f were due", total, most)
		}
	})
}

// TestPaceEnds: whoever waits for his turn is let go when the connection is closed, and
// soon when the limit goes.
func TestPaceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := paced(1)
		read := func() chan error {
			got := make(chan error, 1)
			go func() { _, err := c.conn.Read(make([]byte, 1)); got <- err }()
			synctest.Wait()
			return got
		}
		c.SetBandwidth(1)
		got := read()
		select {
		case err := <-got:
			t.Fatalf("read at once: %v", err)
		default:
		}
		start := time.Now()
		c.SetBandwidth(0)
		if err := <-got; err != nil || time.Since(start) > time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		c.SetBandwidth(1)
		got = read()
		start = time.Now()
		c.conn.Close()
		if err := <-got; !errors.Is(err, net.ErrClosed) || time.Since(start) > 0 {
			t.Errorf("closed: %v after %v", err, time.Since(start))
		}
	})
}

// TestSetBandwidth: the limit that is configured is the most, whatever is set.
func TestSetBandwidth(t *testing.T) {
	f := (&fake{Password: "right"}).start(t)
	c := f.conf(withPassword("right"))
	c.Bandwidth = 1 << 20
	cl := wantLogin(t, c)
	for set, is := range map[int64]int64{0: 1 << 20, 1 << 10: 1 << 10, 1 << 30: 1 << 20, -1: 1 << 20} {
		cl.SetBandwidth(set)
		want(t, "rate", limit(cl), is)
	}
	cl.SetBandwidth(64 << 10)
	if _, _, err := cl.SendRequest("keepalive@openssh.com", true, nil); err != nil {
		t.Error(err)
	}
	free := wantLogin(t, f.conf(withPassword("right")))
	free.SetBandwidth(5)
	want(t, "rate", limit(free), 5)
	free.SetBandwidth(0)
	want(t, "rate", limit(free), 0)
}

// limit is what a Client may read in a second; zero: all that comes.
func limit(c *Client) int64 {
	if l := c.conn.limit.Load(); l != nil {
		return int64(l.Limit())
	}
	return 0
}
