package sources

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/cucmtrace"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/mra"
	"rtmtgrab/internal/registration"
)

// aSite is a site at which one phone goes partial, with the files of its CUCM nodes as RTMT
// would download them.
func aSite(t *testing.T) (logs string, rtmt []file, device string) {
	t.Helper()
	dir := t.TempDir()
	peer := func(name, role, ip string) *lab.Expressway {
		e, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Name: name, Role: role, IP: ip, Dir: filepath.Join(dir, name), Logs: lab.LogConfig{RotateSize: -1}})
		must(t, err)
		return e
	}
	c, e := peer("expc01", "C", "10.0.30.2"), peer("expe01", "E", "10.0.40.5")
	zone, err := time.LoadLocation("America/New_York")
	must(t, err)
	s, err := mra.NewSite(mra.SiteConfig{C: []*lab.Expressway{c}, E: []*lab.Expressway{e}, Phones: 2, Seed: 3, SDL: &mra.SDLConfig{Zone: zone, FileSize: 60 << 10}})
	must(t, err)
	begin := time.Date(2026, 3, 3, 4, 45, 0, 0, time.UTC)
	must(t, s.Schedule(mra.Event{At: begin.Add(12 * time.Minute), Kind: mra.DropTCP}))
	s.BackfillUntil(begin, begin.Add(20*time.Minute))
	must(t, c.Close())
	must(t, e.Close())
	for _, node := range s.Nodes() {
		for _, f := range s.TraceFiles(node) {
			b, err := s.ReadTrace(node, f.Path)
			must(t, err)
			if f.Open && f.Kind == mra.SDL {
				b = b[:len(b)-3] // it goes on being written
			}
			rtmt = append(rtmt, file{node + "/2026-03-03_00-10-00/" + strings.TrimPrefix(f.Path, "/var/log/active/"), b})
		}
	}
	return dir, rtmt, s.Devices()[0]
}

// TestRTMTDownload: folders, zips and tgz of what RTMT downloads are read beside Expressways'
// logs, the file that is being written too; CUCM's own word is in the verdict.
func TestRTMTDownload(t *testing.T) {
	logs, rtmt, device := aSite(t)
	work := t.TempDir()
	folder := filepath.Join(work, "rtmt")
	for _, f := range rtmt {
		name := filepath.Join(folder, filepath.FromSlash(f.name))
		must(t, os.MkdirAll(filepath.Dir(name), 0o700))
		must(t, os.WriteFile(name, f.b, 0o600))
	}
	archive := func(name string, b []byte) string {
		path := filepath.Join(work, name)
		must(t, os.WriteFile(path, b, 0o600))
		return path
	}
	loose := []string{logs}
	for _, f := range rtmt {
		if strings.Contains(f.name, "cucm01") && strings.Contains(f.name, "/sdl/") {
			loose = append(loose, filepath.Join(folder, filepath.FromSlash(f.name)))
		}
	}
	for name, args := range map[string][]string{"folder": {logs, folder}, "zip": {logs, archive("rtmt.zip", zipOf(rtmt...))},
		"tgz": {logs, archive("rtmt.tgz", gz(tarOf(rtmt...)))}, "files": loose} {
		t.Run(name, func(t *testing.T) {
			set, err := Open(t.Context(), t.TempDir(), args...)
			must(t, err)
			defer set.Close()
			rep, err := registration.Analyze(t.Context(), set.Sources, registration.Options{Traces: set.Traces})
			must(t, err)
			set.Settle(rep)
			if len(rep.CUCM) == 0 || rep.CUCM[0].Node != "cucm01" || !rep.CUCM[0].SIPTrace || rep.CUCM[0].Joins < 10 {
				t.Fatalf("nodes %+v of %d traces, notes %q", rep.CUCM, len(set.Traces), rep.Notes)
			}
			i := slices.IndexFunc(rep.Phones, func(p registration.Phone) bool { return p.Device == device })
			if i < 0 {
				t.Fatal("the phone is not in the report")
			}
			p := rep.Phones[i]
			if p.Verdict != registration.VerdictPartial || p.Cause != registration.CauseTCP || p.CauseConfidence != registration.Certain {
				t.Errorf("%s, %s (%s): %s", p.Verdict, p.Cause, p.CauseConfidence, p.Summary)
			}
			shown(t, set, rep, p)
			for _, s := range set.Sources {
				if s.Host == "" && s.Family == "messages" && strings.Contains(s.File, "cucm") {
					t.Errorf("%s is taken for an Expressway's log", s.File)
				}
			}
		})
	}
}

// shown: the texts of CUCM's records are found at the places that the report names.
func shown(t *testing.T, set *Set, rep *registration.Report, p registration.Phone) {
	t.Helper()
	text := set.Text(rep)
	n := 0
	for _, tr := range p.Transactions {
		for _, h := range tr.Hops {
			if h.Node == "" {
				continue
			}
			b, err := text(h.Proofs[0])
			if err != nil || !strings.Contains(h.What, "device") && !bytes.Contains(b, []byte(tr.CallID)) || strings.Contains(h.What, "device") && !bytes.Contains(b, []byte(p.Device)) {
				t.Fatalf("%s at %s: %v, %.80q", h.What, h.Proofs[0].File, err, b)
			}
			n++
		}
	}
	if n < 10 {
		t.Errorf("%d records of CUCM's are shown", n)
	}
}

// TestBundleOfCUCM: a bundle's cut traces are dated by the manifest, whatever the node's zone,
// and CUCM's word on phones counts.
func TestBundleOfCUCM(t *testing.T) {
	_, rtmt, device := aSite(t)
	first := time.Date(2026, 3, 3, 4, 55, 0, 0, time.UTC)
	window := evidence.NewWindow(first, first.Add(10*time.Minute))
	var cut bytes.Buffer
	var found time.Time
	for _, f := range rtmt {
		if !strings.HasPrefix(f.name, "cucm01") || !strings.Contains(f.name, "/sdl/") {
			continue
		}
		r, err := inflate(kindGzip, bytes.NewReader(f.b))
		must(t, err)
		s, err := cucmtrace.Cut(&cut, cucmtrace.Whole(cucmtrace.NewReader(r, cucmtrace.Place{})), window)
		must(t, err)
		if found.IsZero() {
			found = s.CutFirst
		}
	}
	names := `{"clusters":[{"cluster":"c","state":"certain","second":"2026-03-03T05:06:00Z","phones":[{"device":"` + device + `","node":"cucm01","status":"PartiallyRegistered","certain":true,"lines":[{"number":"7022","status":"Registered"},{"number":"7023","status":"UnRegistered"}]}]}]}`
	files := map[string][]byte{"cucm/cucm01/sdl.txt": cut.Bytes(), namesFile: []byte(names)}
	m := evidence.Manifest{Window: window, Asked: window, TimeZone: "Asia/Kolkata", CUCM: []evidence.CUCM{{Cluster: "c", Names: &evidence.CUCMNames{State: evidence.NamesCertain},
		Nodes: []evidence.CUCMNode{{Node: "cucm01", Files: []evidence.File{{Family: "sdl", Path: "cucm/cucm01/sdl.txt", First: &found, Coverage: evidence.Complete}}}}}}}
	set := Of(t.Context(), t.TempDir(), m, nil)
	defer set.Close()
	set.AddCUCM(m, "", func(name string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files[name])), nil })
	rep, err := registration.Analyze(t.Context(), set.Sources, registration.Options{Window: set.Window, Traces: set.Traces, Names: set.Names})
	must(t, err)
	if len(rep.CUCM) != 1 || rep.CUCM[0].Files[0].First == nil || !rep.CUCM[0].Files[0].First.Equal(found) || rep.CUCM[0].Files[0].Last.Before(window.Until.Add(-10*time.Second)) {
		t.Fatalf("%+v, notes %q", rep.CUCM, rep.Notes)
	}
	if said := strings.Join(rep.Notes, "\n"); !strings.Contains(said, device) {
		t.Errorf("nothing says that CUCM names a phone of which there are no logs: %s", said)
	}
}

// TestSealedCUCM: the traces that lie in a bundle are read where it is a file and where it is
// unpacked.
func TestSealedCUCM(t *testing.T) {
	_, rtmt, device := aSite(t)
	first := time.Date(2026, 3, 3, 4, 55, 0, 0, time.UTC)
	var cut bytes.Buffer
	for _, f := range rtmt {
		if strings.HasPrefix(f.name, "cucm01") && strings.Contains(f.name, "/sdl/") {
			open := func() (io.ReadCloser, error) { return inflate(kindGzip, bytes.NewReader(f.b)) }
			place, _, err := cucmtrace.Anchor(open, cucmtrace.Place{})
			must(t, err)
			r, err := open()
			must(t, err)
			_, err = cucmtrace.Cut(&cut, cucmtrace.Whole(cucmtrace.NewReader(r, place)), evidence.NewWindow(first, first.Add(8*time.Minute)))
			must(t, err)
		}
	}
	names := []byte(`{"clusters":[{"cluster":"c","state":"likely","first":"2026-03-03T04:59:00Z","phones":[{"device":"` + device + `","node":"cucm01","status":"PartiallyRegistered","certain":false,"lines":[]}]}]}`)
	stated := func(path string, b []byte) evidence.File {
		sum := sha256.Sum256(b)
		return evidence.File{Family: "sdl", Path: path, Bytes: int64(len(b)), SHA256: hex.EncodeToString(sum[:]), First: &first, Coverage: evidence.Complete}
	}
	in := incident(someLog(5, 40, "REGISTER"))
	in.Manifest.CUCM = []evidence.CUCM{{Cluster: "c", Names: &evidence.CUCMNames{State: evidence.NamesLikely}, Nodes: []evidence.CUCMNode{{Node: "cucm01", Files: []evidence.File{stated("cucm/cucm01/sdl.txt", cut.Bytes())}}}}}
	for name, b := range map[string][]byte{"cucm/cucm01/sdl.txt": cut.Bytes(), namesFile: names} {
		in.Extra = append(in.Extra, bundle.Part{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }})
	}
	dir := t.TempDir()
	zip := filepath.Join(dir, "a.zip")
	_, err := bundle.Write(t.Context(), zip, in)
	must(t, err)
	top := filepath.Join(dir, "un", bundle.Name(in.Manifest))
	must(t, bundle.ReadFile(t.Context(), zip, "manifest.json", func(r io.Reader) error {
		b, err := io.ReadAll(r)
		put(t, top, file{"manifest.json", b}, file{"hosts/expc01/network_log.txt", nil}, file{"cucm/cucm01/sdl.txt", cut.Bytes()}, file{namesFile, names})
		return err
	}))
	for _, arg := range []string{zip, top} {
		s := mustOpen(t, arg)
		rep, err := registration.Analyze(t.Context(), s.Sources, registration.Options{Window: s.Window, Traces: s.Traces, Names: s.Names})
		must(t, err)
		if len(rep.CUCM) != 1 || !rep.CUCM[0].SIPTrace || rep.CUCM[0].Files[0].Records < 100 || rep.CUCM[0].Files[0].Error != "" || len(s.Names) != 1 {
			t.Errorf("%s: %+v, names %+v, notes %q", arg, rep.CUCM, s.Names, append(rep.Notes, s.Notes()...))
		}
	}
}
