package runner

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident/incidenttest"
)

// TestContents: what a look over the records of each host finds is in the manifest; where
// it fails the row says so and is as complete as before, nothing else of it changes, and a
// retry for the report's sake looks again.
func TestContents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		sick := incidenttest.Sites[0].Hosts[1].Name
		var fails atomic.Bool
		var asked atomic.Int64
		fails.Store(true)
		b.r.Contents = func(_ context.Context, job ContentsJob) (evidence.Contents, error) {
			asked.Add(1)
			if h := job.Manifest.Hosts; len(h) != 1 || h[0].Host == sick && fails.Load() {
				return evidence.Contents{}, errors.New("its process ended")
			}
			return evidence.Contents{BodiesLogged: "mixed", Credentials: 7, OwnAddresses: []string{"192.0.2.7"}}, nil
		}
		b.noReport = "its process ended"
		in, err := b.r.Once(t.Context(), request())
		if err != nil || in.Coverage != evidence.Complete {
			t.Fatalf("%+v, %v", in, err)
		}
		if n := int(asked.Load()); n != len(in.Hosts) {
			t.Errorf("%d looks at %d hosts", n, len(in.Hosts))
		}
		m, _ := readBundle(in.Bundle)
		for _, h := range m.Manifest.Hosts {
			noted := strings.Contains(strings.Join(h.Notes, "\n"), notLooked+": its process ended")
			if noted != (h.Host == sick) || (h.BodiesLogged == "mixed" && h.Credentials == 7) == (h.Host == sick) || h.Coverage != evidence.Complete {
				t.Errorf("%s: %s, bodies %s, %d credentials, notes %q", h.Host, h.Coverage, h.BodiesLogged, h.Credentials, h.Notes)
			}
		}

		b.noReport = ""
		fails.Store(false)
		if in, err = b.r.Retry(t.Context(), in.ID, RetryRequest{}); err != nil {
			t.Fatal(err)
		}
		if n := int(asked.Load()); n != len(in.Hosts)+1 {
			t.Errorf("the retry looked at %d hosts, want 1", n-len(in.Hosts))
		}
		m, _ = readBundle(in.Bundle)
		for _, h := range m.Manifest.Hosts {
			if h.BodiesLogged != "mixed" || strings.Contains(strings.Join(h.Notes, "\n"), notLooked) {
				t.Errorf("after the retry %s has bodies %s, notes %q", h.Host, h.BodiesLogged, h.Notes)
			}
		}
	})
}

// TestContentsCancelled: at the end of the program no look is waited for, and none noted.
func TestContentsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		ctx, cancel := context.WithCancel(t.Context())
		b.r.Contents = func(ctx context.Context, _ ContentsJob) (evidence.Contents, error) {
			cancel()
			<-ctx.Done()
			return evidence.Contents{}, ctx.Err()
		}
		in, err := b.r.Once(ctx, request())
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("%+v, %v", in, err)
		}
		b.r.Contents = func(context.Context, ContentsJob) (evidence.Contents, error) {
			return evidence.Contents{BodiesLogged: "no"}, nil
		}
		in, err = b.r.Retry(t.Context(), in.ID, RetryRequest{})
		if err != nil {
			t.Fatal(err)
		}
		m, _ := readBundle(in.Bundle)
		for _, h := range m.Manifest.Hosts {
			if h.BodiesLogged != "no" || len(h.Notes) > 0 {
				t.Errorf("%+v", h)
			}
		}
	})
}
