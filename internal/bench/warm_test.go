//go:build linux

package bench

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/fetch"
	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/sshdial"
)

// BenchmarkWarm: from the alert until every file is held over a session that a
// keeper keeps, as in `grab watch`. Goal: 2 round trips and 50 ms; with a name that
// is new 6, and one more for each 100 entries of the folder.
func BenchmarkWarm(b *testing.B) {
	r := newRig(b, 1)
	t := newTable("3b. From the alert until 48 files are held, over a warm session", "held", "round trips", "beyond the goal's round trips")
	for _, trip := range trips {
		logs, end := r.fresh(), time.Now().Truncate(time.Second)
		for _, f := range lab.Families() {
			writeFamily(b, logs, f, 24<<20, siblings, end.Add(-time.Minute))
		}
		r.setRoundTrip(trip)
		w := r.warm(logs)
		for n := range 6 {
			what, goal := "names known", 2
			if n >= 3 {
				what, goal = "one name new", 6
				w.rotate(fmt.Sprintf("-%d", n))
			}
			held := w.held(end)
			trips := "-"
			if trip > 0 {
				trips = fmt.Sprintf("%.1f", float64(held)/float64(trip))
			}
			t.add(trip, measured{what: what, time: held}, held.Round(time.Millisecond).String(), trips, (held - time.Duration(goal)*trip).Round(time.Millisecond).String())
		}
		w.stop()
	}
	t.print()
}

// warmHost is a host to which a keeper keeps a session.
type warmHost struct {
	tb   testing.TB
	host hostconn.Host
	stop func()
}

func (r *rig) warm(logs string) *warmHost {
	r.tb.Helper()
	pool, dial := &hostconn.Pool{}, r.dialer()
	w := &warmHost{tb: r.tb, host: hostconn.Host{Name: "h0", Dir: logs, Families: lab.Families()}}
	w.host.Dial = func(ctx context.Context) (hostconn.Conn, error) {
		return pool.Get(ctx, "h0", hostconn.Commands{Allowed: true}, dial)
	}
	ready := make(chan struct{}, 1)
	prover := logset.Prover{Hosts: []hostconn.Host{w.host},
		Proven: func(string, logset.Proof) {
			select {
			case ready <- struct{}{}:
			default:
			}
		}}
	keeper := &hostconn.Keeper{Pool: pool, Key: "h0", Commands: hostconn.Commands{Allowed: true}, Dial: dial, Name: "h0", Log: slog.New(slog.DiscardHandler),
		Prove: prover.Prove}
	ctx, cancel := context.WithCancel(r.tb.Context())
	done := make(chan struct{})
	go func() { defer close(done); keeper.Run(ctx) }()
	w.stop = func() { cancel(); <-done }
	<-ready
	return w
}

func (r *rig) dialer() func(context.Context) (*sshdial.Client, error) {
	c := sshdial.Config{Name: "h0", Address: r.proxies[0].Addr(), User: r.sshd[0].User, KnownHosts: r.path("known_hosts"),
		Auth: sshdial.Auth{Kind: sshdial.AuthKey, KeyPEM: func() (string, error) { return string(r.key.PEM), nil }}}
	return func(ctx context.Context) (*sshdial.Client, error) { return sshdial.Dial(ctx, c) }
}

// held is how long it takes from now until all files are held.
func (w *warmHost) held(end time.Time) time.Duration {
	w.tb.Helper()
	dir := w.tb.TempDir()
	g := &fetch.Grab{Host: w.host, Dir: dir}
	defer g.Close()
	var held time.Time
	began := time.Now()
	row, err := g.Pass(w.tb.Context(), evidence.NewWindow(end.Add(-15*time.Minute), end.Add(-2*time.Minute)), func(at time.Time) { held = at })
	must(w.tb, err)
	if row.Coverage != evidence.Complete {
		w.tb.Fatalf("%+v", row)
	}
	return held.Sub(began)
}

// rotate gives the newest file of a family a name that nobody has seen.
func (w *warmHost) rotate(suffix string) {
	w.tb.Helper()
	name := filepath.Join(w.host.Dir, lab.NetworkLog)
	must(w.tb, os.Rename(name, name+suffix))
	must(w.tb, os.WriteFile(name, fmt.Appendf(nil, "%s expc01 tvcs: a new log%s, which has so many bytes that it can be told from others\n", time.Now().Format("2006-01-02T15:04:05.000-07:00"), suffix), 0o600))
}
