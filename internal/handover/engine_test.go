package handover

import (
	"bytes"
	"io"

	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"filippo.io/age"

	"rtmtgrab/internal/handover/sink"
)

func TestDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, to := newBench(t), &fake{}
		b.begin(destination("Share", to))
		f := b.bundle(1, 1)
		name := b.add(f, "Share")
		v := b.until(name, Done)
		if v.Place != "fake:"+filepath.Base(f.Bundle) || v.Verified != sink.BySHA256 || to.got[filepath.Base(f.Bundle)] != sumOf(t, f.Bundle) {
			t.Errorf("%+v", v)
		}
		b.add(f, "Share") // as after a crash
		time.Sleep(time.Hour)
		if to.made() != 1 || len(b.Jobs()) != 0 {
			t.Errorf("%d attempts, %d jobs", to.made(), len(b.Jobs()))
		}
		if r := b.Report(); len(r) != 1 || r[0].Count != 1 || r[0].Place != v.Place || r[0].Waiting != 0 {
			t.Errorf("%+v", r)
		}
		if len(b.kept) != 1 || b.kept[0] != name+" 1 delivered false" {
			t.Errorf("custody: %q", b.kept)
		}
	})
}

// A destination that is away for 40 minutes costs nothing but attempts, fewer and fewer.
func TestAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, to := newBench(t), &fake{}
		back := time.Now().Add(40 * time.Minute)
		to.fail = func(int, sink.Artifact) error {
			if time.Now().Before(back) {
				return gone(sink.Unreachable)
			}
			return nil
		}
		b.begin(destination("share", to))
		var names []string
		for i := range 5 {
			names = append(names, b.add(b.bundle(i, 1), "share"))
		}
		for _, n := range names {
			b.until(n, Done)
		}
		if n := to.made(); n < 5+5 || n > 5+14 { // not five times as many for five bundles
			t.Errorf("%d attempts", n)
		}
		if time.Since(back) > 20*time.Minute {
			t.Errorf("delivered only %v after it was back", time.Since(back))
		}
	})
}

// What cannot pass is not tried again, until somebody has changed something.
func TestPermanent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, to := newBench(t), &fake{}
		to.fail = func(call int, _ sink.Artifact) error {
			if call == 1 {
				return dead(sink.Rejected)
			}
			return nil
		}
		b.begin(destination("share", to))
		f := b.bundle(1, 1)
		name := b.add(f, "share")
		b.until(name, Failed)
		other := b.add(b.bundle(2, 1), "share")
		b.until(other, Done) // it is about the one bundle
		time.Sleep(24 * time.Hour)
		if to.made() != 2 {
			t.Fatalf("%d attempts", to.made())
		}
		if r := b.Report(); r[0].Failed != 1 {
			t.Errorf("%+v", r)
		}
		if _, err := b.Send(f, "share", "ann", ""); err != nil {
			t.Fatal(err)
		}
		b.until(name, Done)
	})
}

// What a destination does not take is tried again once when the configuration or the program is
// new: its address may have been wrong. What is wrong with a bundle here is not mended by that.
func TestRejectedUntilReload(t *testing.T) {
	for how, renew := range map[string]func(b *bench, d Destination){
		"reload": func(b *bench, d Destination) { b.Configure([]Destination{d}) },
		"start":  func(b *bench, d Destination) { b.end(); b.begin(d) },
	} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, to := newBench(t), &fake{fail: func(int, sink.Artifact) error { return dead(sink.Rejected) }}
				d := destination("share", to)
				b.begin(d)
				name := b.add(b.bundle(1, 1), "share")
				b.until(name, Failed)
				spoilt := b.bundle(2, 1)
				os.Remove(spoilt.Bundle)
				lost := b.add(spoilt, "share")
				b.until(lost, Failed)

				to.mu.Lock()
				to.fail = nil
				to.mu.Unlock()
				renew(b, d)
				b.until(name, Done)
				time.Sleep(time.Hour)
				if v, _ := b.Look(lost); v.State != Failed || to.made() != 2 {
					t.Errorf("%+v, %d attempts", v, to.made())
				}
			})
		})
	}
}

// A refused login stops all that goes there after one attempt; a reload opens it again.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, to := newBench(t), &fake{fail: func(int, sink.Artifact) error { return dead(sink.Refused) }}
		b.begin(destination("share", to))
		a, c := b.add(b.bundle(1, 1), "share"), b.add(b.bundle(2, 1), "share")
		b.until(a, Failed)
		time.Sleep(48 * time.Hour)
		if v, _ := b.Look(c); to.made() != 1 || v.State.Final() || v.Why == "" || !b.Report()[0].Closed {
			t.Fatalf("%d attempts, %+v", to.made(), v)
		}
		to.mu.Lock()
		to.fail = nil
		to.mu.Unlock()
		b.Configure([]Destination{destination("share", to)})
		b.until(a, Done)
		b.until(c, Done)
	})
}

// A refusal of one bundle alone, as of a case's token, keeps no other; a reload tries it again.
func TestRefusedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, to := newBench(t), &fake{fail: func(call int, _ sink.Artifact) error {
			if call == 1 {
				return &sink.Error{Cause: sink.Refused, Permanent: true, Alone: true, Err: errState}
			}
			return nil
		}}
		b.begin(destination("share", to))
		a := b.add(b.bundle(1, 1), "share")
		b.until(a, Failed)
		b.until(b.add(b.bundle(2, 1), "share"), Done)
		if b.Report()[0].Closed || to.made() != 2 {
			t.Errorf("%d attempts, %+v", to.made(), b.Report()[0])
		}
		b.Configure([]Destination{destination("share", to)})
		b.until(a, Done)
	})
}

// A clock that was years ahead when something failed, and was put right then, keeps nothing
// waiting for years: neither a bundle nor a destination, before a restart or after it.
func TestClockPutBack(t *testing.T) {
	ahead := func() time.Time { return time.Now().Add(10 * 365 * 24 * time.Hour) }
	synctest.Test(t, func(t *testing.T) {
		b, to := newBench(t), &fake{fail: func(int, sink.Artifact) error { return gone(sink.Unreachable) }}
		b.begin(destination("share", to))
		name := b.add(b.bundle(1, 1), "share")
		b.until(name, Prepared)
		s := &b.state
		s.mu.Lock()
		s.jobs[name].Due, s.queue("share").notBefore = ahead(), ahead()
		s.mu.Unlock()
		to.mu.Lock()
		to.fail = nil
		to.mu.Unlock()
		time.Sleep(time.Hour)
		b.until(name, Done)

		j := newJob(b.bundle(2, 1), "share")
		j.Due = ahead()
		b.end()

		if err := b.Store.file(j.Name()).Save(*j); err != nil {
			t.Fatal(err)
		}
		b.begin(destination("share", to))
		time.Sleep(time.Hour)
		b.until(j.Name(), Done)
	})
}

// A bundle that always fails in a way that looks like the destination's keeps no other
// waiting for good.
func TestPoison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, to := newBench(t), &fake{}
		bad := b.bundle(0, 1)
		to.fail = func(_ int, a sink.Artifact) error {
			if a.Name == filepath.Base(bad.Bundle) {
				return gone(sink.Busy)
			}
			return nil
		}
		b.begin(destination("share", to))
		b.add(bad, "share")
		for i := range 10 {
			name := b.add(b.bundle(i+1, 1), "share")
			began := time.Now()
			b.until(name, Done)
			if time.Since(began) > time.Hour {
				t.Errorf("bundle %d waited %v", i, time.Since(began))
			}
		}
	})
}

// Bundles of a destination that is taken out wait, and go when it is back; those of others
// go on.
func TestRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, one, two := newBench(t), &fake{fail: func(int, sink.Artifact) error { return gone(sink.Unreachable) }}, &fake{}
		b.begin(destination("one", one), destination("two", two))
		f := b.bundle(1, 1)
		name := b.add(f, "one")
		time.Sleep(time.Minute)
		b.Configure([]Destination{destination("two", two)})
		b.until(b.add(f, "two"), Done)
		calls := one.made()
		time.Sleep(48 * time.Hour)
		v, ok := b.Look(name)
		if r := b.Report(); !ok || v.State.Final() || one.made() > calls+1 || len(r) != 2 || r[0].Configured || r[0].Waiting != 1 {
			t.Fatalf("%+v, %+v", v, b.Report())
		}
		b.end()
		one.fail = nil
		b.begin(destination("ONE", one)) // names do not differ by case
		b.until(name, Done)
	})
}

// A newer revision replaces those that wait; what is under way or was asked for by hand goes on.
func TestSuperseded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, to := newBench(t), &fake{}
		b.begin()
		first := b.add(b.bundle(1, 1), "share")
		second := b.add(b.bundle(1, 2), "share")
		if v := b.until(first, Superseded); !strings.Contains(v.Error, "revision 2") {
			t.Error(v.Error)
		}
		if late := b.add(b.bundle(1, 1), "other"); b.until(late, Queued).Sink != "other" {
			t.Error("of another destination")
		}
		b.Configure([]Destination{destination("share", to)})
		b.until(second, Done)
		zero := b.add(b.bundle(1, 1), "share") // as if it had been queued late
		b.until(zero, Superseded)
		if to.made() != 1 {
			t.Errorf("%d attempts", to.made())
		}
	})
}

// Further revisions of what was delivered are gathered.
func TestGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, to := newBench(t), &fake{}
		b.begin(destination("share", to))
		b.until(b.add(b.bundle(1, 1), "share"), Done)
		start := time.Now()
		last := ""
		for rev := 2; rev <= 12; rev++ { // one every 5 minutes, for an hour
			last = b.add(b.bundle(1, rev), "share")
			time.Sleep(5 * time.Minute)
		}
		b.until(last, Done)
		if n := to.made(); n < 3 || n > 4 { // at most one in 30 minutes
			t.Errorf("%d deliveries in %v", n, time.Since(start))
		}
		if !to.has("20260302T141401Z-hq-3fa2c1-r12.zip") {
			t.Error("the newest is not there")
		}
		began := time.Now()
		b.until(b.add(b.bundle(2, 1), "share"), Done)
		if time.Since(began) > time.Minute {
			t.Error("the first revision of another incident waited")
		}
	})
}

// A sink that ignores its context keeps nobody but its own, and not the end of the program.
func TestHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, stuck, good := newBench(t), &fake{hang: make(chan struct{})}, &fake{}
		b.begin(destination("stuck", stuck), destination("good", good))
		f := b.bundle(1, 1)
		name := b.add(f, "stuck")
		b.add(b.bundle(2, 1), "stuck")
		time.Sleep(10 * time.Minute)
		v, _ := b.Look(name)
		if v.State != Unknown || v.Cause != string(sink.Timeout) || stuck.made() != 1 || !b.Report()[1].Hung {
			t.Fatalf("%+v", v)
		}
		b.until(b.add(f, "good"), Done)
		close(stuck.hang)
		stuck.mu.Lock()
		stuck.hang = make(chan struct{})
		stuck.mu.Unlock()
		time.Sleep(time.Hour)
		before := time.Now()
		b.end() // while it hangs again
		if d := time.Since(before); d > 10*time.Second {
			t.Errorf("the end took %v", d)
		}
		close(stuck.hang)
		stuck.mu.Lock()
		stuck.hang = nil
		stuck.mu.Unlock()
		b.begin(destination("stuck", stuck))
		b.until(name, Done)
	})
}

// As many hanging destinations as there are places keep no other waiting until they are given up.
func TestHangAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, hang, good := newBench(t), make(chan struct{}), &fake{}
		to := []Destination{destination("zz", good)}
		for i := range 6 {
			to = append(to, destination(fmt.Sprintf("stuck%d", i), &fake{hang: hang}))
		}
		b.begin(to...)
		f := b.bundle(1, 1)
		for i := range 6 {
			b.add(f, fmt.Sprintf("stuck%d", i))
		}
		time.Sleep(time.Second)
		began := time.Now()
		b.until(b.add(f, "zz"), Done)
		if d := time.Since(began); d > 2*time.Minute {
			t.Errorf("it waited for %v", d)
		}
		close(hang)
	})
}

// A stop is at once, and costs nothing.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, to := newBench(t), &fake{slow: 3 * time.Minute}
		b.begin(destination("share", to))
		name := b.add(b.bundle(1, 1), "share")
		time.Sleep(time.Minute)
		before := time.Now()
		b.end()
		if d := time.Since(before); d > time.Second {
			t.Errorf("the end took %v", d)
		}
		b.begin(destination("share", to))
		if v := b.until(name, Done); len(v.Attempts) != 2 || v.Attempts[0].Outcome != OutcomeStopped {
			t.Errorf("%+v", v.Attempts)
		}
	})
}

// What cannot be masked or encrypted is not sent, and nothing is left of it.
func TestNeverPlain(t *testing.T) {
	for what, terms := range map[string]Terms{
		"mask": {Mask: "identities"}, "encrypt": {To: []string{"age1broken"}}, "both": {Mask: "credentials", To: []string{"/no/such/file"}}, "convert": {Format: "tar.zst"},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, to := newBench(t), &fake{}
				d := destination("share", to)
				d.Terms = func(Job) Terms { return terms }
				b.begin(d)
				name := b.add(b.bundle(1, 1), "share")
				time.Sleep(24 * time.Hour)
				v, _ := b.Look(name)
				if to.made() != 0 || v.Error == "" || v.State == Done {
					t.Errorf("%d attempts, %+v", to.made(), v)
				}
				if left, _ := filepath.Glob(filepath.Join(b.dir, "handover", "outbox", "*")); len(left) > 0 {
					t.Errorf("left: %v", left)
				}
				if what == "mask" && v.State != Failed {
					t.Error(v.State)
				}
			})
		})
	}
}

// What is converted and encrypted is never plain on the disk, and what is masked first never
// in the outbox.
func TestNeverPlainOnTheWay(t *testing.T) {
	for _, masked := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b, to := newBench(t), &fake{}
			d := destination("share", to)
			id, err := age.GenerateX25519Identity()
			if err != nil {
				t.Fatal(err)
			}
			terms := Terms{Format: "tar.gz", To: []string{id.Recipient().String()}}
			if masked {
				terms.Mask = "identities"
			}
			d.Terms = func(Job) Terms { return terms }
			plain := bytes.Repeat([]byte("in the clear "), 10_000)
			found := func(pattern string) (n int) {
				files, _ := filepath.Glob(filepath.Join(b.dir, "handover", pattern))
				for _, name := range files {
					if text, _ := os.ReadFile(name); bytes.Contains(text, plain[:1000]) {
						n++
					}
				}
				return n
			}
			b.begin()
			b.Engine.Maker.Mask = func(_ context.Context, _, dir string, _ Job, _ Terms) (string, error) {
				return filepath.Join(dir, "masked.zip"), os.WriteFile(filepath.Join(dir, "masked.zip"), plain, 0o600)
			}
			b.Engine.Maker.Copy = func(_ context.Context, _ string, w io.Writer, _ string) error {
				_, err := w.Write(plain)
				if n := found("outbox/*/*"); n > 0 || !masked && found("making/*/*") > 0 {
					t.Errorf("masked %v: plain in %d files", masked, n)
				}
				return err
			}
			b.Configure([]Destination{d})
			v := b.until(b.add(b.bundle(1, 1), "share"), Done)
			if !strings.HasSuffix(v.Artefact.Name, ".tar.gz.age") || to.made() != 1 {
				t.Errorf("%+v", v.Artefact)
			}
			if left, _ := filepath.Glob(filepath.Join(b.dir, "handover", "making", "*")); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// Dropping ends a delivery that waits, and one that is under way.
func TestDrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, to := newBench(t), &fake{slow: time.Hour}
		b.begin(destination("share", to))
		under := b.add(b.bundle(1, 1), "share")
		time.Sleep(time.Minute)
		waits := b.add(b.bundle(2, 1), "share")
		for _, name := range []string{under, waits} {
			if err := b.Drop(name, "ann"); err != nil {
				t.Fatal(err)
			}
			if v := b.until(name, Dropped); !strings.Contains(v.Error, "ann") {
				t.Error(v.Error)
			}
		}
		if err := b.Drop(waits, "ann"); err == nil {
			t.Error("dropped twice")
		}
	})
}

// Terms that a reload brings hold for what is prepared already, and was not sent.
func TestOtherTerms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, to := newBench(t), &fake{fail: func(int, sink.Artifact) error { return gone(sink.Unreachable) }}
		b.begin(destination("share", to))
		name := b.add(b.bundle(1, 1), "share")
		time.Sleep(time.Minute)
		to.mu.Lock()
		to.fail = nil
		to.mu.Unlock()
		d := destination("share", to)
		d.Terms = func(Job) Terms { return Terms{Mask: "identities"} }
		b.end()
		b.begin(d)
		b.until(name, Failed)
		if len(to.got) != 0 {
			t.Error("it was sent under the terms of before")
		}
	})
}

// A disk that is full at any step costs time.
func TestDiskFull(t *testing.T) {
	for _, step := range []string{"write", "finish"} {
		for nth := range 6 {
			synctest.Test(t, func(t *testing.T) {
				b, to := newBench(t), &fake{}
				n := 0
				b.fault = func(s, name string) error {
					if s != step {
						return nil
					}
					if n++; n > nth && n <= nth+3 {
						return fullDisk(name)
					}
					return nil
				}
				b.begin(destination("share", to))
				f := b.bundle(1, 1)
				name := Name(f.Key, 1, "share")
				for b.Add(f, "share") != nil {
					time.Sleep(time.Minute)
				}
				for v, ok := b.Look(name); !ok || v.State != Done; v, ok = b.Look(name) {
					time.Sleep(time.Second)
				}
				b.end()
				b.fault = nil
				b.begin(destination("share", to))
				b.until(name, Done)
				if len(b.Jobs()) != 0 || len(to.got) != 1 || len(to.ids) != 1 {
					t.Errorf("%s %d: %d jobs, %v, %v", step, nth, len(b.Jobs()), to.got, to.ids)
				}
			})
		}
	}
}

func fullDisk(name string) error {
	return &os.PathError{Op: "write", Path: name, Err: context.DeadlineExceeded}
}

// Jobs at their end are not read at the start, however many there are.
func TestStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, to := newBench(t), &fake{}
		dir := filepath.Join(b.dir, "handover", "done")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		f := b.bundle(1, 1)
		for _, sinkName := range []string{"a", "b", "share"} {
			if err := os.WriteFile(filepath.Join(dir, Name(f.Key, 1, sinkName)+ending), []byte("not JSON: it must not be read"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		b.begin(destination("share", to))
		b.add(f, "share")
		b.until(b.add(b.bundle(2, 1), "share"), Done)
		if to.made() != 1 {
			t.Errorf("%d attempts", to.made())
		}
		if aside, _ := filepath.Glob(filepath.Join(dir, "*damaged*")); len(aside) > 0 {
			t.Error("they were read")
		}
		old := time.Now().Add(-keepEnded - time.Hour)
		os.Chtimes(filepath.Join(dir, Name(f.Key, 1, "a")+ending), old, old)
		b.Store.Prune(time.Now(), func(key string) bool { return key == f.Key })
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 3 {
			t.Errorf("after pruning: %q", left)
		}
	})
}
