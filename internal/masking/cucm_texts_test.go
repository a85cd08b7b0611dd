package masking

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/mask"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/testrace"
)

// attack is what people write into CUCM, and what of it must not be left.
type attack struct {
	text string
	raw  []string
}

var attacks = []attack{
	{"Müller, Jörg", []string{"müller", "jörg"}},
	{`O'Brien "Quibble" \ \"Zork\"`, []string{"brien", "quibble", "zork"}},
	{`&lt;Wexler&gt; &#x51;uokka <b>Xavierr</b> <!-- Nargle -->`, []string{"wexler", "uokka", "xavierr", "nargle"}},
	{`'; DROP TABLE phones; -- Robertino`, []string{"robertino", "drop table"}},
	{strings.Repeat("Llanfair Zzyzx ", 200), []string{"llanfair", "zzyzx"}},
	{"Ünïcøde 🦩 Flamingo \u202eevil\u202c Żółć", []string{"ünïcøde", "flamingo", "🦩", "żółć"}},
	{"70420815 Vestibule", []string{"70420815", "vestibule"}},
	{"=cmd|' /C calc'!Zaphod", []string{"zaphod"}},
	{"Krüger\r\nReason:13, Hacker\tTabitha", []string{"krüger", "tabitha", "hacker"}},
	{"quonset@corp.example.net; +49 89 60712345", []string{"quonset", "60712345"}},
	{"Gebäude 4, Raum Wolpertinger], [Reason=13]", []string{"wolpertinger", "gebäude"}},
	{"Müllerstraße, Reason:13, Jörgensen][Reason=13][Zebulon", []string{"müller", "jörg", "zebulon"}},
	{"M\u0308obius {\"user\":\"Jabberwock\"}", []string{"obius", "jabberwock"}},
}

// leftIn looks for what must not be left, as it stands and through escapes.
func leftIn(t *testing.T, where, text string) {
	t.Helper()
	forms := []string{text, html.UnescapeString(html.UnescapeString(text))}
	if u, err := url.QueryUnescape(text); err == nil {
		forms = append(forms, u)
	}
	var s string
	if json.Unmarshal([]byte(`"`+strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`, `\"`, `\"`, `"`, `\"`).Replace(text)+`"`), &s) == nil {
		forms = append(forms, s)
	}
	for _, f := range forms {
		low := strings.ToLower(f)
		for _, a := range attacks {
			for _, raw := range a.raw {
				if i := strings.Index(low, raw); i >= 0 {
					t.Errorf("%s: %q is left: %q", where, raw, low[max(0, i-60):min(len(low), i+60)])
				}
			}
		}
	}
}

// attacked is a bundle in which a text stands wherever one can that comes of CUCM, of phones or
// of a person who had one reset.
func attacked(t *testing.T, n int, text string) *raw {
	b := (&raw{}).minimal(t)
	at := time.Date(2026, 3, 2, 14, 20, 0, 0, time.UTC)
	doc := evidence.PartialPhones{Clusters: []evidence.ClusterPhones{{Cluster: text, State: text, Why: "node " + text + " did not answer (" + text + ")", LogsOnly: []string{text}, CUCMOnly: []string{text}, First: at,
		Phones: []evidence.CUCMPhone{{Device: text, Node: text, Status: text, ReasonText: text, Description: text, Model: text, Product: text, Load: text, User: text, IP: text, Protocol: text, MRA: text, Via: text, Since: at,
			Lines: []evidence.CUCMLine{{Number: text, Status: text}}},
			{Device: "SEP001122334455", Node: "cucm77", Status: evidence.CUCMPartially, Description: text, Model: "36217", Product: "36217", Load: "sip88xx.14-3-1-0201-1", User: "smithers", IP: "10.0.30.2", Protocol: "SIP", MRA: "address", Via: "expc01",
				Lines: []evidence.CUCMLine{{Number: "7042", Status: evidence.CUCMRegistered}, {Number: "7043", Status: evidence.CUCMUnregistered}}}}}}}
	js, err := json.MarshalIndent(doc, "", "  ")
	must(t, err)
	b.extra(phonesJSON, js)
	b.extra(phonesCSV, doc.CSV())

	one := strings.NewReplacer("\r", " ", "\n", " ").Replace(text)
	sdl := "00000001.000 |14:20:00.110 |AlarmErr |AlarmClass: CallManager, AlarmName: EndPointUnregistered, AlarmSeverity: Error, AlarmMessage: , AlarmDescription: An endpoint unregistered., AlarmParameters: " +
		"DeviceName:SEP001122334455, IPAddress:10.0.30.2, Protocol:SIP, DeviceType:36217, Description:" + one + ", Reason:13, IPAddrAttributes:0, LastSignalReceived:x, AppID:Cisco CallManager, ClusterID:StandAloneCluster, NodeID:cucm77,\n"
	syslog := "Mar  2 09:20:00 cucm77 local7 3 : 1: cucm77.corp.example.net: Mar 02 2026 14:20:00.110 UTC :  %UC_CALLMANAGER-3-EndPointUnregistered: %[DeviceName=SEP001122334455][IPAddress=10.0.30.2][Protocol=SIP][DeviceType=36217]" +
		"[Description=" + one + "][Reason=13][IPAddrAttributes=0]: An endpoint unregistered.\n"
	quoted := `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
	alerts := "Time Stamp,Alert Name,Node Name,Alert Message,Type,Description,Severity,PollValue,Action,Group ID\n1772461200110,PartiallyRegisteredPhone,cucm77," + quoted + ",Threshold," + quoted + ",Warning,1,,CallManager\n"
	node := evidence.CUCMNode{Node: "cucm77", Address: "10.0.20.1:8443", Coverage: evidence.Partial, Error: "cluster, cucm77 (10.0.20.1), Log Collection: fault: " + text}
	for family, log := range map[string]string{"sdl": sdl, "application": syslog, "alertlog": alerts} {
		f := evidence.File{Family: family, Path: "cucm/cucm77/" + family + map[bool]string{true: ".csv", false: ".txt"}[family == "alertlog"], Coverage: evidence.Complete}
		f.Bytes, f.SHA256 = b.extra(f.Path, []byte(log))
		node.Files = append(node.Files, f)
	}
	b.extra("cucm/cucm77/whole/SDL001_100_000001.txt.gz", []byte(gzipOf(t, "SDL001_100_000001.txt", sdl)))
	p := evidence.PRT{Device: "SEP001122334455", Path: "prt/SEP001122334455-20260302T142000Z.tar.gz", From: "10.0.30.2", Received: at}
	p.Bytes, p.SHA256 = b.extra(p.Path, gzipped(tarred(member{"console.log", []byte(text)})))
	m := &b.Manifest
	m.Incident = fmt.Sprintf("20260302T142000Z-hq-3fa2%02d", n)
	m.CUCM = []evidence.CUCM{{Cluster: "HeadquarterCluster", Names: &evidence.CUCMNames{State: evidence.NamesLikely, Why: text}, Nodes: []evidence.CUCMNode{node}}}
	m.PRTs = []evidence.PRT{p}
	m.Resets = []evidence.Reset{{Device: "SEP001122334455", Cluster: "HeadquarterCluster", By: "smithers", At: at, PRT: "none", Why: text, State: evidence.ResetFailed, Error: "cucm77: fault: " + text,
		Lines: []evidence.ResetLine{{Number: "7042", Status: text}}}}
	return b
}

// Whatever stands in a field of CUCM's or a phone's, in no form of it is anything left in the
// masked bundle; what was masked is still to be read.
func TestMaskCUCMTexts(t *testing.T) {
	testrace.Whole(t)
	t.Parallel()
	for i, a := range attacks {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			m := newMasker(t)
			path := attacked(t, i, a.text).in(t, m, ".zip")
			made, err := m.Mask(t.Context(), Request{Path: path, Strength: mask.Identities, Out: filepath.Join(t.TempDir(), "masked.zip")})
			must(t, err)
			res, err := bundle.Verify(t.Context(), made.File)
			if err != nil || !res.OK {
				t.Fatalf("%+v, %v", res.Bad, err)
			}
			names := map[string]string{}
			must(t, bundle.Files(t.Context(), made.File, func(name string, r io.Reader) error {
				text, err := io.ReadAll(r)
				if strings.HasSuffix(name, ".gz") {
					text = gunzipped(t, text)
				}
				names[name] = string(text)
				leftIn(t, name, string(text))
				leftIn(t, "the name "+name, name)
				for _, raw := range []string{"cucm77", "001122334455", "smithers"} {
					if strings.Contains(strings.ToLower(string(text)), raw) {
						t.Errorf("%s: %s is left", name, raw)
					}
				}
				return err
			}))
			checkMaskedPhones(t, names)
		})
	}
}

// checkMaskedPhones: what is no person's is still there.
func checkMaskedPhones(t *testing.T, names map[string]string) {
	t.Helper()
	var doc evidence.PartialPhones
	must(t, json.Unmarshal([]byte(names[phonesJSON]), &doc))
	p := doc.Clusters[0].Phones[1]
	if p.Status != evidence.CUCMPartially || p.Load != "sip88xx.14-3-1-0201-1" || p.Model != "36217" || p.MRA != "address" || p.Protocol != "SIP" || len(p.Lines) != 2 || p.Lines[1].Status != evidence.CUCMUnregistered || p.User == gone || p.Device == gone || p.Node == gone || p.Lines[0].Number == gone {
		t.Errorf("%+v", p)
	}
	if names[phonesCSV] != string(doc.CSV()) {
		t.Errorf("the table is another one:\n%s\n%s", names[phonesCSV], doc.CSV())
	}
	for name, want := range map[string]string{"sdl.txt": "Reason:13, IPAddrAttributes:0", "application.txt": "][Reason=13]", "alertlog.csv": "PartiallyRegisteredPhone", "SDL001_100_000001.txt.gz": "Reason:13"} {
		found := false
		for file, text := range names {
			found = found || strings.HasSuffix(file, name) && strings.Contains(text, want) && strings.Contains(text, gone)
		}
		if !found {
			t.Errorf("%s has no %q", name, want)
		}
	}
}

// FuzzDescriptions: of a description that no other parameter's name stands in nothing is left,
// what is around it stays, and lines keep their number.
func FuzzDescriptions(f *testing.F) {
	for _, a := range attacks {
		f.Add(a.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range parameters {
			if strings.Contains(text, p) {
				return
			}
		}
		if strings.ContainsAny(text, "\r\n") || strings.Contains(text, "Description") || strings.Contains(text, "][") || strings.Contains(text, "]:") || strings.Contains(gone, text) {
			return
		}
		for _, form := range [][2]string{{"a, Description:", ", Reason:13, x\n"}, {"%[DeviceName=x][Description=", "][Reason=13]: x\n"}} {
			got := string(described([]byte(form[0] + text + form[1])))
			if got != form[0]+gone+form[1] {
				t.Errorf("%q became %q", form[0]+text+form[1], got)
			}
		}
		if strings.TrimSpace(ownWords("fault: "+text)) == "" || bytes.Contains([]byte(ownWords(text)), []byte("Jörg")) {
			t.Errorf("%q", ownWords(text))
		}
	})
}

func gunzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	must(t, err)
	text, err := io.ReadAll(z)
	must(t, err)
	return text
}
