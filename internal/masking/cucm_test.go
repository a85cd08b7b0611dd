package masking

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/mask"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/evidence"
)

// extra adds a file of CUCM, or a phone's report.
func (b *raw) extra(name string, text []byte) (bytes int64, sum string) {
	s := sha256.Sum256(text)
	b.Extra = append(b.Extra, textPart(name, text))
	return int64(len(text)), hex.EncodeToString(s[:])
}

// What came of CUCM is masked like the logs, under its node's other name and with rows of
// what was masked; a phone's report is left out, and named.
func TestMaskCUCM(t *testing.T) {
	t.Parallel()
	m := newMasker(t)
	b := (&raw{}).minimal(t)
	sdl := []byte("00000001.000 |14:20:00.110 |AppInfo  |SIPTcp - wait_SdlReadRsp: Incoming SIP TCP message from 10.0.30.2 on port 5060\n" +
		"From: <sip:7042@cucm77.corp.example.net>;tag=001122334455abcd\n")
	f := evidence.File{Family: "sdl", Path: "cucm/cucm77/sdl.txt", Coverage: evidence.Complete}
	f.Bytes, f.SHA256 = b.extra(f.Path, sdl)
	b.extra("cucm/partial-phones.json", []byte(`[{"name":"SEP001122334455","node":"cucm77","lines":[{"number":"7042"}]}]`))
	p := evidence.PRT{Device: "SEP001122334455", Path: "prt/SEP001122334455-20260302T142000Z.tar.gz", From: "10.0.30.2"}
	p.Bytes, p.SHA256 = b.extra(p.Path, gzipped(tarred(member{"console.log", []byte("secret of 7042")})))
	b.Manifest.CUCM = []evidence.CUCM{{Cluster: "HeadquarterCluster", Names: &evidence.CUCMNames{State: evidence.NamesLikely, Why: "cucm77 did not answer"},
		Nodes: []evidence.CUCMNode{{Node: "cucm77", Address: "10.0.20.1:8443", Coverage: evidence.Complete, Files: []evidence.File{f}}}}}
	b.Manifest.PRTs = []evidence.PRT{p}
	b.Manifest.Resets = []evidence.Reset{{Device: "SEP001122334455", Cluster: "HeadquarterCluster", By: "mallory", PRT: "none", State: evidence.ResetOrdered, Error: "no answer of u9", Lines: []evidence.ResetLine{{Number: "7042", Status: "up"}}}}
	b.Manifest.Alerts = []evidence.Alert{{ID: strings.Repeat("3fa2c1", 10), Name: "PartiallyRegisteredPhone", Cluster: "HeadquarterCluster", Node: "u9", Time: b.Manifest.Window.Since}}
	b.Manifest.Notes = []string{"u9 of (hq) was slow"}
	path := b.in(t, m, ".zip")

	made, err := m.Mask(t.Context(), Request{Path: path, Strength: mask.Identities, Out: filepath.Join(t.TempDir(), "masked.zip")})
	must(t, err)
	res, err := bundle.Verify(t.Context(), made.File)
	if err != nil || !res.OK {
		t.Fatalf("%+v, %v", res.Bad, err)
	}
	if len(res.Manifest.PRTs) != 0 || !slices.ContainsFunc(made.LeftOut, func(l evidence.LeftOut) bool { return strings.Contains(l.Why, "problem report") }) {
		t.Errorf("reports %+v, left out %+v", res.Manifest.PRTs, made.LeftOut)
	}
	row := res.Manifest.CUCM[0].Nodes[0]
	if row.Files[0].Path == f.Path || row.Files[0].SHA256 == f.SHA256 || row.Files[0].Path != "cucm/"+row.Node+"/sdl.txt" {
		t.Errorf("%+v", row)
	}
	if heard := string(entries(t, made.File)["report/"+analysis.JSONName]); !strings.Contains(heard, row.Files[0].Path) || strings.Contains(heard, row.Files[0].Path+": file does not exist") {
		t.Errorf("the report did not read the trace: %s", heard)
	}
	var all bytes.Buffer
	must(t, bundle.Files(t.Context(), made.File, func(name string, r io.Reader) error {
		all.WriteString(name + "\n")
		if strings.HasPrefix(name, "cucm/") || name == manifestName {
			_, err := io.Copy(&all, r)
			return err
		}
		return nil
	}))
	for _, raw := range []string{"cucm77", "001122334455", "7042", "10.0.30.2", "10.0.20.1", "HeadquarterCluster", "secret", "mallory", " u9", "(hq)", "-hq-"} {
		if strings.Contains(all.String(), raw) {
			t.Errorf("%s is in the masked bundle:\n%s", raw, all.String())
		}
	}
	if !strings.Contains(all.String(), "Incoming SIP TCP message") {
		t.Errorf("the trace is not in it:\n%s", all.String())
	}
}
