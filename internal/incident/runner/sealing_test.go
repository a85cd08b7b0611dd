package runner

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// TestReportLater: a complete incident whose report could not be made says so and keeps its
// slices; a retry that cannot make it either changes nothing; one that can asks no host and
// makes a second revision of the same logs.
func TestReportLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		b.noReport = "its process ended"
		in, err := b.r.Once(t.Context(), request())
		if err != nil || in.Coverage != evidence.Complete || in.NoReport() != "its process ended" {
			t.Fatalf("%+v, %v", in, err)
		}
		keeper{b.r}.tidy(t.Context()) // as the next start does
		if _, err := os.Stat(b.st.SlicesDir(in.Key)); err != nil {
			t.Fatalf("the slices are gone: %v", err)
		}
		before, _ := readBundle(in.Bundle)
		asked := func() (n int) {
			for _, h := range b.hosts {
				n += len(h.seen())
			}
			return n
		}
		passes := asked()

		again, err := b.r.Retry(t.Context(), in.ID, RetryRequest{})
		if !errors.Is(err, ErrNoReport) || again.Revision != 1 || again.State != incident.Sealed || again.Bundle != in.Bundle || again.NoReport() == "" {
			t.Errorf("retry in vain: %+v, %v", again, err)
		}
		b.noReport = ""
		again, err = b.r.Retry(t.Context(), in.ID, RetryRequest{})
		if err != nil || again.Revision != 2 || again.NoReport() != "" || !strings.Contains(again.Bundle, "-r2") {
			t.Fatalf("%+v, %v", again, err)
		}
		if asked() != passes {
			t.Error("a host was asked for the report's sake")
		}
		after, _ := readBundle(again.Bundle)
		for name, slice := range before.Slices {
			if after.Slices[name] != slice {
				t.Errorf("%s is another than before", name)
			}
		}
		if _, err := os.Stat(b.st.SlicesDir(in.Key)); err == nil {
			t.Error("the slices of a complete incident with a report stay")
		}
		if _, err := b.r.Retry(t.Context(), in.ID, RetryRequest{}); !errors.Is(err, ErrComplete) {
			t.Errorf("retry of a complete one: %v", err)
		}
	})
}

// TestCrashWhileSealing: a program that ends while it seals tries it once more, and then
// seals the logs as they are.
func TestCrashWhileSealing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		var plain []string
		seal := b.r.Seal
		crash := func(n int) {
			defer func() { recover() }()
			_, err := b.r.Once(t.Context(), request())
			t.Errorf("crash %d: %v", n, err)
		}
		b.r.Seal = func(_ context.Context, job SealJob) (SealedBundle, error) {
			plain = append(plain, job.Plain)
			panic("the program ends")
		}
		crash(1)
		keys, err := b.st.Keys()
		if err != nil || len(keys) != 1 {
			t.Fatalf("%v, %v", keys, err)
		}
		func() {
			defer func() { recover() }()
			b.r.Retry(t.Context(), keys[0], RetryRequest{})
		}()
		b.r.Seal = func(c context.Context, job SealJob) (SealedBundle, error) {
			plain = append(plain, job.Plain)
			return seal(c, job)
		}
		in, err := b.r.Retry(t.Context(), keys[0], RetryRequest{})
		if err != nil || in.State != incident.Sealed || !strings.Contains(in.NoReport(), "ended 2 times") {
			t.Fatalf("%+v, %v", in, err)
		}
		if len(plain) != 3 || plain[0] != "" || plain[1] != "" || plain[2] == "" {
			t.Errorf("what the sealer was told: %q", plain)
		}
		in, err = b.r.Retry(t.Context(), keys[0], RetryRequest{})
		if err != nil || in.Revision != 2 || in.NoReport() != "" {
			t.Errorf("the report is not added later: %+v, %v", in, err)
		}
	})
}

// TestErrorWhileSealingIsNoCrash: an error, or an ordinary stop, is not counted.
func TestErrorWhileSealingIsNoCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		failure := errors.New("no bundle today")
		b.seal = func(n int) error {
			if n < 4 {
				return failure
			}
			return nil
		}
		in, err := b.r.Once(t.Context(), request())
		for range 3 {
			if !errors.Is(err, failure) {
				t.Fatal(err)
			}
			in, err = b.r.Retry(t.Context(), in.ID, RetryRequest{})
		}
		if in, err = b.r.Retry(t.Context(), in.ID, RetryRequest{}); err != nil || in.NoReport() != "" {
			t.Errorf("%+v, %v", in, err)
		}
	})
}

// A bundle for which the disk has no room keeps no other from being made: a small one, or one on another disk, fits.
func TestNoRoomForOneBundle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		b.r.Parallel = 1
		var room atomic.Bool
		seal, large := b.r.Seal, ""
		b.r.Seal = func(ctx context.Context, job SealJob) (SealedBundle, error) {
			if large == "" {
				large = job.Incident.ID
			}
			if job.Incident.ID == large && !room.Load() {
				return SealedBundle{}, syscall.ENOSPC
			}
			return seal(ctx, job)
		}
		j := b.journal()
		stop := b.watch(j)
		b.alertNow(j, "n1", 1)
		time.Sleep(time.Hour)
		b.alertNow(j, "n1", 2)
		time.Sleep(time.Hour)
		synctest.Wait()
		sealed := func(id string, want bool) {
			for _, l := range b.list() {
				if (l.Incident == large) == (id == large) && (l.State == incident.Sealed) != want {
					t.Errorf("%s is %s", l.Incident, l.State)
				}
			}
		}
		if n := len(b.list()); n != 2 {
			t.Fatalf("%d incidents", n)
		}
		sealed(large, false)
		sealed("the other", true)
		room.Store(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		sealed(large, true)
		stop()
	})
}
