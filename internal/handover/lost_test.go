package handover

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"filippo.io/age"

	"rtmtgrab/internal/handover/sink"
)

// What was prepared and is gone from the outbox, or is other bytes there, is made anew.
func TestLost(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for what, harm := range map[string]func(path string) error{
		"gone":   os.Remove,
		"folder": func(path string) error { return os.RemoveAll(filepath.Dir(path)) },
		"cut":    func(path string) error { return os.Truncate(path, 10) },
		"other": func(path string) error {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text[len(text)/2] ^= 1
			return os.WriteFile(path, text, 0o600)
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, to := newBench(t), &fake{fail: func(int, sink.Artifact) error { return gone(sink.Unreachable) }, whole: true}
				d := destination("share", to)
				d.Terms = func(Job) Terms { return Terms{To: []string{id.Recipient().String()}} }
				b.begin(d)
				name := b.add(b.bundle(1, 1), "share")
				time.Sleep(time.Minute)
				b.end()
				v, err := b.Store.Waiting()
				if err != nil || len(v) != 1 || v[0].Artefact == nil {
					t.Fatalf("%+v, %v", v, err)
				}
				if err := harm(filepath.Join(b.Store.Outbox(name), v[0].Artefact.File)); err != nil {
					t.Fatal(err)
				}
				to.mu.Lock()
				to.fail = nil
				to.mu.Unlock()
				b.begin(d)
				done := b.until(name, Done)
				if len(to.got) != 1 || to.got[done.Artefact.Name] != done.Artefact.SHA256 || done.Artefact.SHA256 == v[0].Artefact.SHA256 {
					t.Errorf("%v, %+v", to.got, done.Artefact)
				}
			})
		})
	}
}

// A delivery that is dropped at the moment at which an attempt has failed is dropped.
func TestDroppedLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, to := newBench(t), &fake{fail: func(int, sink.Artifact) error { return gone(sink.Unreachable) }}
		b.heard = func(j Job) {
			if j.State == Prepared {
				if err := b.Drop(j.Name(), "ann"); err != nil {
					t.Error(err)
				}
			}
		}
		b.begin(destination("share", to))
		name := b.add(b.bundle(1, 1), "share")
		b.until(name, Dropped)
		if to.made() != 1 {
			t.Errorf("%d attempts", to.made())
		}
	})
}

// A delivery that moves nothing is broken off after the same time, however large it is.
func TestSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, to := newBench(t), &fake{slow: 24 * time.Hour}
		f := b.bundle(1, 1)
		if err := os.Truncate(f.Bundle, 200<<20); err != nil {
			t.Fatal(err)
		}
		b.begin(destination("share", to))
		name := b.add(f, "share")
		time.Sleep(6 * time.Minute)
		if v, _ := b.Look(name); v.Cause != string(sink.Timeout) {
			t.Errorf("%+v", v)
		}
	})
}
