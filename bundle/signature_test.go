package bundle

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rtmtgrab/bundle/custody"
	"rtmtgrab/bundle/seal"
)

func newKey(t testing.TB) *seal.Key {
	t.Helper()
	k, err := seal.Ring{Dir: t.TempDir()}.Key()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Stock minisign, sha256sum and Verify agree about a signed bundle, and the same input gives
// the same bytes.
func TestSigned(t *testing.T) {
	t.Parallel()
	s := newSample(t, 10_000)
	s.Key = newKey(t)
	for _, ext := range extensions {
		path := s.write(t, ext)
		if !bytes.Equal(read(t, path), read(t, s.write(t, ext))) {
			t.Errorf("%s: the same input gave other bytes", ext)
		}
		for want, keys := range map[string][]seal.PublicKey{SignatureOK: {newKey(t).Public, s.Key.Public}, SignatureNotChecked: nil} {
			res, err := Verify(t.Context(), path, keys...)
			if err != nil || !res.OK || res.Signature != want || res.Key != s.Key.Public.ID.String() || res.Manifest.SignedBy != res.Key {
				t.Errorf("%s: %+v, %v; want %s", ext, res, err, want)
			}
		}
		if res, err := Verify(t.Context(), path, newKey(t).Public); err != nil || res.OK || res.Signature != SignatureUnknown {
			t.Errorf("%s: %v, %v", ext, res.Signature, err)
		}
	}

	dir := t.TempDir()
	run(t, dir, "unzip", "-q", s.write(t, ".zip"))
	dir = filepath.Join(dir, Name(s.Manifest))
	out := run(t, dir, "minisign", "-V", "-P", s.Key.Public.String(), "-m", "manifest-sha256.txt")
	if !strings.Contains(out, "Trusted comment: grab bundle "+Name(s.Manifest)+"\n") {
		t.Error(out)
	}
	run(t, dir, "sha256sum", "-c", "manifest-sha256.txt")
	var outside []string
	filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		if err == nil && !e.IsDir() && !bytes.Contains(read(t, filepath.Join(dir, "manifest-sha256.txt")), []byte("  "+filepath.ToSlash(name)+"\n")) {
			outside = append(outside, name)
		}
		return err
	})
	if !slices.Equal(outside, []string{"manifest-sha256.txt", "manifest-sha256.txt.minisig"}) {
		t.Errorf("outside the sums: %v", outside)
	}
}

// A forger has the program, and makes everything anew but the signature.
func (s *sample) forge(t *testing.T, ext string, change func([]planned) []planned) string {
	t.Helper()
	pl, err := newPlan(t.Context(), s.Input)
	if err != nil {
		t.Fatal(err)
	}
	pl.files = change(pl.files)
	path := filepath.Join(t.TempDir(), Name(s.Manifest)+ext)
	f, _ := formatOf(path)
	if _, err := writePart(path, nil, pl.archive(t.Context(), f)); err != nil {
		t.Fatal(err)
	}
	return path
}

// with puts a file in the place of the one of that name, or behind the sums.
func with(name string, b []byte) func([]planned) []planned {
	return func(files []planned) []planned {
		files = without(name)(files)
		return slices.Insert(files, 3, plannedBytes(name, b))
	}
}

func without(name string) func([]planned) []planned {
	return func(files []planned) []planned {
		return slices.DeleteFunc(files, func(f planned) bool { return f.name == name })
	}
}

// contents is a file of the bundle that is planned.
func (s *sample) contents(t *testing.T, name string) []byte {
	t.Helper()
	pl, err := newPlan(t.Context(), s.Input)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(pl.files, func(f planned) bool { return f.name == name })
	r, err := pl.files[i].open()
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(r)
	return b
}

// Whoever replaces logs, manifest and sums together is found out by the signature alone.
func TestForger(t *testing.T) {
	t.Parallel()
	key, theirs := newKey(t), newKey(t)
	twin := newKey(t)
	twin.Public.ID = key.Public.ID
	ours := newSample(t, 5000)
	ours.Key = key
	other := newSample(t, 6000)
	other.Key = key

	changed := newSample(t, 4000) // other logs, and all that follows from them
	signed := func(k *seal.Key) *sample {
		s := *changed
		s.Key = k
		return &s
	}
	keep := func(f []planned) []planned { return f }
	genuine := ours.contents(t, signatureName)
	for _, c := range []struct {
		name   string
		s      *sample
		change func([]planned) []planned
		want   string // with the key
		blind  bool   // found without a key too
	}{
		{"the old signature", signed(key), with(signatureName, genuine), SignatureWrong, false},
		{"the signature of another bundle", ours, with(signatureName, other.contents(t, signatureName)), SignatureWrong, false},
		{"signed by another", signed(theirs), keep, SignatureUnknown, false},
		{"signed by another under our ID", signed(twin), keep, SignatureWrong, false},
		{"no signature at all", signed(nil), keep, SignatureMissing, false},
		{"the signature taken out", ours, without(signatureName), SignatureMissing, true},
		{"cut off", ours, with(signatureName, genuine[:len(genuine)/2]), SignatureWrong, true},
		{"empty", ours, with(signatureName, nil), SignatureWrong, true},
		{"padded", ours, with(signatureName, append(bytes.Clone(genuine), '\n')), SignatureWrong, true},
		{"huge", ours, with(signatureName, make([]byte, 1<<20)), SignatureWrong, true},
		{"signed where the manifest says it is not", signed(nil), with(signatureName, genuine), SignatureWrong, true},
		{"another key's signature", ours, with(signatureName, theirs.Sign(ours.contents(t, sumsName), "")), SignatureUnknown, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, ext := range extensions {
				path := c.s.forge(t, ext, c.change)
				res, err := Verify(t.Context(), path, key.Public)
				if err != nil || res.OK || res.Signature != c.want || !strings.Contains(res.Bad[0].File, signatureName) {
					t.Errorf("%s with the key: %q %v, %v", ext, res.Signature, res.Bad, err)
				}
				if res, err := Verify(t.Context(), path); err != nil || res.OK == c.blind {
					t.Errorf("%s without a key: %q %v, %v", ext, res.Signature, res.Bad, err)
				}
			}
		})
	}
}

// A file of the chain of custody that was changed is found without a key, though its sum is
// right; and what it says is in the result.
func TestCustodyInBundle(t *testing.T) {
	t.Parallel()
	s := newSample(t, 1000)
	chain := s.contents(t, custodyName)
	path := s.write(t, ".zip")
	res, err := Verify(t.Context(), path)
	if err != nil || res.Custody == nil || res.Custody.N != bytes.Count(chain, []byte("\n")) {
		t.Fatalf("%+v, %v", res.Custody, err)
	}
	if _, err := custody.Walk(bytes.NewReader(chain), custody.Head{}, nil); err != nil {
		t.Error(err)
	}

	bad := bytes.Replace(chain, []byte("expc01"), []byte("expc02"), 1)
	forged := s.forge(t, ".zip", func(files []planned) []planned {
		files = without(sumsName)(with(custodyName, bad)(files))
		pl := &plan{files: files}
		return slices.Insert(files, 2, pl.summed(nil)...)
	})
	res, err = Verify(t.Context(), forged)
	if err != nil || res.OK || len(res.Bad) != 1 || res.Bad[0].File != custodyName || !strings.Contains(res.Bad[0].What, "does not carry the hash") {
		t.Errorf("%v, %v", res.Bad, err)
	}
}

// A bundle of a version that neither signed nor kept custody is intact.
func TestBundleOfBefore(t *testing.T) {
	t.Parallel()
	s := newSample(t, 1000)
	old := s.forge(t, ".zip", func(files []planned) []planned {
		files = without(sumsName)(without(custodyName)(files))
		pl := &plan{files: files}
		return slices.Insert(files, 2, pl.summed(nil)...)
	})
	if res, err := Verify(t.Context(), old); err != nil || !res.OK || res.Signature != SignatureMissing || res.Custody != nil {
		t.Errorf("%+v, %v", res, err)
	}
	if res, err := Verify(t.Context(), old, newKey(t).Public); err != nil || res.OK || res.Signature != SignatureMissing {
		t.Errorf("with a key: %+v, %v", res, err)
	}
}
