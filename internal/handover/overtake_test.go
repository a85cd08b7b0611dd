package handover

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/handover/sink"
)

// A revision that is under way when a newer one comes, and fails, is not tried again; the
// newer one does not wait for what was never delivered.
func TestOvertakenUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		to := &fake{slow: time.Minute, fail: func(call int, _ sink.Artifact) error {
			if call == 1 {
				return gone(sink.Mismatch)
			}
			return nil
		}}
		b.begin(destination("share", to))
		first := b.add(b.bundle(1, 1), "share")
		time.Sleep(30 * time.Second)
		began := time.Now()
		second := b.add(b.bundle(1, 2), "share")
		b.until(first, Superseded)
		b.until(second, Done)
		if d := time.Since(began); d > 5*time.Minute || to.made() != 2 {
			t.Errorf("%d attempts, after %v", to.made(), d)
		}
	})
}

// One that is being prepared when a newer one comes does not go either.
func TestOvertakenWhilePrepared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, to := newBench(t), &fake{}
		going := make(chan struct{}, 1)
		d := destination("share", to)
		d.Terms = func(Job) Terms { return Terms{Format: "tar.gz"} }
		b.begin()
		b.Engine.Maker.Convert = func(_ context.Context, src, dst, _ string) error {
			going <- struct{}{}
			time.Sleep(time.Minute)
			return os.Link(src, dst)
		}
		b.Configure([]Destination{d})
		first := b.add(b.bundle(1, 1), "share")
		<-going
		second := b.add(b.bundle(1, 2), "share")
		b.until(first, Superseded)
		b.until(second, Done)
		if to.made() != 1 {
			t.Errorf("%d attempts", to.made())
		}
	})
}

// A crash between the newer job and the end of the older one is mended at the start.
func TestOvertakenByCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, to := newBench(t), &fake{}
		b.begin()
		one, two := newJob(b.bundle(1, 1), "share"), newJob(b.bundle(1, 2), "share")
		b.end()
		for _, j := range []*Job{one, two} {
			if err := b.Store.file(j.Name()).Save(*j); err != nil {
				t.Fatal(err)
			}
		}
		b.begin(destination("share", to))
		b.until(two.Name(), Done)
		b.until(one.Name(), Superseded)
		if to.made() != 1 {
			t.Errorf("%d attempts", to.made())
		}
	})
}

// Terms that a reload brings while a bundle is made ready, or is under way and fails, hold
// for the next attempt; what was made before does not lie about.
func TestOtherTermsMeanwhile(t *testing.T) {
	for _, when := range []string{"while it is made", "while it is under way"} {
		t.Run(when, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, going := newBench(t), make(chan struct{}, 9)
				to := &fake{fail: func(call int, a sink.Artifact) error {
					if filepath.Ext(a.Name) != ".gz" {
						return nil
					}
					going <- struct{}{}
					time.Sleep(time.Minute)
					return gone(sink.Mismatch)
				}}
				plain, masked := destination("share", to), destination("share", to)
				plain.Terms = func(Job) Terms { return Terms{Format: "tar.gz"} }
				masked.Terms = func(Job) Terms { return Terms{Mask: "identities"} }
				masked.Open = func() (sink.Sink, error) { return nil, dead(sink.Refused) }
				b.begin()
				b.Engine.Maker.Convert = func(_ context.Context, src, dst, _ string) error {
					if when == "while it is made" {
						going <- struct{}{}
						time.Sleep(time.Minute)
					}
					return os.Link(src, dst)
				}
				b.Engine.Maker.Mask = func(_ context.Context, src, dir string, _ Job, _ Terms) (string, error) {
					return filepath.Join(dir, "masked.zip"), os.Link(src, filepath.Join(dir, "masked.zip"))
				}
				b.Configure([]Destination{plain})
				name := b.add(b.bundle(1, 1), "share")
				<-going
				b.Configure([]Destination{masked})
				time.Sleep(time.Hour)
				if left, _ := filepath.Glob(filepath.Join(b.dir, "handover", "outbox", "*", "*.gz")); len(left) > 0 {
					t.Errorf("left: %v", left)
				}
				masked.Open = func() (sink.Sink, error) { return to, nil }
				b.Configure([]Destination{masked})
				if v := b.until(name, Done); v.Artefact.Name != "masked.zip" || !to.has("masked.zip") || to.has("20260302T141401Z-hq-3fa2c1.tar.gz") {
					t.Errorf("%+v", v.Artefact)
				}
			})
		})
	}
}

// What came of an attempt where a destination was before a reload is not held against where
// it is now; one that hangs there does not keep it.
func TestMovedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, here := newBench(t), &fake{}
		for _, old := range []*fake{
			{slow: time.Minute, fail: func(int, sink.Artifact) error { return dead(sink.Refused) }},
			{hang: make(chan struct{})},
		} {
			was, is := destination("share", old), destination("share", here)
			was.Where, is.Where = "old", "new"
			if b.stop == nil {
				b.begin()
			}
			b.Configure([]Destination{was})
			name := b.add(b.bundle(1+here.made(), 1), "share")
			time.Sleep(30 * time.Second)
			b.Configure([]Destination{is})
			began := time.Now()
			b.until(name, Done)
			if d := time.Since(began); d > 10*time.Minute || b.Report()[0].Closed {
				t.Errorf("after %v: %+v", d, b.Report())
			}
			if old.hang != nil {
				close(old.hang)
			}
		}
	})
}
