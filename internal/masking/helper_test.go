package masking

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/mask"
	"rtmtgrab/bundle/mask/mapfile"
	"rtmtgrab/bundle/seal"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/lab/scenario"
)

// The program of these tests is also the child that analyses.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == analysis.Command {
		if err := analysis.Serve(os.Args[2], os.Stdout, os.Exit); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Setenv("GORACE", strings.TrimSpace(os.Getenv("GORACE")+" atexit_sleep_ms=0"))
	os.Exit(m.Run())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newMasker is that of a new store.
func newMasker(t testing.TB) *Masker {
	t.Helper()
	store := t.TempDir()
	for _, dir := range []string{"bundles", "incidents"} {
		must(t, os.Mkdir(filepath.Join(store, dir), 0o700))
	}
	return &Masker{Store: store, Scope: mapfile.Site, Analyst: analysis.New()}
}

func playAll(t testing.TB, sc scenario.Scenario) *scenario.Played {
	t.Helper()
	p, err := sc.Play(t.Context(), t.TempDir(), time.Date(2026, 3, 2, 14, 20, 0, 0, time.UTC))
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()) })
	return p
}

// A raw is a bundle that is to be masked.
type raw struct {
	bundle.Input
	texts map[string][]byte
}

// rawOf is the bundle of a scenario's logs, with all that a manifest can have.
func rawOf(t testing.TB, p *scenario.Played, site string, n int) *raw {
	t.Helper()
	b := &raw{texts: map[string][]byte{}}
	w := evidence.NewWindow(p.Since, p.Until)
	m := evidence.Manifest{Incident: fmt.Sprintf("20260302T142000Z-%s-3fa2c%d", site, n%10), Revision: 1, Window: w, Asked: w, Site: site, TimeZone: "America/New_York",
		Reason: "Ms Smith of room 12 says her phone is dead", RequestedBy: "mallory (sudo by eve)", Notes: []string{"The logs name a peer that no host configures: expc09.corp.example.net."}, Grab: "v9"}
	m.Timing.Sealed = p.Until
	variants := rtmt.Variants()
	mail := rtmt.Mail(rtmt.MailOptions{Variant: variants[n%len(variants)], Time: p.Until.Add(-time.Minute), Node: "cucm01", Cluster: "HeadquarterCluster", To: "collab-alerts@corp.example.net"})
	sum := sha256.Sum256(mail)
	id := hex.EncodeToString(sum[:])
	raised := p.AlertAt
	if raised.IsZero() {
		raised = p.Until.Add(-time.Minute)
	}
	m.Alerts = []evidence.Alert{{ID: id, Name: "PartiallyRegisteredPhone", Cluster: "HeadquarterCluster", Node: "cucm01", Time: raised, Devices: p.Named(), File: "alerts/" + id + ".eml",
		Subject: "[RTMT-ALERT-HeadquarterCluster] PartiallyRegisteredPhone", Recipients: []string{"collab-alerts@corp.example.net"}, Mailbox: "collab-alerts@corp.example.net", Folder: "INBOX",
		Auth: &evidence.Auth{OK: true, How: "from", Why: "the From of rtmt@corp.example.net is listed", Sender: "rtmt@corp.example.net"}}}
	b.Mails = []bundle.Part{textPart("alerts/"+id+".eml", mail)}
	for _, l := range p.Logs() {
		text, err := os.ReadFile(l.Path)
		must(t, err)
		b.add(&m, l, text)
	}
	for i := range m.Hosts {
		m.Hosts[i].Conclude()
	}
	m.Conclude()
	b.Manifest = m
	b.Log = func(host, family string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b.texts[bundle.LogName(host, family)])), nil
	}
	return b
}

// add adds a log.
func (b *raw) add(m *evidence.Manifest, l scenario.Log, text []byte) {
	name := bundle.LogName(l.Host, l.Family)
	b.texts[name] = text
	sum := sha256.Sum256(text)
	f := evidence.File{Family: l.Family, Path: name, Coverage: evidence.Complete, Bytes: int64(len(text)), SHA256: hex.EncodeToString(sum[:]),
		Sources: []evidence.Source{{Name: l.Family + ".1", Offset: 7, Length: int64(len(text)), SHA256: hex.EncodeToString(sum[:]), From: evidence.FromHost}}}
	for _, s := range l.Missing {
		f.Coverage = evidence.Partial
		f.Missing = append(f.Missing, evidence.Span{Since: s.Since, Until: s.Until, Reason: evidence.ReasonRotated})
	}
	if n := len(m.Hosts); n == 0 || m.Hosts[n-1].Host != l.Host {
		m.Hosts = append(m.Hosts, evidence.Host{Host: l.Host, Role: l.Role, Address: fmt.Sprintf("10.0.%d.%d:22", len(m.Hosts)+30, len(m.Hosts)+2), HostKey: "SHA256:key-of-" + l.Host,
			Error: "dial tcp 10.0.30.2:22: i/o timeout", Credentials: 3, Notes: []string{l.Host + " was slow"}, OwnAddresses: []string{"10.0.30.2"}, PeersNamed: []string{"expc09.corp.example.net"}})
	}
	h := &m.Hosts[len(m.Hosts)-1]
	h.Files = append(h.Files, f)
}

func textPart(name string, b []byte) bundle.Part {
	return bundle.Part{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
}

// in writes it into a store, signed.
func (b *raw) in(t testing.TB, m *Masker, ending string) string {
	t.Helper()
	key, err := seal.Ring{Dir: m.Store}.Key()
	must(t, err)
	b.Key = key
	path := filepath.Join(m.Store, "bundles", bundle.Name(b.Manifest)+ending)
	_, err = bundle.Write(t.Context(), path, b.Input)
	must(t, err)
	return path
}

// masks masks a bundle into a new folder.
func (m *Masker) masks(t testing.TB, q Request) Made {
	t.Helper()
	if q.Strength == "" {
		q.Strength = mask.Identities
	}
	if q.Out == "" {
		q.Out = t.TempDir()
	}
	made, err := m.Mask(t.Context(), q)
	must(t, err)
	if len(made.Warnings) > 0 {
		t.Error(made.Warnings)
	}
	return made
}

// entries are the files of a bundle.
func entries(t testing.TB, path string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	must(t, bundle.Files(t.Context(), path, func(name string, r io.Reader) (err error) {
		all[name], err = io.ReadAll(r)
		return err
	}))
	return all
}

// told is what of a report does not change with names.
func told(t testing.TB, files map[string][]byte) string {
	t.Helper()
	var doc struct {
		Verdict string
		Phones  []struct {
			Verdict, Cause, Confidence string
			At                         *time.Time
			LateByS                    *float64 `json:"late_by_s"`
			Transactions               []struct{}
		}
	}
	must(t, json.Unmarshal(files["report/"+analysis.JSONName], &doc))
	var phones []string
	for _, p := range doc.Phones {
		s := fmt.Sprint(p.Verdict, " ", p.Cause, " ", p.Confidence, " ", len(p.Transactions))
		if p.At != nil {
			s += p.At.Format(" 15:04:05.000")
		}
		if p.LateByS != nil {
			s += fmt.Sprintf(" late by %.3f", *p.LateByS)
		}
		phones = append(phones, s)
	}
	slices.Sort(phones)
	return doc.Verdict + "\n" + strings.Join(phones, "\n")
}

// reported is told of the bundle that is masked, whose report is made like those of others.
func reported(t testing.TB, b *raw) string {
	t.Helper()
	dir := t.TempDir()
	res, err := analysis.New().Report(t.Context(), analysis.Job{Manifest: b.Manifest, Scratch: dir, Path: func(host, family string) string {
		name := filepath.Join(dir, host+"-"+family)
		must(t, os.WriteFile(name, b.texts[bundle.LogName(host, family)], 0o600))
		return name
	}})
	defer res.Remove()
	must(t, err)
	text, err := os.ReadFile(filepath.Join(res.Dir, analysis.JSONName))
	must(t, err)
	return told(t, map[string][]byte{"report/" + analysis.JSONName: text})
}

// rezip writes a zip anew with a file changed, as a stranger would.
func rezip(t testing.TB, path string, change func(name string, b []byte) []byte) string {
	t.Helper()
	r, err := zip.OpenReader(path)
	must(t, err)
	defer r.Close()
	out := filepath.Join(t.TempDir(), filepath.Base(path))
	f, err := os.Create(out)
	must(t, err)
	defer f.Close()
	w := zip.NewWriter(f)
	for _, e := range r.File {
		in, err := e.Open()
		must(t, err)
		b, err := io.ReadAll(in)
		must(t, err)
		to, err := w.CreateHeader(&zip.FileHeader{Name: e.Name, Method: zip.Deflate})
		must(t, err)
		_, err = to.Write(change(e.Name, b))
		must(t, err)
	}
	must(t, w.Close())
	return out
}

// minimal is a bundle of one empty host.
func (b *raw) minimal(t testing.TB) *raw {
	t.Helper()
	at := time.Date(2026, 3, 2, 14, 20, 0, 0, time.UTC)
	w := evidence.NewWindow(at.Add(-time.Minute), at)
	b.Manifest = evidence.Manifest{Incident: "20260302T142000Z-hq-3fa2c1", Revision: 1, Window: w, Asked: w, Site: "hq"}
	b.Manifest.Hosts = []evidence.Host{evidence.Lacking(evidence.Host{Host: "expc01", Role: "C"}, []string{"network_log"}, w, evidence.ReasonUnreachable)}
	b.Manifest.Conclude()
	return b
}

func openMap(t testing.TB, m *Masker) *mapfile.Map {
	t.Helper()
	chart, err := mapfile.Of(m.Store).Open(t.Context(), mapfile.Scope{Kind: mapfile.Site, Name: "hq"})
	must(t, err)
	t.Cleanup(func() { must(t, chart.Close()) })
	return chart
}

// brief is a scenario of a few minutes, of one phone.
func brief(t testing.TB) *scenario.Played {
	t.Helper()
	sc := scenario.Scenarios()[0]
	sc.Length, sc.Alert, sc.Steps, sc.Site.Phones, sc.Pairs = 3*time.Minute, 0, nil, 1, 1
	return playAll(t, sc)
}

// small is a bundle that is masked quickly.
func small(t testing.TB, m *Masker, site string) string {
	t.Helper()
	return rawOf(t, brief(t), site, 0).in(t, m, ".zip")
}
