package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/seal"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/mra"
	"rtmtgrab/internal/registration"
	"rtmtgrab/internal/testrace"
	"rtmtgrab/internal/wiring"
)

// reportLab is a folder with the logs of a site on which one phone went partial a
// few minutes ago, and the truth about it.
type reportLab struct {
	dir    string
	peers  []*lab.Expressway
	victim mra.Happening
}

func newReportLab(t testing.TB) *reportLab {
	t.Helper()
	l := &reportLab{dir: t.TempDir()}
	for i, name := range []string{"expc01", "expe01"} {
		e, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Name: name, Role: string("CE"[i]), IP: []string{"10.0.30.2", "10.0.40.5"}[i], Dir: filepath.Join(l.dir, name),
			Logs: lab.LogConfig{Rate: 0.3, RotateSize: 100 << 10, RotateKeep: 50, Style: []lab.Rotation{lab.Gzip, lab.Numbered}[i], Seed: uint64(i + 7)}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.Close() })
		l.peers = append(l.peers, e)
	}
	site, err := mra.NewSite(mra.SiteConfig{C: l.peers[:1], E: l.peers[1:], Phones: 3, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer site.Close()
	if err := site.Schedule(mra.Event{At: time.Now().Add(-8 * time.Minute), Kind: mra.LateKeepAlive, Phone: 2}); err != nil {
		t.Fatal(err)
	}
	site.Backfill(time.Now().Add(-18 * time.Minute))
	for _, h := range site.Happened() {
		if h.What == mra.CameBack {
			l.victim = h
		}
	}
	if l.victim.Device == "" {
		t.Fatal("no phone went partial")
	}
	return l
}

// snapshot is the text of a diagnostic archive: all families' records in one, by time.
func (l *reportLab) snapshot(t testing.TB, e *lab.Expressway) []byte {
	t.Helper()
	type record struct {
		at   time.Time
		text []byte
	}
	var all []record
	for _, f := range lab.Families() {
		r := expressway.NewRecordReader(bytes.NewReader(l.joined(t, e, f)), 0, expressway.Ref{})
		for rec, err := r.Next(); err == nil; rec, err = r.Next() {
			all = append(all, record{rec.Time, bytes.Clone(rec.Text)})
		}
	}
	slices.SortStableFunc(all, func(a, b record) int { return a.at.Compare(b.at) })
	var out []byte
	for _, r := range all {
		out = append(out, r.text...)
	}
	return out
}

// joined is a family's whole log.
func (l *reportLab) joined(t testing.TB, e *lab.Expressway, family string) []byte {
	t.Helper()
	var out []byte
	for _, name := range e.Siblings(family) {
		out = append(out, l.file(t, filepath.Join(e.Dir(), name))...)
	}
	return out
}

// file reads one, unpacked.
func (l *reportLab) file(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if z, err := gzip.NewReader(bytes.NewReader(b)); err == nil {
		if b, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// TestReport: the same verdict from every form that logs come in, with places that
// hold what they are said to.
func TestReport(t *testing.T) {
	t.Parallel()
	testrace.Without(t)
	l := newReportLab(t)
	other := t.TempDir()
	var loose, snapshots, archives, syslog []string
	for _, e := range l.peers {
		names, err := filepath.Glob(filepath.Join(e.Dir(), "network_log*"))
		if err != nil || len(names) < 3 {
			t.Fatalf("%d files: %v", len(names), err)
		}
		loose = append(loose, names...)
		text := l.snapshot(t, e)
		name := filepath.Join(other, "loggingsnapshot_"+e.Name()+"_2026_03_02.txt")
		snapshots = append(snapshots, writeFile(t, name, text))
		archives = append(archives, writeFile(t, filepath.Join(other, "diagnostic_"+e.Name()+".tar.gz"), tarGz(t, filepath.Base(name), text)))
		syslog = append(syslog, writeFile(t, filepath.Join(other, e.Name()+".log"), l.joined(t, e, "network_log")))
	}
	for name, args := range map[string][]string{"folder": {l.dir}, "loose": loose, "snapshots": snapshots, "archives": archives, "syslog": syslog} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			r := runGrab(slices.Concat([]string{"report", "--json", "--out", out}, args)...)
			var rep registration.Report
			r.decode(t, &rep)
			if r.code != advice.OK || rep.Verdict != registration.VerdictPartial {
				t.Fatalf("%s", r)
			}
			var onDisk registration.Report
			if err := json.Unmarshal(l.file(t, filepath.Join(out, analysis.JSONName)), &onDisk); err != nil || len(onDisk.Phones) != len(rep.Phones) {
				t.Errorf("%s: %v", analysis.JSONName, err)
			}
			p := phoneOf(t, &rep, l.victim.Device)
			if p.Verdict != registration.VerdictPartial {
				t.Errorf("%s is %s: %s", p.Device, p.Verdict, p.Summary)
			}
			l.checkProofs(t, p.Proofs, args)
			if page := l.file(t, filepath.Join(out, analysis.PageName)); !bytes.Contains(page, []byte(l.victim.Device)) || !bytes.Contains(page, []byte("x-cisco-newreg")) {
				t.Error("the page shows neither phone nor record")
			}
			if left, err := os.ReadDir(out); err != nil || len(left) != 3 {
				t.Errorf("%v, %v", left, err)
			}
		})
	}
}

// checkProofs finds each record where it is said to be; one of them is CUCM's answer.
func (l *reportLab) checkProofs(t *testing.T, proofs []registration.Proof, args []string) {
	t.Helper()
	answers := 0
	for _, p := range proofs {
		path := filepath.FromSlash(p.File)
		switch {
		case len(args) == 1: // in the folder
			path = filepath.Join(l.dir, path)
		case strings.Contains(p.File, ".tar.gz/"):
			path = strings.Replace(filepath.Join(filepath.Dir(args[0]), filepath.Base(path)), ".tar.gz", "", 1)
		}
		b := l.file(t, path)
		if p.Offset+p.Length > int64(len(b)) {
			t.Errorf("%+v is behind the end", p)
			continue
		}
		text := b[p.Offset : p.Offset+p.Length]
		if _, ok := expressway.HeadTime(text, expressway.Ref{}); !ok {
			t.Errorf("%+v: no record begins there: %.100q", p, text)
		}
		if bytes.Contains(text, []byte("x-cisco-newreg")) && bytes.Contains(text, []byte(l.victim.CallID)) {
			answers++
		}
	}
	if answers == 0 {
		t.Errorf("none of %d proofs is CUCM's answer", len(proofs))
	}
}

func phoneOf(t testing.TB, rep *registration.Report, device string) *registration.Phone {
	t.Helper()
	for i := range rep.Phones {
		if rep.Phones[i].Device == device {
			return &rep.Phones[i]
		}
	}
	t.Fatalf("no phone %s in %+v", device, rep.Phones)
	return nil
}

func writeFile(t testing.TB, path string, b []byte) string {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func tarGz(t testing.TB, name string, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(b)), Mode: 0o600})
	w.Write(b)
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// job is what a sealer gets for an incident on this site.
func (l *reportLab) job(t testing.TB, dir string) runner.SealJob {
	t.Helper()
	now := time.Now()
	w := evidence.NewWindow(now.Add(-15*time.Minute), now)
	m := evidence.Manifest{Incident: "20260302T141407Z-hq-3fa2c1", Revision: 1, Window: w, Asked: w, Site: "hq", TimeZone: "America/New_York"}
	logs := t.TempDir()
	path := func(host, family string) string { return filepath.Join(logs, host+"-"+family) }
	for _, e := range l.peers {
		h := evidence.Host{Host: e.Name(), Role: e.Role(), Address: e.Addr(), BodiesLogged: "yes"}
		for _, f := range lab.Families() {
			b := l.joined(t, e, f)
			if err := os.WriteFile(path(e.Name(), f), b, 0o600); err != nil {
				t.Fatal(err)
			}
			h.Files = append(h.Files, evidence.File{Family: f, Path: bundle.LogName(e.Name(), f), Coverage: evidence.Complete, Bytes: int64(len(b)), SHA256: sha(b),
				Sources: []evidence.Source{{Name: f, MTime: w.Until}}})
		}
		h.Conclude()
		m.Hosts = append(m.Hosts, h)
	}
	m.Conclude()
	return runner.SealJob{Manifest: m, Base: filepath.Join(dir, m.Incident), Path: path, Open: func(host, family string) (io.ReadCloser, error) {
		return os.Open(path(host, family))
	}}
}

// TestSealedReport: a bundle has the report in it, in README.txt and in its manifest;
// the same logs make the same bundle; and `grab report` on it says the same.
func TestSealedReport(t *testing.T) {
	t.Parallel()
	testrace.Without(t)
	l := newReportLab(t)
	job := l.job(t, t.TempDir())
	var sums []string
	for i, format := range []string{"zip", "zip", "tar.zst", "tar.gz"} {
		made, err := wiring.Sealer(config.Bundle{Format: format}, analysis.New(), seal.Ring{})(t.Context(), job)
		path := made.Path
		if err != nil {
			t.Fatal(err)
		}
		res, err := bundle.Verify(t.Context(), path)
		if err != nil || !res.OK {
			t.Fatalf("%+v, %v", res.Bad, err)
		}
		reg := res.Manifest.Registration
		if reg == nil || reg.Verdict != registration.VerdictPartial || len(reg.Phones) != 1 || reg.Phones[0].Device != l.victim.Device || reg.Healthy != 2 {
			t.Fatalf("%+v, notes %q", reg, res.Manifest.Notes)
		}
		sums = append(sums, sha(l.file(t, path)))
		if i == 0 {
			continue
		}
		for name, want := range map[string]string{"README.txt": "What the REGISTER messages show", "report/" + analysis.PageName: "x-cisco-newreg", "report/" + analysis.CSVName: l.victim.Device, "report/" + analysis.JSONName: `"partial"`} {
			if got := entry(t, path, name); !bytes.Contains(got, []byte(want)) || !bytes.Contains(got, []byte(l.victim.Device)) {
				t.Errorf("%s says nothing of %s: %.300s", name, want, got)
			}
		}
		out := t.TempDir()
		r := runGrab("report", "--out", out, path)
		if r.code != advice.OK || !strings.Contains(r.out, l.victim.Device) {
			t.Errorf("%s", r)
		}
		for _, name := range []string{analysis.PageName, analysis.CSVName, analysis.JSONName} {
			if !bytes.Equal(entry(t, path, "report/"+name), l.file(t, filepath.Join(out, name))) {
				t.Errorf("%s: grab report made another %s than the bundle has", format, name)
			}
		}
		if r := runGrab("show", path); !strings.Contains(r.out, "What the REGISTER messages show") {
			t.Errorf("%s", r)
		}
	}
	if sums[0] != sums[1] {
		t.Error("the same logs made two bundles")
	}
	if left, err := os.ReadDir(filepath.Dir(job.Base)); err != nil || len(left) != 3 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func entry(t testing.TB, path, name string) (b []byte) {
	t.Helper()
	err := bundle.ReadFile(context.Background(), path, name, func(r io.Reader) (err error) {
		b, err = io.ReadAll(r)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestReportCostsNoBundle: an analysis that fails, however, leaves a bundle without a
// report, which says so; one that is cancelled leaves nothing.
func TestReportCostsNoBundle(t *testing.T) {
	testrace.Whole(t)
	t.Parallel()
	l := newReportLab(t)
	for how, want := range map[string]string{
		"defect":  "internal error in the analysis: deliberate",
		"panic":   "its process ended: exit status 2: panic: deliberate",
		"exit":    "its process ended: exit status 3",
		"silent":  "its process answered what cannot be read: EOF",
		"garbage": "its process answered what cannot be read: invalid character",
		"twice":   "its process answered more than was asked",
		"memory":  "it needed more memory than it may have: 96 MiB",
		"time":    "it took longer than it may: 1 s",
		"files":   "it wrote more than it may: 8 MiB",
		"answer":  "it wrote more than it may",
		"version": "the program's file is another version than the one that is running",
		"nofile":  "its process left no registrations.csv",
		"link":    "its process left a registrations.csv that is no file",
	} {
		t.Run(how, func(t *testing.T) {
			job := l.job(t, t.TempDir())
			analyst := analysis.New()
			analyst.Program.Env = []string{misbehaves + "=" + how}
			switch how {
			case "memory":
				analyst.Limits.Memory = 96 << 20
			case "time":
				analyst.Limits.Time = time.Second
			case "files":
				analyst.Limits.Files = 8 << 20
			}
			made, err := wiring.Sealer(config.Bundle{Format: "zip", PCAPNG: how == "panic"}, analyst, seal.Ring{})(t.Context(), job)
			if err != nil {
				t.Fatal(err)
			}
			res, err := bundle.Verify(t.Context(), made.Path)
			notes := strings.Join(res.Manifest.Notes, "\n")
			if err != nil || !res.OK || res.Manifest.Registration != nil || !strings.Contains(notes, "no report on the REGISTER messages: "+want) || !strings.Contains(notes, "grab retry "+job.Manifest.Incident) {
				t.Errorf("%+v, %v, notes %q", res.Bad, err, res.Manifest.Notes)
			}
			if !strings.HasPrefix(made.NoReport, want) || res.Manifest.NoReport != made.NoReport {
				t.Errorf("it says %q, the manifest %q, want %q", made.NoReport, res.Manifest.NoReport, want)
			}
			if readme := string(entry(t, made.Path, "README.txt")); strings.Contains(readme, "What the REGISTER messages show") || !strings.Contains(readme, "no report") {
				t.Errorf("README.txt speaks of a report, or not of none: %s", readme)
			}
			if r := runGrab("show", made.Path); !strings.Contains(r.out, "no report") {
				t.Errorf("%s", r)
			}
			if left, err := os.ReadDir(filepath.Dir(job.Base)); err != nil || len(left) != 1 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// TestReportCancelled: an analysis that is cancelled leaves nothing, neither files nor its
// process.
func TestReportCancelled(t *testing.T) {
	t.Parallel()
	l := newReportLab(t)
	job := l.job(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	analyst := analysis.New()
	begun := filepath.Join(t.TempDir(), "begun")
	analyst.Program.Env = []string{misbehaves + "=time", misbegun + "=" + begun}
	go func() {
		defer cancel()
		for {
			if _, err := os.Stat(begun); err == nil || t.Context().Err() != nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if _, err := wiring.Sealer(config.Bundle{Format: "zip"}, analyst, seal.Ring{})(ctx, job); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if left, err := os.ReadDir(filepath.Dir(job.Base)); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func sha(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
