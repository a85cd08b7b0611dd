package bundle

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"rtmtgrab/internal/testrace"
	"slices"
	"strings"
	"testing"
)

// verifyBytes is Verify of an archive in memory.
func verifyBytes(t testing.TB, f format, b []byte) Result {
	t.Helper()
	res, _, err := verify(t.Context(), "archive", f, bytes.NewReader(b), int64(len(b)), budgetOf(int64(len(b)), 0))
	if err != nil {
		t.Fatal(err)
	}
	if res.OK != (len(res.Bad) == 0) {
		t.Fatalf("OK is %v with %v", res.OK, res.Bad)
	}
	return res
}

func files(bad []Bad) (names []string) {
	for _, b := range bad {
		names = append(names, b.File)
	}
	return names
}

// tiny is a bundle small enough to damage each of its bits.
func tiny(t testing.TB, ext string) []byte {
	s := newSample(t, 60)
	m := &s.Manifest
	m.Alerts, s.Mails = m.Alerts[:1], s.Mails[:1]
	m.Hosts = m.Hosts[:1]
	m.Hosts[0].Files = m.Hosts[0].Files[:1]
	m.Conclude()
	return read(t, s.write(t, ext))
}

var everyBit = flag.Bool("every-bit", false, "flip all eight bits of each byte, not one in turn (40 s)")

func TestEveryBit(t *testing.T) {
	t.Parallel()
	for _, ext := range extensions {
		f, _ := formatOf(ext)
		b := tiny(t, ext)
		if res := verifyBytes(t, f, b); !res.OK {
			t.Fatalf("%s: %v", ext, res.Bad)
		}
		flips, named := 0, 0
		for i := range b {
			if testrace.Skips(i, 17) {
				continue
			}
			for bit := range 8 {
				if bit != i%8 && !*everyBit {
					continue
				}
				flips++
				b[i] ^= 1 << bit
				if res := verifyBytes(t, f, b); res.OK {
					t.Errorf("%s: bit %d of byte %d of %d is not missed", ext, bit, i, len(b))
				} else if slices.ContainsFunc(files(res.Bad), func(f string) bool { return f != "archive" }) {
					named++
				}
				b[i] ^= 1 << bit
			}
		}
		t.Logf("%s: %d bytes, %d of %d flips named by a file inside", ext, len(b), named, flips)
	}
}

func TestEveryLength(t *testing.T) {
	t.Parallel()
	for _, ext := range extensions {
		f, _ := formatOf(ext)
		b := tiny(t, ext)
		for n := range b {
			if testrace.Skips(n, 17) {
				continue
			}
			if verifyBytes(t, f, b[:n]).OK {
				t.Errorf("%s: cut to %d of %d bytes and OK", ext, n, len(b))
			}
		}
		for _, tail := range [][]byte{{0}, {'\n'}, bytes.Repeat([]byte{0}, 512), b, b[len(b)-sealDigits:], b[len(b)-84:], {0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}} {
			res := verifyBytes(t, f, slices.Concat(b, tail))
			if res.OK || !slices.Contains(files(res.Bad), "archive") {
				t.Errorf("%s: %d bytes appended: %v", ext, len(tail), res.Bad)
			}
			if verifyBytes(t, f, slices.Concat(tail, b)).OK {
				t.Errorf("%s: %d bytes in front and OK", ext, len(tail))
			}
		}
	}
}

// Damage in the middle of one entry of a zip names that entry alone.
func TestDamagedEntryIsNamed(t *testing.T) {
	s := newSample(t, 20_000)
	b := read(t, s.write(t, ".zip"))
	for _, name := range []string{"README.txt", "manifest.json", "manifest-sha256.txt", "hosts/expc01/messages.txt", "report/registration.json"} {
		i := bytes.Index(b, []byte(Name(s.Manifest)+"/"+name))
		j := i + bytes.Index(b[i+4:], []byte("PK\x03\x04"))
		if j < i { // the last one
			j = i + bytes.Index(b[i+4:], []byte("PK\x01\x02"))
		}
		at := i + len(Name(s.Manifest)) + 1 + len(name) + 9 + (j-i)/3 // behind the name and the time
		if name == "report/registration.json" {
			at = i + len(Name(s.Manifest)) + 1 + len(name) + 9 + 1
		}
		c := bytes.Clone(b)
		c[at] ^= 0x10
		res := verifyBytes(t, formatZip, c)
		if got := files(res.Bad); !slices.Equal(got, []string{name}) {
			t.Errorf("damaged %s, found %v", name, res.Bad)
		}
	}
}

// A container whose contents are whole and whose headers are not.
func TestDamagedContainerIsNamed(t *testing.T) {
	s := newSample(t, 1000)
	b := read(t, s.write(t, ".zip"))
	i := bytes.Index(b, []byte("PK\x03\x04"))
	b[i+10] ^= 1 // the first file's time in its local header, which readers ignore
	res := verifyBytes(t, formatZip, b)
	if !slices.Equal(files(res.Bad), []string{"archive"}) || !strings.Contains(res.Bad[0].What, "intact") {
		t.Errorf("%v", res.Bad)
	}
}

// Damage early in a tar.zst: what cannot be reached is said so.
func TestDamagedTarZst(t *testing.T) {
	s := newSample(t, 300_000)
	b := read(t, s.write(t, ".tar.zst"))
	b[len(b)/2] ^= 0x10
	res := verifyBytes(t, formatTarZst, b)
	got := files(res.Bad)
	if res.OK || !slices.ContainsFunc(got, func(f string) bool { return strings.HasPrefix(f, "hosts/") }) || !slices.Contains(got, "report/registration.json") && !slices.Contains(got, "hosts/expe01/network_log.txt") {
		t.Errorf("%v", res.Bad)
	}
}

// A forged archive: made by this package's own writers, so that its seal is right.
type forged struct{ name, body string }

func forge(t testing.TB, f format, top string, entries []forged) []byte {
	t.Helper()
	var out bytes.Buffer
	sw := newSealWriter(f, &out)
	c := newContainer(f, sw, top, until)
	for _, e := range entries {
		w, err := c.create(e.name, int64(len(e.body)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := sw.finish(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// entriesOf gives what a bundle of the sample holds, in order.
func entriesOf(t testing.TB, s *sample) (entries []forged) {
	t.Helper()
	p, err := newPlan(t.Context(), s.Input)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range p.files {
		r, err := f.open()
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(r); err != nil {
			t.Fatal(err)
		}
		entries = append(entries, forged{f.name, b.String()})
	}
	return entries
}

func TestForged(t *testing.T) {
	const log = "hosts/expc01/messages.txt"
	add := func(name string) func(*sample, []forged) []forged {
		return func(_ *sample, e []forged) []forged { return append(e, forged{name, "x"}) }
	}
	edit := func(name, from, to string) func(*sample, []forged) []forged {
		return func(_ *sample, e []forged) []forged {
			for i := range e {
				if e[i].name == name {
					if !strings.Contains(e[i].body, from) {
						t.Fatalf("%s does not contain %q", name, from)
					}
					e[i].body = strings.Replace(e[i].body, from, to, 1)
				}
			}
			return e
		}
	}
	remove := func(name string) func(*sample, []forged) []forged {
		return func(_ *sample, e []forged) []forged {
			return slices.DeleteFunc(e, func(f forged) bool { return f.name == name })
		}
	}
	id := "alerts/" + strings.Repeat("3fa2c1de", 8) + ".eml"
	for name, c := range map[string]struct {
		change func(*sample, []forged) []forged
		bad    string // a file that must be named
	}{
		"log changed":          {edit(log, "tvcs", "TVCS"), log},
		"log longer":           {edit(log, "tvcs", "tvcs tvcs"), log},
		"log removed":          {remove(log), log},
		"mail removed":         {remove(id), id},
		"mail changed":         {edit(id, "RTMT", "rtmt"), id},
		"readme changed":       {edit(readmeName, "What happened", "What did not"), readmeName},
		"readme removed":       {remove(readmeName), readmeName},
		"manifest removed":     {remove(manifestName), manifestName},
		"manifest changed":     {edit(manifestName, "StandAlone", "StandAl0ne"), manifestName},
		"manifest unreadable":  {edit(manifestName, "{", "["), manifestName},
		"other incident":       {edit(manifestName, "-3fa2c1", "-3fa2c2"), manifestName},
		"sums removed":         {remove(sumsName), sumsName},
		"sum changed":          {func(s *sample, e []forged) []forged { return edit(sumsName, sumOf(s.logs[log]), sumOf(nil))(s, e) }, sumsName},
		"sum of the readme":    {edit(sumsName, "  README.txt", "  readme.txt"), readmeName},
		"sums: line twice":     {edit(sumsName, "\n", "\n"+strings.Repeat("0", 64)+"  README.txt\n"), sumsName},
		"sums: carriage":       {edit(sumsName, "\n", "\r\n"), sumsName},
		"sums: cut":            {edit(sumsName, "  report/registration.json\n", "  report/registration.json"), sumsName},
		"report added":         {add("report/x.html"), "report/x.html"},
		"log added":            {add("hosts/expc01/other.txt"), "hosts/expc01/other.txt"},
		"twice":                {add(log), log},
		"twice in other case":  {add("hosts/EXPC01/messages.txt"), "hosts/EXPC01/messages.txt"},
		"climbs":               {add("../x.txt"), "20260302T141407Z-hq-3fa2c1/../x.txt"},
		"climbs inside":        {add("hosts/../x.txt"), "20260302T141407Z-hq-3fa2c1/hosts/../x.txt"},
		"backslash":            {add(`hosts\x.txt`), `20260302T141407Z-hq-3fa2c1/hosts\x.txt`},
		"reserved":             {add("hosts/nul/messages.txt"), "20260302T141407Z-hq-3fa2c1/hosts/nul/messages.txt"},
		"control characters":   {add("report/\x1b[2J"), "20260302T141407Z-hq-3fa2c1/report/ [2J"},
		"unknown file":         {add("run.exe"), "20260302T141407Z-hq-3fa2c1/run.exe"},
		"deeper":               {add("hosts/a/b/c.txt"), "20260302T141407Z-hq-3fa2c1/hosts/a/b/c.txt"},
		"an object bomb":       {edit(manifestName, `"hosts": [`, `"hosts": [`+strings.Repeat("{},", maxObjects)), manifestName},
		"nothing":              {func(*sample, []forged) []forged { return nil }, readmeName},
		"mail named elsewhere": {edit(manifestName, id, "alerts/none.eml"), "alerts/none.eml"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, f := range []format{formatZip, formatTarZst, formatTarGz} {
				s := newSample(t, 500)
				b := forge(t, f, Name(s.Manifest), c.change(s, entriesOf(t, s)))
				res := verifyBytes(t, f, b)
				want := c.bad
				if name == "nothing" && len(res.Bad) > 0 {
					want = res.Bad[0].File
				}
				if res.OK || !slices.Contains(files(res.Bad), want) {
					t.Errorf("%v, want %s named", res.Bad, want)
				}
			}
		})
	}
	t.Run("unchanged", func(t *testing.T) {
		s := newSample(t, 500)
		if res := verifyBytes(t, formatZip, forge(t, formatZip, Name(s.Manifest), entriesOf(t, s))); !res.OK {
			t.Error(res.Bad)
		}
	})
	t.Run("top folder", func(t *testing.T) {
		s := newSample(t, 500)
		for _, top := range []string{"other", "..", "/etc", "C:", "", "a b", strings.Repeat("x", 128)} {
			if verifyBytes(t, formatZip, forge(t, formatZip, top, entriesOf(t, s))).OK {
				t.Errorf("%q is OK", top)
			}
		}
	})
}

func TestNotABundle(t *testing.T) {
	dir := t.TempDir()
	if _, err := Verify(t.Context(), filepath.Join(dir, "none.zip")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := Verify(t.Context(), dir); err == nil {
		t.Error("a folder is no error")
	}
	for _, name := range []string{"x.zip", "x.tar.zst", "x.tar.gz", "x.doc"} {
		path := filepath.Join(dir, name)
		for _, content := range []string{"", "hello", strings.Repeat("\x00", 5000)} {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			res, err := Verify(t.Context(), path)
			if err != nil || res.OK || !slices.Contains(files(res.Bad), name) {
				t.Errorf("%s, %d bytes: %+v, %v", name, len(content), res, err)
			}
			if _, err := ReadManifest(path); err == nil {
				t.Errorf("%s has a manifest", name)
			}
		}
	}
}

// A renamed bundle is known by its first bytes.
func TestRenamed(t *testing.T) {
	for _, ext := range extensions {
		s := newSample(t, 500)
		path := s.write(t, ext)
		other := filepath.Join(filepath.Dir(path), "evidence (1)")
		if err := os.Rename(path, other); err != nil {
			t.Fatal(err)
		}
		if res, err := Verify(t.Context(), other); err != nil || !res.OK {
			t.Errorf("%s: %v, %v", ext, res.Bad, err)
		}
		if m, err := ReadManifest(other); err != nil || m.Incident != s.Manifest.Incident {
			t.Errorf("%s: %v, %v", ext, m.Incident, err)
		}
	}
}

func TestResultJSON(t *testing.T) {
	for want, res := range map[string]Result{
		`{"ok":true,"bad":[],"signature":"missing"}`:                                     {OK: true, Bad: []Bad{}, Signature: SignatureMissing},
		`{"ok":false,"bad":[{"file":"a","what":"missing"}],"signature":"ok","key":"0A"}`: {Bad: []Bad{{"a", "missing"}}, Signature: SignatureOK, Key: "0A"},
	} {
		if b, err := json.Marshal(res); err != nil || string(b) != want {
			t.Errorf("%s, %v", b, err)
		}
	}
	if res := verifyBytes(t, formatZip, tiny(t, ".zip")); res.Bad == nil {
		t.Error("bad is null")
	}
}

// Damage is no error, but a lost reader is cancelled at once.
func TestVerifyCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := tiny(t, ".zip")
	if _, _, err := verify(ctx, "a", formatZip, bytes.NewReader(b), int64(len(b)), budgetOf(int64(len(b)), 0)); err != context.Canceled {
		t.Error(err)
	}
}
