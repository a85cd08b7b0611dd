package logset

import (
	"compress/gzip"
	"context"
	"strings"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
)

// A server that says a file has 2^64-1 bytes, which is -1 here.
func TestBreakNegativeSize(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log", w.Text(time.Minute, 0), 0)
	c := &conntest.Hook{Stat: func(string, int64) int64 { return -1 }}
	h, err := c.Open(t.Context(), w.Path("network_log"))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("in a goroutine of its own this ends the program: %v", r)
		}
	}()
	(&File{Info: Info{Name: "network_log"}, Handle: h}).look(0)
}

// Compressed files count for the depth; the rate is that of the plain ones after.
func TestRetentionGzip(t *testing.T) {
	w := fetchtest.NewWorld(t)
	var b strings.Builder
	z := gzip.NewWriter(&b)
	z.Write([]byte(w.Text(90*time.Minute, 30*time.Minute)))
	z.Close()
	w.Put("network_log.2.gz", b.String(), 30*time.Minute)
	w.Put("network_log.1", "", 20*time.Minute)
	w.Put("network_log", w.Text(10*time.Minute, 0), 0)
	all, err := depthsOf(t, hostconn.Host{Dir: w.Dir, Families: []string{"network_log"}, Dial: func(context.Context) (hostconn.Conn, error) { return &conntest.Local{}, nil }})
	got := all["network_log"]
	if err != nil || got.Depth().Round(time.Minute) != 90*time.Minute {
		t.Errorf("%+v, %v", got, err)
	}
	if want := int64(len(w.Text(time.Minute, 0))); got.PerMin < want*8/10 || got.PerMin > want {
		t.Errorf("%d bytes a minute, want %d", got.PerMin, want)
	}
}

// depthsOf looks at how far back a host's logs go, as a keeper does.
func depthsOf(t *testing.T, host hostconn.Host) (map[string]Retention, error) {
	p := proofOf(t, &Prover{}, host)
	return p.Depths, p.Err
}

// proofOf is the proof of a host.
func proofOf(t *testing.T, prover *Prover, host hostconn.Host) (p Proof) {
	conn, err := host.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	prover.Hosts, prover.Proven = []hostconn.Host{host}, func(_ string, found Proof) { p = found }
	prover.Prove(t.Context(), conn, hostconn.Look{Last: true})
	return p
}
