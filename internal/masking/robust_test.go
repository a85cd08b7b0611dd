package masking

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/mask"
	"rtmtgrab/bundle/mask/mapfile"
	"rtmtgrab/bundle/seal"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/atomicfile"
)

// empty says what is left in a folder.
func empty(t testing.TB, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	must(t, err)
	if len(left) > 0 {
		t.Errorf("left in %s: %v", dir, left)
	}
}

// Wherever the disk is full, the error says so, nothing is left, the map is as it was, and
// when there is room again all goes on.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	m := newMasker(t)
	path := small(t, m, "hq")
	var steps []string
	m.fault = func(step string) error { steps = append(steps, step); return nil }
	first := m.masks(t, Request{Path: path})
	for _, want := range []string{"work", "write hosts/expc01/network_log.txt", "report", "map", "hand over", "handed over"} {
		if !strings.Contains(strings.Join(steps, "\n")+"\n", want+"\n") {
			t.Fatalf("no step %q: %q", want, steps)
		}
	}
	mapOf := func() string {
		b, err := os.ReadFile(filepath.Join(m.Store, "mask", "site-hq.age"))
		must(t, err)
		return string(b)
	}
	for i := range steps {
		n, out, was := 0, t.TempDir(), mapOf()
		m.fault = func(string) error {
			if n++; n == i+1 {
				return &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
			}
			return nil
		}
		_, err := m.Mask(t.Context(), Request{Path: path, Strength: mask.Identities, Out: out})
		if !atomicfile.Full(err) {
			t.Errorf("%s: %v", steps[i], err)
		}
		empty(t, out)
		if left, _ := filepath.Glob(filepath.Join(m.Store, "mask", "*.part")); len(left) > 0 || mapOf() != was {
			t.Errorf("%s: left %v, or another map", steps[i], left)
		}
	}
	m.fault = nil
	if again := m.masks(t, Request{Path: path}); again.SHA256 != first.SHA256 {
		t.Error("it is another bundle now")
	}
}

// A cancelled masking leaves nothing, whatever it was at.
func TestCancelled(t *testing.T) {
	t.Parallel()
	m := newMasker(t)
	path := small(t, m, "hq")
	var steps []string
	m.fault = func(step string) error { steps = append(steps, step); return nil }
	m.masks(t, Request{Path: path})
	for i := range steps {
		ctx, cancel := context.WithCancel(t.Context())
		n, out := 0, t.TempDir()
		m.fault = func(string) error {
			if n++; n == i+1 {
				cancel()
			}
			return nil
		}
		if _, err := m.Mask(ctx, Request{Path: path, Strength: mask.Identities, Out: out}); !errors.Is(err, context.Canceled) && i < len(steps)-1 {
			t.Errorf("%s: %v", steps[i], err)
		}
		if i < len(steps)-1 {
			empty(t, out)
		}
		cancel()
	}
}

// A map that is damaged costs its own scope, with the file that is to be put back; what was
// half written by one that was killed is cleared away.
func TestDamagedMap(t *testing.T) {
	t.Parallel()
	m := newMasker(t)
	hq, branch := small(t, m, "hq"), small(t, m, "branch")
	done := m.masks(t, Request{Path: hq})
	must(t, os.Truncate(filepath.Join(m.Store, "mask", "site-hq.age"), 99))
	out := t.TempDir()
	for _, path := range []string{hq, done.File} {
		_, err := m.Mask(t.Context(), Request{Path: path, Strength: mask.Identities, Out: out})
		if !errors.As(err, new(*mapfile.LostError)) || !strings.Contains(advice.For(err), "site-hq.age") {
			t.Errorf("%s: %v; %s", path, err, advice.For(err))
		}
	}
	empty(t, out)
	must(t, os.WriteFile(filepath.Join(out, "x.zip.123.part"), nil, 0o600))
	killed := filepath.Join(m.Store, "mask", "site-branch.work-123.part")
	must(t, os.Mkdir(killed, 0o700))
	must(t, os.WriteFile(filepath.Join(killed, "lock"), nil, 0o600))
	m.masks(t, Request{Path: branch, Out: filepath.Join(out, "x.zip")})
	if left, _ := os.ReadDir(out); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
	if _, err := os.Stat(killed); err == nil {
		t.Errorf("%s is still there", killed)
	}
	all, lost, err := m.Restore("x")
	if len(all) != 0 || len(lost) != 1 || err != nil {
		t.Errorf("%v, %v, %v", all, lost, err)
	}
}

// What is asked for wrongly is told before anything is written, and no bundle takes another's
// place.
func TestRefused(t *testing.T) {
	t.Parallel()
	m := newMasker(t)
	path, out := small(t, m, "hq"), t.TempDir()
	for name, c := range map[string]struct {
		q    Request
		says string
	}{
		"strength":     {Request{Strength: "all"}, "no strength"},
		"scope":        {Request{Scope: "world"}, "no scope"},
		"no case":      {Request{Scope: mapfile.Case}, "is of no case"},
		"itself":       {Request{Out: path}, "also the input"},
		"the store":    {Request{Out: filepath.Join(m.Store, "bundles")}, "own bundles"},
		"in the store": {Request{Out: filepath.Join(m.Store, "bundles", "x.zip")}, "own bundles"},
		"nowhere":      {Request{Out: filepath.Join(out, "none", "x.zip")}, "--out"},
	} {
		q := c.q
		q.Path = path
		if q.Out == "" {
			q.Out = out
		}
		if q.Strength == "" {
			q.Strength = mask.Identities
		}
		if _, err := m.Mask(t.Context(), q); err == nil || !strings.Contains(err.Error(), c.says) || advice.Exit(err) != advice.BadUsage {
			t.Errorf("%s: %v, exit %d", name, err, advice.Exit(err))
		}
	}
	empty(t, out)
	if made := m.masks(t, Request{Path: path, Scope: mapfile.Case, Case: "SR 1/2", Out: filepath.Join(out, "x.tar.zst")}); made.Scope != "case" {
		t.Errorf("%+v", made)
	}
}

// Who changes a bundle, or says in its manifest that it was masked, gains nothing: the one is
// refused, the other masked.
func TestForged(t *testing.T) {
	t.Parallel()
	m := newMasker(t)
	path := small(t, m, "hq")
	done := m.masks(t, Request{Path: path})
	for name, change := range map[string]func(string, []byte) []byte{
		"a log": func(name string, b []byte) []byte {
			if strings.HasSuffix(name, "network_log.txt") {
				b[0]++
			}
			return b
		},
		"nothing but the archive": func(_ string, b []byte) []byte { return b },
	} {
		for _, path := range []string{path, done.File} {
			out := t.TempDir()
			if _, err := m.Mask(t.Context(), Request{Path: rezip(t, path, change), Strength: mask.Identities, Out: out}); err == nil || !strings.Contains(advice.For(err), "grab verify") {
				t.Errorf("%s: %v", name, err)
			}
			empty(t, out)
		}
	}
	man, err := bundle.ReadManifest(done.File)
	must(t, err)
	p := brief(t)
	lie := rawOf(t, p, "hq", 0)
	lie.Manifest.Masked = man.Masked
	forged := filepath.Join(t.TempDir(), "forged.zip")
	_, err = bundle.Write(t.Context(), forged, lie.Input) // by no key of the collector
	must(t, err)
	made := m.masks(t, Request{Path: forged})
	if made.Already {
		t.Error("it was believed that it is masked")
	}
	checkGone(t, p.Site.MACs(), entries(t, made.File))
}

// Archives that are made to do harm are refused with the name of the entry, and write nothing.
func TestHostile(t *testing.T) {
	t.Parallel()
	m := newMasker(t)
	whole := small(t, m, "hq")
	man, err := json.Marshal(map[string]any{"incident": "x", "hosts": make([]struct{}, 300_000)})
	must(t, err)
	for name, all := range map[string][]member{
		"slip":      {{"top/README.txt", []byte("x")}, {"top/../../evil.txt", []byte("x")}},
		"absolute":  {{"/etc/cron.d/x", []byte("x")}},
		"case":      {{"top/README.txt", []byte("x")}, {"top/readme.TXT", []byte("x")}},
		"a million": {{"top/manifest.json", man}},
		"no bundle": {{"top/manifest.json", []byte("{}")}},
	} {
		path, out := filepath.Join(t.TempDir(), "x.zip"), t.TempDir()
		must(t, os.WriteFile(path, zipped(all...), 0o600))
		if _, err := m.Mask(t.Context(), Request{Path: path, Strength: mask.Identities, Out: out}); err == nil {
			t.Errorf("%s: masked", name)
		}
		empty(t, out)
	}
	for _, path := range []string{filepath.Join(m.Store, "none.zip"), m.Store} {
		if _, err := m.Mask(t.Context(), Request{Path: path, Strength: mask.Identities, Out: t.TempDir()}); err == nil {
			t.Errorf("%s was masked", path)
		}
	}
	m.masks(t, Request{Path: whole})
}

// Without a usable signing key a bundle is masked all the same, and says that it is not signed.
func TestUnsigned(t *testing.T) {
	t.Parallel()
	m := newMasker(t)
	path := small(t, m, "hq")
	must(t, os.Truncate(filepath.Join(m.Store, "seal.key"), 10))
	made := m.masks(t, Request{Path: path})
	res, err := bundle.Verify(t.Context(), made.File)
	if err != nil || !res.OK || res.Signature != bundle.SignatureMissing || !strings.Contains(fmt.Sprint(res.Manifest.Notes), "is not signed") {
		t.Errorf("%+v, %v", res, err)
	}
	again := m.masks(t, Request{Path: made.File})
	if again.SHA256 != made.SHA256 {
		t.Error("masked again it is another one")
	}
	if _, err := (seal.Ring{Dir: m.Store}).Load(); err == nil {
		t.Error("the signing key was made anew")
	}
}

// What was taken out and is there all the same is found, in whatever spelling, and nothing is
// handed over: neither the bundle nor what it says is in its place.
func TestFound(t *testing.T) {
	t.Parallel()
	m := newMasker(t)
	p := brief(t)
	path := rawOf(t, p, "hq", 0).in(t, m, ".zip")
	mac := strings.ToLower(p.Site.MACs()[0])
	for name, leak := range map[string]string{
		"the device": "SEP" + strings.ToUpper(mac),
		"dotted":     mac[:4] + "." + mac[4:8] + "." + mac[8:],
		"base64":     base64.StdEncoding.EncodeToString([]byte("<device>SEP" + strings.ToUpper(mac) + "</device>")),
		"percent":    "%53%45%50" + strings.ToUpper(mac),
		"an address": "10.0.30.2",
		"credential": `nonce="dcd98b7102dd2f0e8b11d0f600bfb0c0"`,
	} {
		out := t.TempDir()
		m.fault = func(step string) error {
			if step != "search" {
				return nil
			}
			logs, err := filepath.Glob(filepath.Join(m.Store, "mask", "*.part", "2"))
			must(t, err)
			f, err := os.OpenFile(logs[0], os.O_APPEND|os.O_WRONLY, 0)
			must(t, err)
			_, err = f.WriteString("2026-03-02T09:14:07.512-05:00 x tvcs: Detail=" + leak + "\n")
			must(t, errors.Join(err, f.Close()))
			return nil
		}
		_, err := m.Mask(t.Context(), Request{Path: path, Strength: mask.Identities, Out: out})
		if !errors.As(err, new(*mask.Found)) || strings.Contains(err.Error(), leak) {
			t.Errorf("%s: %v", name, err)
		}
		empty(t, out)
	}
}

// What is found once is masked again, and the bundle handed over without it, also if somebody wrote it so that
// what stands for it is found again.
func TestMaskedAgain(t *testing.T) {
	t.Parallel()
	m := newMasker(t)
	p := brief(t)
	path := rawOf(t, p, "hq", 0).in(t, m, ".zip")
	leak := "SEP" + strings.ToUpper(p.Site.MACs()[0])
	restless := "" // what does not come to rest however often it is masked
	for _, v := range []string{"pass:" + strings.Repeat("&#1;%3B", 60), "sip:http://@a@", "inline:&#2;#012"} {
		restless += "2026-03-02T09:14:07.513-05:00 x tvcs: Detail=" + v + "\n"
	}
	searches := 0
	m.fault = func(step string) error {
		if step != "search" {
			return nil
		}
		if searches++; searches > 1 {
			return nil
		}
		logs, err := filepath.Glob(filepath.Join(m.Store, "mask", "*.part", "2"))
		must(t, err)
		f, err := os.OpenFile(logs[0], os.O_APPEND|os.O_WRONLY, 0)
		must(t, err)
		_, err = f.WriteString("2026-03-02T09:14:07.512-05:00 x tvcs: Detail=" + leak + "\n" + restless)
		must(t, errors.Join(err, f.Close()))
		return nil
	}
	files := entries(t, m.masks(t, Request{Path: path}).File)
	if searches != 2 {
		t.Errorf("searched %d times", searches)
	}
	checkGone(t, []string{leak}, files)
	for name, text := range files {
		if strings.HasSuffix(name, ".txt") && strings.Contains(string(text), "tvcs: Detail=SEP") {
			return
		}
	}
	t.Error("the line is gone")
}
