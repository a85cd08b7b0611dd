package runner

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// lender has all of a host that is not reached.
func lender(_ context.Context, _ incident.Incident, p Puller, row evidence.Host, asked evidence.Window) (evidence.Host, error) {
	fake := p.(*fakePuller)
	for i := range row.Files {
		f := &row.Files[i]
		if err := os.WriteFile(fake.slice(f.Family), []byte("lent\n"), 0o600); err != nil {
			return row, err
		}
		f.Path, f.Bytes, f.Missing, f.Coverage = "hosts/"+row.Host+"/"+f.Family+".txt", 5, nil, evidence.Complete
	}
	row.Conclude()
	return row, nil
}

// TestBorrows: what others have of a host that was not reached is in the bundle, when the incident is
// to be sealed and not before; hosts that lack nothing are left alone. Errors, panics and what takes
// too long cost only that.
func TestBorrows(t *testing.T) {
	for name, c := range map[string]struct {
		borrow func(ctx context.Context, in incident.Incident, p Puller, row evidence.Host, asked evidence.Window) (evidence.Host, error)
		want   evidence.Coverage
	}{
		"lent": {lender, evidence.Complete},
		"part of it, and an error": {func(ctx context.Context, in incident.Incident, p Puller, row evidence.Host, asked evidence.Window) (evidence.Host, error) {
			row, err := lender(ctx, in, p, row, asked)
			return row, errors.Join(err, errors.New("not all"))
		}, evidence.Complete},
		"nothing": {func(context.Context, incident.Incident, Puller, evidence.Host, evidence.Window) (evidence.Host, error) {
			return evidence.Host{}, errors.New("the hub is away")
		}, evidence.Partial},
		"a panic": {func(context.Context, incident.Incident, Puller, evidence.Host, evidence.Window) (evidence.Host, error) {
			panic("no")
		}, evidence.Partial},
		"without end": {func(ctx context.Context, _ incident.Incident, _ Puller, row evidence.Host, _ evidence.Window) (evidence.Host, error) {
			<-ctx.Done()
			return row, ctx.Err()
		}, evidence.Partial},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &others{say: Verdict{Act: ActWait, By: "dmz-b"}}
				b := shared(t, o)
				b.hosts["expe01"].script = func(context.Context, int, Pass) error { return errors.New("no way there") }
				var asked atomic.Int64
				b.r.Beside.Borrow = func(ctx context.Context, in incident.Incident, p Puller, row evidence.Host, w evidence.Window) (evidence.Host, error) {
					asked.Add(1)
					if row.Host != "expe01" || !incident.SameWindow(w, in.Asked) {
						t.Errorf("asked for %s of %v", row.Host, w)
					}
					return c.borrow(ctx, in, p, row, w)
				}
				j := b.journal()
				stop := b.watch(j)
				b.alertNow(j, "n1", 1)
				time.Sleep(20 * time.Minute)
				if asked.Load() > 0 {
					t.Error("it is asked for what is not to be sealed here")
				}
				o.set(Verdict{Act: ActSeal}, nil)
				time.Sleep(time.Minute)
				if _, fb := b.sealedOnly(); fb.Manifest.Coverage != c.want || asked.Load() != 1 {
					t.Errorf("%s, want %s; asked %d times", fb.Manifest.Coverage, c.want, asked.Load())
				}
				stop()
			})
		})
	}
}

// TestBorrowsNotMeanwhile: an alert that widens the window ends the borrowing, and the hosts are asked
// again at once.
func TestBorrowsNotMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &others{say: Verdict{Act: ActSeal}}
		b := shared(t, o)
		b.hosts["expe01"].script = func(_ context.Context, n int, _ Pass) error {
			if n < 60 {
				return errors.New("no way there")
			}
			return nil
		}
		begun := make(chan struct{}, 100)
		b.r.Beside.Borrow = func(ctx context.Context, _ incident.Incident, _ Puller, row evidence.Host, _ evidence.Window) (evidence.Host, error) {
			begun <- struct{}{}
			<-ctx.Done()
			return row, ctx.Err()
		}
		j := b.journal()
		stop := b.watch(j)
		b.alertNow(j, "n1", 1)
		<-begun
		before := len(b.hosts["expc01"].seen())
		b.alertNow(j, "n2", 3)
		time.Sleep(100 * time.Millisecond)
		if after := len(b.hosts["expc01"].seen()); after == before {
			t.Errorf("the hosts are not asked for the wider window: %d passes", after)
		}
		time.Sleep(time.Hour)
		if in, _ := b.sealedOnly(); len(in.Members) != 2 {
			t.Errorf("%d alerts", len(in.Members))
		}
		stop()
	})
}
