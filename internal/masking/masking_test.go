package masking

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/custody"
	"rtmtgrab/bundle/mask"
	"rtmtgrab/bundle/seal"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab/scenario"
	"rtmtgrab/internal/testrace"
)

// every is how many of the scenarios are masked: one in so many, with GRAB_LONG all. That
// masking changes no verdict package mask tests on each.
var every = 17

func init() {
	if os.Getenv("GRAB_LONG") != "" {
		every = 1
	}
}

// Of every scenario the masked bundle verifies with the collector's key, says the same, and
// has as many lines as before; of what is known of the scenario nothing is left.
func TestScenarios(t *testing.T) {
	t.Parallel()
	for i, sc := range scenario.Scenarios() {
		if i%every != 0 || testrace.Skips(i/every, 100) {
			continue
		}
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			m := newMasker(t)
			p := playAll(t, sc)
			b := rawOf(t, p, "headquarters", i)
			path := b.in(t, m, []string{".zip", ".tar.zst"}[i%2])
			made := m.masks(t, Request{Path: path, By: "bob"})
			checkMasked(t, m, made.File)
			files := entries(t, made.File)
			if got, want := told(t, files), reported(t, b); got != want {
				t.Errorf("the masked bundle says\n%s\nand the one that was masked\n%s", got, want)
			}
			checkLines(t, b, files)
			checkGone(t, secretsOf(p, b), files)
		})
	}
}

// checkMasked verifies a masked bundle: the signature, the manifest, the custody.
func checkMasked(t testing.TB, m *Masker, file string) evidence.Manifest {
	t.Helper()
	key, err := seal.Ring{Dir: m.Store}.Public()
	must(t, err)
	res, err := bundle.Verify(t.Context(), file, key)
	must(t, err)
	if !res.OK || res.Signature != bundle.SignatureOK || res.Manifest.Masked == nil {
		t.Fatalf("%+v", res)
	}
	if left, _ := filepath.Glob(filepath.Join(m.Store, "mask", "*.part")); len(left) > 0 {
		t.Error("left behind:", left)
	}
	return res.Manifest
}

// checkLines compares how many lines the logs have.
func checkLines(t testing.TB, b *raw, files map[string][]byte) {
	t.Helper()
	count := func(texts map[string][]byte) map[string]int {
		n := map[string]int{}
		for name, text := range texts {
			if strings.HasPrefix(name, "hosts/") {
				n[fmt.Sprint(path.Base(name), " ", bytes.Count(text, []byte("\n")))]++
			}
		}
		return n
	}
	if got, want := fmt.Sprint(count(files)), fmt.Sprint(count(b.texts)); got != want {
		t.Errorf("lines: %s, want %s", got, want)
	}
}

// secretsOf are what must not be in a masked bundle, as a list of the scenario's own.
func secretsOf(p *scenario.Played, b *raw) (all []string) {
	all = append(all, p.Site.MACs()...)
	all = append(all, p.Site.Devices()...)
	for _, h := range b.Manifest.Hosts {
		all = append(all, h.Host, h.HostKey)
	}
	return append(all, "headquarters", "HeadquarterCluster", "corp.example.net", "cucm01", "mallory", "eve", "Smith", "10.0.30.2", "10.0.40.5", b.Manifest.Alerts[0].ID)
}

// checkGone looks for them without regard to case.
func checkGone(t testing.TB, secrets []string, files map[string][]byte) {
	t.Helper()
	for name, text := range files {
		low := bytes.ToLower(text)
		for _, s := range secrets {
			i := bytes.Index(low, bytes.ToLower([]byte(s)))
			if i >= 0 && !within(low, i, len(s)) {
				t.Errorf("%s: %s is left: ...%s...", name, s, text[max(0, i-40):min(len(text), i+len(s)+40)])
			}
			if i := strings.Index(strings.ToLower(name), strings.ToLower(s)); i >= 0 && !within([]byte(strings.ToLower(name)), i, len(s)) {
				t.Errorf("the name %s has %s in it", name, s)
			}
		}
	}
}

// within reports whether what was found is a part of a longer word.
func within(text []byte, i, n int) bool {
	word := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }
	return i > 0 && word(text[i-1]) || i+n < len(text) && word(text[i+n])
}

// What a masked bundle's manifest and chain say.
func TestManifest(t *testing.T) {
	t.Parallel()
	m := newMasker(t)
	b := rawOf(t, brief(t), "headquarters", 1)
	path := b.in(t, m, ".zip")
	raw, err := bundle.Verify(t.Context(), path)
	must(t, err)
	made := m.masks(t, Request{Path: path, By: "bob"})
	man := checkMasked(t, m, made.File)
	if k := man.Masked; k.Strength != "identities" || k.Scope != "site" || k.RawHead != raw.Custody.Hash || k.Map == "" || len(k.LeftOut) != 1 {
		t.Errorf("%+v", k)
	}
	if !strings.HasPrefix(man.Incident, "20260302T142000Z-") || !strings.HasSuffix(man.Incident, "-3fa2c1") || man.Reason != "" {
		t.Errorf("incident %s, reason %q", man.Incident, man.Reason)
	}
	for _, h := range man.Hosts {
		for _, f := range h.Files {
			if len(f.Sources) != 1 || f.Sources[0].SHA256 != "" || f.Sources[0].Offset != 7 {
				t.Errorf("%+v", f.Sources)
			}
		}
	}
	first := true
	must(t, bundle.ReadFile(t.Context(), made.File, "custody.jsonl", func(r io.Reader) error {
		_, err := custody.Walk(r, custody.Head{}, func(e custody.Entry) error {
			if first && (e.Act != custody.Masked || e.Mask == nil || e.Mask.RawHead != raw.Custody.Hash) {
				t.Errorf("its chain begins with %+v", e)
			}
			first = false
			return nil
		})
		return err
	}))
	var later []custody.Entry
	_, err = custody.LedgerOf(m.Store).Walk(bundle.Name(b.Manifest), raw.Chain(), func(e custody.Entry) error {
		later = append(later, e)
		return nil
	})
	if err != nil || len(later) != 1 || later[0].Act != custody.Masked || later[0].Later.SHA256 != made.SHA256 || later[0].Later.By != "bob" || later[0].Later.File != filepath.Base(made.File) {
		t.Errorf("%+v, %v", later, err)
	}
	report := string(entries(t, made.File)["mask-report.txt"])
	if !strings.Contains(report, "identities, within one site") || !strings.Contains(report, "the reason given") {
		t.Error(report)
	}
}

// Masked again under its own map a bundle is the same, byte for byte; without it, it is
// recognised and refused.
func TestAgain(t *testing.T) {
	t.Parallel()
	m := newMasker(t)
	path := small(t, m, "headquarters")
	for _, strength := range []mask.Strength{mask.Credentials, mask.Identities} {
		once := m.masks(t, Request{Path: path, Strength: strength})
		same := m.masks(t, Request{Path: path, Strength: strength})
		twice := m.masks(t, Request{Path: once.File, Strength: strength})
		if same.SHA256 != once.SHA256 || twice.SHA256 != once.SHA256 || !twice.Already {
			t.Errorf("%s: once %s, again %s, twice %s", strength, once.SHA256, same.SHA256, twice.SHA256)
		}
		other := newMasker(t)
		out := t.TempDir()
		_, err := other.Mask(t.Context(), Request{Path: once.File, Strength: strength, Out: out})
		if err == nil || !strings.Contains(err.Error(), "masked already") {
			t.Errorf("under another map: %v", err)
		}
		if left, _ := os.ReadDir(out); len(left) > 0 {
			t.Error("left behind:", left)
		}
	}
	// more can be taken out of what was masked a little, with the same names
	little := m.masks(t, Request{Path: path, Strength: mask.Credentials})
	more := m.masks(t, Request{Path: little.File})
	whole := m.masks(t, Request{Path: path})
	if a, b := entries(t, more.File), entries(t, whole.File); len(a) != len(b) {
		t.Errorf("%d files, and %d", len(a), len(b))
	} else {
		for name := range a {
			if strings.HasPrefix(name, "hosts/") && !bytes.Equal(a[name], b[name]) {
				t.Errorf("%s is another if credentials went first", name)
			}
		}
	}
}
