package runner

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"testing/synctest"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// In a store that was restored from a backup bundles lie that its records do not know, and
// manifests of them. A retry asks the hosts, takes none of those for its own, and writes over none.
func TestRetryInARestoredStore(t *testing.T) {
	for _, over := range []bool{false, true} { // whether what came since the backup was left where it was
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
			b.hosts["expe01"].script = func(context.Context, int, Pass) error { return errPassing }
			in, err := b.r.Once(t.Context(), request())
			if err != nil || in.Coverage != evidence.Partial {
				t.Fatalf("%+v, %v", in, err)
			}
			backup, dir := t.TempDir(), b.st.IncidentDir(in.Key)
			if err := os.CopyFS(backup+"/in", os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			since, err := b.r.Retry(t.Context(), in.ID, RetryRequest{})
			if err != nil || since.Revision != 2 || since.Coverage != evidence.Partial {
				t.Fatalf("%+v, %v", since, err)
			}
			were, err := os.ReadFile(since.Bundle)
			if err != nil {
				t.Fatal(err)
			}
			if over {
				err = b.st.Save(in)
			} else if err = os.RemoveAll(dir); err == nil {
				err = os.CopyFS(dir, os.DirFS(backup+"/in"))
			}
			if err != nil {
				t.Fatal(err)
			}

			b.hosts["expe01"].script = nil
			got, err := b.r.Retry(t.Context(), in.ID, RetryRequest{})
			if err != nil || got.Revision != 3 || got.Coverage != evidence.Complete || len(got.Revisions) != 3 {
				t.Fatalf("over %v: %+v, %v", over, got, err)
			}
			fb, err := readBundle(got.Bundle)
			if err != nil || fb.Manifest.Coverage != evidence.Complete || len(fb.Slices) != 4 {
				t.Errorf("over %v: %+v, %v", over, fb.Slices, err)
			}
			if r := got.Revisions[1]; r.Bundle != since.Bundle || !r.Found || r.Coverage != evidence.Partial || !hasNote(fb.Manifest.Notes, "revision 2 was there already") {
				t.Errorf("over %v: %+v, %v", over, r, fb.Manifest.Notes)
			}
			if are, err := os.ReadFile(since.Bundle); err != nil || !bytes.Equal(are, were) {
				t.Errorf("over %v: the other bundle was changed: %v", over, err)
			}
		})
	}
}

// So it is with an incident that is made anew, for its mail is read again, and with one that was
// frozen in the backup and made otherwise since.
func TestAnewInARestoredStore(t *testing.T) {
	for _, frozen := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
			first, err := b.r.Once(t.Context(), request())
			if err != nil || first.Coverage != evidence.Complete {
				t.Fatalf("%+v, %v", first, err)
			}
			in := first.Clone()
			in.State, in.Frozen, in.Revisions, in.Bundle, in.Coverage = incident.Waiting, false, nil, "", ""
			manifest, err := b.st.ManifestFile(in.Key, 1).Read()
			if err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(b.st.IncidentDir(in.Key)); err != nil {
				t.Fatal(err)
			}
			if err := b.st.Create(in.Key); err != nil {
				t.Fatal(err)
			}
			if frozen {
				in.State, in.Frozen = incident.Sealing, true
				manifest.Timing.Sealed = manifest.Timing.Sealed.Add(-1)
				if err := b.st.ManifestFile(in.Key, 1).Save(manifest); err != nil {
					t.Fatal(err)
				}
			}
			if err := b.st.Save(in); err != nil {
				t.Fatal(err)
			}
			b.hosts["expe01"].script = func(context.Context, int, Pass) error { return errPassing }
			got, err := b.r.alone(t.Context(), in, 0, nil)
			if err != nil || got.Revision != 2 || len(got.Revisions) != 2 || got.Revisions[0].Bundle != first.Bundle || got.Revisions[0].Coverage != evidence.Complete {
				t.Fatalf("frozen %v: %+v, %v", frozen, got, err)
			}
			if fb, err := readBundle(got.Bundle); err != nil || fb.Manifest.Coverage == evidence.Complete || got.Coverage != fb.Manifest.Coverage {
				t.Errorf("frozen %v: %+v, %v", frozen, fb.Manifest.Coverage, err)
			}
		})
	}
}

// A complete incident whose bundle was not copied along is not told of as one with nothing to retry.
func TestRetryWithoutTheBundle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		in, err := b.r.Once(t.Context(), request())
		if err != nil || in.Coverage != evidence.Complete {
			t.Fatalf("%+v, %v", in, err)
		}
		if _, err := b.r.Retry(t.Context(), in.ID, RetryRequest{}); !errors.Is(err, ErrComplete) {
			t.Error(err)
		}
		if err := os.Remove(in.Bundle); err != nil {
			t.Fatal(err)
		}
		if got, err := b.r.Retry(t.Context(), in.ID, RetryRequest{}); err == nil || errors.Is(err, ErrComplete) || got.Revision != 1 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// A copy that somebody keeps beside a bundle is no bundle of the incident's.
func TestCopyBesideTheBundle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
		b.hosts["expe01"].script = func(context.Context, int, Pass) error { return errPassing }
		in, err := b.r.Once(t.Context(), request())
		if err != nil {
			t.Fatal(err)
		}
		next := in
		next.Revision = 2
		theirs := incident.BundleBase(b.st, next) + ".zip.bak"
		whole, err := os.ReadFile(in.Bundle)
		if err == nil {
			err = os.WriteFile(theirs, whole, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := b.r.Retry(t.Context(), in.ID, RetryRequest{})
		if err != nil || got.Revision != 2 || got.Bundle == theirs {
			t.Fatalf("%+v, %v", got, err)
		}
		if are, err := os.ReadFile(theirs); err != nil || !bytes.Equal(are, whole) {
			t.Errorf("the copy was changed: %v", err)
		}
	})
}

// A bundle that was finished after the backup is taken for the incident's own, and goes where a
// new one would: what was written down of that is not in the backup.
func TestAdoptedInARestoredStore(t *testing.T) {
	for _, known := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, incidenttest.FastStore(t, t.TempDir()))
			first, err := b.r.Once(t.Context(), request())
			if err != nil {
				t.Fatal(err)
			}
			in := first.Clone()
			in.State, in.Frozen, in.Revisions, in.Bundle, in.Coverage = incident.Sealing, true, nil, "", ""
			if err := b.st.Save(in); err != nil {
				t.Fatal(err)
			}
			want := "share"
			if known { // a crash came after it
				want = "vendor"
				if err := sealingFile(b.st, in.Key).Save(sealing{Revision: 1, Begun: 1, HandTo: []string{want}}); err != nil {
					t.Fatal(err)
				}
			}
			b.r.HandTo = func(_ context.Context, in incident.Incident, m evidence.Manifest, bundle string) []string {
				if in.ID != first.ID || m.Incident != first.ID || bundle != first.Bundle {
					t.Errorf("%s, %s, %s", in.ID, m.Incident, bundle)
				}
				return []string{"share"}
			}
			got, err := b.r.alone(t.Context(), in, 0, nil)
			if err != nil || len(got.Revisions) != 1 || got.Bundle != first.Bundle || !slices.Equal(got.Revisions[0].HandTo, []string{want}) {
				t.Fatalf("known %v: %+v, %v", known, got, err)
			}
		})
	}
}
