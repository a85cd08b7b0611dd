package cucm_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/lab/cucmlab"
	"rtmtgrab/internal/ledger"
	"rtmtgrab/internal/testrace"
)

// hostile is a cluster whose answers are made by the test, and a client of it.
func hostile(t *testing.T, cfg cucmlab.Config) (*cucmlab.Cluster, func() *cucm.Cluster) {
	t.Helper()
	lab, err := cucmlab.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lab.Close() })
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(lab.CAPEM())
	look := lab.Account(cucmlab.RoleRealtime)
	return lab, func() *cucm.Cluster { // a new one each time: its budget is a minute's
		c := cucm.Config{Cluster: "StandAloneCluster", Publisher: lab.Nodes()[0].Addr(), User: look.User, Password: func() (string, error) { return look.Password, nil },
			Roots: roots, Proxy: func() (string, error) { return "none", nil }, Ledger: &ledger.Ledger{Dir: t.TempDir()}}
		for _, n := range lab.Nodes() {
			c.Nodes = append(c.Nodes, cucm.Node{Name: n.FQDN, Address: n.Addr()})
		}
		return cucm.New(c)
	}
}

const envelope = `<?xml version="1.0" encoding="utf-8"?><E:Envelope xmlns:E="http://schemas.xmlsoap.org/soap/envelope/"><E:Body>%s</E:Body></E:Envelope>`

func risAnswer(total string, nodes string) []byte {
	return fmt.Appendf(nil, envelope, `<selectCmDeviceResponse><selectCmDeviceReturn><SelectCmDeviceResult>`+total+`<CmNodes>`+nodes+`</CmNodes></SelectCmDeviceResult></selectCmDeviceReturn></selectCmDeviceResponse>`)
}

func oneNode(devices string) string {
	return `<item><ReturnCode>Ok</ReturnCode><Name>cucm01</Name><NoChange>false</NoChange><CmDevices>` + devices + `</CmDevices></item>`
}

// An answer that is cut anywhere, with a length that fits, is never taken for a whole one.
func TestAttackCut(t *testing.T) {
	lab, client := hostile(t, cucmlab.Config{Faults: cucmlab.Faults{Rate: cucmlab.RateFault{RIS: 100_000}}})
	device := `<item><Name>SEP00112233445%d</Name><DirNumber>7042-Registered,7043-UnRegistered</DirNumber><Status>PartiallyRegistered</Status><TimeStamp>1795902690</TimeStamp><LinesStatus><item><DirectoryNumber>7042</DirectoryNumber><Status>Registered</Status></item></LinesStatus></item>`
	whole := risAnswer("<TotalDevicesFound>2</TotalDevicesFound>", oneNode(fmt.Sprintf(device, 1)+fmt.Sprintf(device, 2)))
	for n := 1; n < len(whole); n += 29 {
		lab.SetFaults(func(f *cucmlab.Faults) { f.Line = []cucmlab.Line{{Body: whole[:n], Type: "text/xml"}} })
		p, err := client().Phones(t.Context(), cucm.Query{Status: cucm.StatusPartial})
		if err == nil {
			t.Errorf("cut at %d of %d: %+v", n, len(whole), p)
		}
	}
	lab.SetFaults(func(f *cucmlab.Faults) { f.Line = []cucmlab.Line{{Body: whole, Type: "text/xml"}} })
	if p, err := client().Phones(t.Context(), cucm.Query{Status: cucm.StatusPartial}); err != nil || len(p.Devices) != 2 {
		t.Fatalf("%+v, %v", p, err)
	}
}

// What a node says of times and texts can be written down as JSON, whatever it is.
func TestAttackValues(t *testing.T) {
	lab, client := hostile(t, cucmlab.Config{})
	for _, stamp := range []string{"99999999999999", "-1", "0", "1795902690000", "x", "9223372036854775807", "1e9", ""} {
		body := risAnswer("", oneNode(`<item><Name>SEP001122334455</Name><Status>PartiallyRegistered</Status><TimeStamp>`+stamp+`</TimeStamp><Description>a&#x202e;b&#x85;c`+strings.Repeat("d", 100_000)+`</Description></item>`))
		lab.SetFaults(func(f *cucmlab.Faults) { f.Line = []cucmlab.Line{{Body: body, Type: "text/xml"}} })
		p, err := client().Phones(t.Context(), cucm.Query{})
		if err != nil {
			t.Errorf("%s: %v", stamp, err)
			continue
		}
		if _, err := json.Marshal(p.Devices); err != nil {
			t.Errorf("TimeStamp %s: %v", stamp, err)
		}
		if n := len(p.Devices[0].Description); n > 4096 {
			t.Errorf("a description of %d bytes", n)
		}
		if strings.ContainsAny(p.Devices[0].Description, "\u202e\u0085") {
			t.Errorf("a description turns the text around: %q", p.Devices[0].Description[:20])
		}
	}
}

// Answers that would be many times as large in memory are given up early.
func TestAttackMemory(t *testing.T) {
	testrace.Whole(t)
	lab, client := hostile(t, cucmlab.Config{})
	fill := func(s string) string { return strings.Repeat(s, 5<<20/len(s)) }
	for name, body := range map[string][]byte{
		"nodes":      risAnswer("", fill("<item/>")),
		"devices":    risAnswer("", oneNode(fill("<item><Name>a</Name></item>"))),
		"lines":      risAnswer("", oneNode("<item><Name>SEP001122334455</Name><LinesStatus>"+fill("<item/>")+"</LinesStatus></item>")),
		"addresses":  risAnswer("", oneNode("<item><Name>SEP001122334455</Name><IPAddress>"+fill("<item/>")+"</IPAddress></item>")),
		"dirnumber":  risAnswer("", oneNode("<item><Name>SEP001122334455</Name><DirNumber>"+fill("1-a,")+"</DirNumber></item>")),
		"deep":       risAnswer("", fill("<a>")),
		"attributes": risAnswer("", "<item"+fill(` a="b"`)+"/>"),
	} {
		lab.SetFaults(func(f *cucmlab.Faults) { f.Line = []cucmlab.Line{{Body: body, Type: "text/xml"}} })
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p, err := client().Phones(t.Context(), cucm.Query{})
		runtime.ReadMemStats(&after)
		if e, ok := errors.AsType[*cucm.Error](err); !ok || e.Kind != cucm.KindAnswer || len(p.Devices) > 0 {
			t.Errorf("%s: %d devices, %v", name, len(p.Devices), err)
		}
		if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > 650 {
			t.Errorf("%s: %d MB were allocated", name, mb)
		}
	}
}

// A publisher that lists nodes without end has none: each of them would be asked.
func TestAttackNodes(t *testing.T) {
	lab, client := hostile(t, cucmlab.Config{})
	listing := func(names ...string) []byte {
		rows := ""
		for _, name := range names {
			rows += "<listNodeServiceLogsReturn><name>" + name + "</name></listNodeServiceLogsReturn>"
		}
		return fmt.Appendf(nil, envelope, "<listNodeServiceLogsResponse>"+rows+"</listNodeServiceLogsResponse>")
	}
	var many []string
	for i := range 20_000 {
		many = append(many, fmt.Sprintf("n%d.invalid", i))
	}
	lab.SetFaults(func(f *cucmlab.Faults) { f.Line = []cucmlab.Line{{Body: listing(many...), Type: "text/xml"}} })
	c := client()
	lists, err := c.AskServices(t.Context(), c.Publisher())
	if e, ok := errors.AsType[*cucm.Error](err); !ok || e.Kind != cucm.KindAnswer || len(lists) > 0 {
		t.Errorf("%d nodes, %v", len(lists), err)
	}
	lab.SetFaults(func(f *cucmlab.Faults) {
		f.Line = []cucmlab.Line{{Body: listing("cucm01.example.com", "CUCM01.example.com", "cucm02.example.com"), Type: "text/xml"}}
	})
	if lists, err := c.AskServices(t.Context(), c.Publisher()); err != nil || len(lists) != 2 {
		t.Errorf("%+v, %v", lists, err)
	}
}

// A file comes byte for byte whatever stands in it, or with an error.
func TestAttackFiles(t *testing.T) {
	testrace.Whole(t)
	const path = "/var/log/active/syslog/CiscoSyslog"
	contents := map[string][]byte{
		"empty": {}, "white": []byte(" \r\n\t "), "dashes": []byte("--"), "crlf-dashes": []byte("\r\n--"), "almost": []byte("\r\n------=_Part_366_1218632843.179590269011\r\n"),
		"xml": []byte(`<?xml version="1.0"?><a/>`), "envelope": []byte(`<E:Envelope xmlns:E="http://schemas.xmlsoap.org/soap/envelope/"><E:Body/></E:Envelope>`), "html": []byte("<html>x</html>"),
		"long": bytes.Repeat([]byte("\r\n-"), 200_000), "nul": make([]byte, 100_000),
	}
	for name, want := range contents {
		for _, form := range []cucmlab.Form{"", cucmlab.FormUnquoted, cucmlab.FormXOP, cucmlab.FormBase64, cucmlab.FormRaw} {
			lab, client := hostile(t, cucmlab.Config{Sources: []cucmlab.Source{cucmlab.Fixed{"": {cucmlab.FileOf(cucmlab.EventApplication, path, time.Now(), want)}}}})
			for _, off := range [][]cucmlab.Service{nil, {cucmlab.GetFile}} {
				lab.SetFaults(func(f *cucmlab.Faults) { f.Logs.Form, f.Off = form, off })
				c := client()
				nodes, _ := c.Nodes(t.Context())
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				r, err := c.Open(ctx, nodes[0], path)
				if name == "envelope" && form == cucmlab.FormRaw {
					cancel()
					if err == nil {
						t.Error("an envelope that is a file is told from an answer") // then it may be compared
					}
					continue
				}
				if err != nil {
					t.Errorf("%s %q %v: %v", name, form, off, err)
					cancel()
					continue
				}
				got, err := io.ReadAll(r)
				r.Close()
				cancel()
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s %q %v: %d bytes of %d, %v", name, form, off, len(got), len(want), err)
				}
			}
		}
	}
}

// A file that is cut anywhere, in each form, ends with an error.
func TestAttackFileCut(t *testing.T) {
	testrace.Whole(t)
	const path = "/var/log/active/syslog/CiscoSyslog"
	want := bytes.Repeat([]byte("0123456789abcdef\r\n"), 40)
	for _, form := range []cucmlab.Form{"", cucmlab.FormUnquoted, cucmlab.FormXOP, cucmlab.FormBase64, cucmlab.FormRaw} {
		lab, client := hostile(t, cucmlab.Config{Sources: []cucmlab.Source{cucmlab.Fixed{"": {cucmlab.FileOf(cucmlab.EventApplication, path, time.Now(), want)}}}})
		for cut := int64(1); cut < 1700; cut += 71 {
			lab.SetFaults(func(f *cucmlab.Faults) {
				f.Logs.Form, f.Line = form, []cucmlab.Line{{Service: cucmlab.GetFile, Cut: cut}}
			})
			c := client()
			nodes, _ := c.Nodes(t.Context())
			r, err := c.Open(t.Context(), nodes[0], path)
			if err != nil {
				continue
			}
			got, err := io.ReadAll(r)
			r.Close()
			if err == nil && !bytes.Equal(got, want) {
				t.Errorf("%q cut at %d: %d bytes of %d, and no error", form, cut, len(got), len(want))
			}
			if !bytes.HasPrefix(want, got) {
				t.Errorf("%q cut at %d: what came is not the file's beginning", form, cut)
			}
		}
	}
}

func perfAnswer(counters ...string) []byte {
	var b strings.Builder
	for _, c := range counters {
		name, value, _ := strings.Cut(c, "=")
		fmt.Fprintf(&b, `<ArrayOfCounterInfo><Name>%s</Name><Value>%s</Value><CStatus>1</CStatus></ArrayOfCounterInfo>`, name, value)
	}
	return fmt.Appendf(nil, envelope, `<perfmonCollectCounterDataResponse>`+b.String()+`</perfmonCollectCounterDataResponse>`)
}

// A node's counters are its own: those of another node in the same answer are not mixed with
// them, and an answer that is of another node alone is none. What is no number is not there, and
// an answer without end is bounded.
func TestAttackCounters(t *testing.T) {
	lab, client := hostile(t, cucmlab.Config{Nodes: []string{"cucm01.example.com", "cucm02.example.com"}})
	of := func(node, rest string) string { return `\\` + node + `\Cisco CallManager\` + rest }
	var many []string
	for i := range 3000 {
		many = append(many, of("cucm01", fmt.Sprintf("PartiallyRegisteredPhone%d=%d", i, i)))
	}
	const main = cucm.PartialCounter
	for name, tc := range map[string]struct {
		answer []byte
		want   map[string]int64 // nil: an error
	}{
		"its own":          {perfAnswer(of("cucm01", main+"=3")), map[string]int64{main: 3}},
		"in capitals":      {perfAnswer(of("CUCM01.EXAMPLE.COM", main+"=3")), map[string]int64{main: 3}},
		"beside another's": {perfAnswer(of("cucm02", main+"=9"), of("cucm01", main+"=3"), of("cucm02", main+"=8")), map[string]int64{main: 3}},
		"another's":        {perfAnswer(of("cucm02", main+"=9")), nil},
		"two others'":      {perfAnswer(of("x", main+"=9"), of("y", main+"=1")), nil},
		"by its own name":  {perfAnswer(of("pub-hq", main+"=3")), map[string]int64{main: 3}},
		"no numbers":       {perfAnswer(of("cucm01", main+"=NaN"), of("cucm01", "A=1e400"), of("cucm01", "B="), of("cucm01", "C=-Inf"), of("cucm01", "D=0x1"), of("cucm01", "E=9223372036854775808"), `\\cucm01=5`, of("cucm01", "F=1.5")), map[string]int64{"F": 1}},
		"nothing":          {perfAnswer(), map[string]int64{}},
	} {
		lab.SetFaults(func(f *cucmlab.Faults) { f.Line = []cucmlab.Line{{Body: tc.answer, Type: "text/xml"}} })
		c := client()
		nodes, err := c.Nodes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Counters(t.Context(), nodes[0])
		if e, ok := errors.AsType[*cucm.Error](err); (err != nil) != (tc.want == nil) || err != nil && (!ok || e.Kind != cucm.KindAnswer) || !maps.Equal(got, tc.want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	lab.SetFaults(func(f *cucmlab.Faults) { f.Line = []cucmlab.Line{{Body: perfAnswer(many...), Type: "text/xml"}} })
	c := client()
	nodes, _ := c.Nodes(t.Context())
	if got, err := c.Counters(t.Context(), nodes[0]); err != nil || len(got) == 0 || len(got) > 2500 {
		t.Errorf("%d counters are held, %v", len(got), err)
	}
}
