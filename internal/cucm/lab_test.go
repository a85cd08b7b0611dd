package cucm

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"rtmtgrab/internal/cucm/soap"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab/cucmlab"
	"rtmtgrab/internal/ledger"
	"rtmtgrab/internal/pin"
)

// startLab is a cluster of two nodes and a client of it.
func startLab(t *testing.T, cfg cucmlab.Config) (*cucmlab.Cluster, *Cluster) {
	t.Helper()
	if len(cfg.Nodes) == 0 {
		cfg.Nodes = []string{"cucm01.example.com", "cucm02.example.com"}
	}
	lab, err := cucmlab.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lab.Close() })
	return lab, New(labConfig(t, lab))
}

func labConfig(t *testing.T, lab *cucmlab.Cluster) Config {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(lab.CAPEM())
	look, axl := lab.Account(cucmlab.RoleRealtime), lab.Account(cucmlab.RoleAXL)
	cfg := Config{Cluster: "StandAloneCluster", Publisher: lab.Nodes()[0].Addr(), User: look.User, Password: func() (string, error) { return look.Password, nil },
		Roots: roots, Proxy: func() (string, error) { return "none", nil }, Ledger: &ledger.Ledger{Dir: t.TempDir()},
		ResetUser: axl.User, ResetPassword: func() (string, error) { return axl.Password, nil }}
	for _, n := range lab.Nodes() {
		cfg.Nodes = append(cfg.Nodes, Node{Name: n.FQDN, Address: n.Addr()})
	}
	return cfg
}

func phone(name, node, status string, since time.Time, lines ...cucmlab.LineState) cucmlab.Record {
	return cucmlab.Record{Device: name, Node: node, Status: status, Since: since, Lines: lines, IP: "10.0.30.2", Model: "684", Load: "sip88xx.14-2-1",
		Product: "Cisco 8851", Description: "Réception <home> & 📞 مكتب", User: "jdoe", Reason: 13}
}

// TestLabPhones: what a cluster knows of phones comes out, in each dress; the newest record
// of several nodes counts, and a node that does not answer is said.
func TestLabPhones(t *testing.T) {
	lines := []cucmlab.LineState{{Number: "7042", Status: "Registered"}, {Number: "70-43", Status: "UnRegistered"}}
	old, now := epoch.Add(-time.Hour), epoch
	records := []cucmlab.Record{
		phone("SEP001122334455", "cucm01", StatusPartial, now, lines...),
		phone("SEP00AABBCCDDEE", "cucm01", StatusPartial, old, lines...), // stale: it registered at the other node since
		phone("SEP00AABBCCDDEE", "cucm02", StatusRegistered, now, cucmlab.LineState{Number: "7050", Status: "Registered"}),
	}
	for name, change := range map[string]func(*cucmlab.Faults){
		"plain":     func(*cucmlab.Faults) {},
		"no prefix": func(f *cucmlab.Faults) { f.SOAP.NoPrefix = true },
		"prefix":    func(f *cucmlab.Faults) { f.SOAP.Prefix = "ns2" },
		"multipart": func(f *cucmlab.Faults) { f.SOAP.Multipart = true },
		"untyped":   func(f *cucmlab.Faults) { f.SOAP.Multipart, f.SOAP.Untyped = true, true },
		"no total":  func(f *cucmlab.Faults) { f.RIS.NotTotal = true },
		"nil":       func(f *cucmlab.Faults) { f.RIS.Nil = true },
		"no lines":  func(f *cucmlab.Faults) { f.RIS.NoLines = true },
		"TLS 1.2":   func(f *cucmlab.Faults) { f.TLS12 = true },
	} {
		lab, c := startLab(t, cucmlab.Config{Records: records})
		lab.SetFaults(change)
		p, err := c.Phones(t.Context(), Query{Status: StatusPartial})
		if err != nil || len(p.Devices) != 2 || !p.Complete() {
			t.Errorf("%s: %+v, %v", name, p, err)
			continue
		}
		got, want := p.Devices[0], Device{Name: "SEP001122334455", Node: "cucm01", Status: StatusPartial, Reason: 13, Description: "Réception <home> & 📞 مكتب", Model: "684", Product: "Cisco 8851",
			Load: "sip88xx.14-2-1", User: "jdoe", IP: "10.0.30.2", Protocol: "SIP", Since: now}
		if !slices.Equal(got.Lines, []Line{{"7042", "Registered"}, {"70-43", "UnRegistered"}}) {
			t.Errorf("%s: lines %v", name, got.Lines)
		}
		if got.Lines = nil; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		p, err = c.Phones(t.Context(), Query{Names: []string{"SEP00AABBCCDDEE"}})
		if err != nil || len(p.Devices) != 1 || p.Devices[0].Status != StatusRegistered || p.Devices[0].Node != "cucm02" {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		lab.SetFaults(func(f *cucmlab.Faults) { f.RIS.Unanswered = []string{"cucm02.example.com"} })
		p, err = c.Phones(t.Context(), Query{Names: []string{"SEP00AABBCCDDEE"}})
		if err != nil || p.Complete() || p.Devices[0].Status != StatusPartial {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

// TestLabErrors: what can be wrong with a cluster is told apart.
func TestLabErrors(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*cucmlab.Faults)
		kind   Kind
	}{
		"self-signed":  {func(f *cucmlab.Faults) { f.Cert = cucmlab.SelfSigned }, KindCertificate},
		"expired":      {func(f *cucmlab.Faults) { f.Cert = cucmlab.Expired }, KindCertificate},
		"another name": {func(f *cucmlab.Faults) { f.Cert = cucmlab.OtherName }, KindCertificate},
		"off":          {func(f *cucmlab.Faults) { f.Off = []cucmlab.Service{cucmlab.RISPort} }, KindService},
		"no role":      {func(f *cucmlab.Faults) { f.NoRole = []cucmlab.Service{cucmlab.RISPort} }, KindRole},
		"no role, bare": {func(f *cucmlab.Faults) {
			f.NoRole, f.Plain = []cucmlab.Service{cucmlab.RISPort}, true
		}, KindRole},
		"cut":      {func(f *cucmlab.Faults) { f.Line = []cucmlab.Line{{Cut: 200}} }, KindAnswer},
		"too long": {func(f *cucmlab.Faults) { f.Line = []cucmlab.Line{{TooLong: 10}} }, KindAnswer},
		"overload": {func(f *cucmlab.Faults) { f.Line = []cucmlab.Line{{Status: 503}} }, KindBusy},
	} {
		lab, client := startLab(t, cucmlab.Config{})
		lab.SetFaults(c.change)
		_, err := selectPhones(t.Context(), client, client.Publisher(), StatusAny, []string{"*"})
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Kind != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	for style, kind := range map[cucmlab.RateStyle]Kind{"": KindRate, cucmlab.RateOK: KindRate, cucmlab.Rate503: KindRate, cucmlab.RateHTML: KindBusy} {
		lab, client := startLab(t, cucmlab.Config{Faults: cucmlab.Faults{Rate: cucmlab.RateFault{RIS: -1, Style: style}}})
		_, err := selectPhones(t.Context(), client, client.Publisher(), StatusAny, []string{"*"})
		if e, ok := errors.AsType[*Error](err); !ok || e.Kind != kind || e.Permanent() {
			t.Errorf("%q: %v", style, err)
		}
		_ = lab
	}
	lab, client := startLab(t, cucmlab.Config{})
	lab.Close()
	_, err := client.Phones(t.Context(), Query{})
	if e, ok := errors.AsType[*Error](err); !ok || e.Kind != KindUnreachable {
		t.Errorf("%v", err)
	}
}

// TestLabLogin: whatever is asked and by how many, a wrong password is sent once; another
// process is stopped too, and a person's check lifts it.
func TestLabLogin(t *testing.T) {
	lab, _ := startLab(t, cucmlab.Config{})
	cfg := labConfig(t, lab)
	right := cfg.Password
	cfg.Password = func() (string, error) { return "no-longer-quartz", nil }
	done := make(chan error)
	clients := []*Cluster{New(cfg), New(cfg)}
	for i := range 6 {
		go func() {
			_, err := clients[i%2].Counters(t.Context(), clients[i%2].Publisher())
			done <- err
		}()
	}
	kinds := map[Kind]int{}
	for range 6 {
		if e, ok := errors.AsType[*Error](<-done); ok {
			kinds[e.Kind]++
		}
	}
	user := lab.Account(cucmlab.RoleRealtime).User
	if lab.Failed(user) != 1 || kinds[KindRefused] != 1 || kinds[KindBlocked] != 5 || clients[0].Blocked() == nil {
		t.Fatalf("%d logins failed, %v", lab.Failed(user), kinds)
	}
	cfg.Override = true // a person tries, with the same password: one more
	person := New(cfg)
	for range 3 {
		person.Counters(t.Context(), person.Publisher())
	}
	if lab.Failed(user) != 2 {
		t.Errorf("%d logins failed after a person's try", lab.Failed(user))
	}
	cfg.Override, cfg.Password = false, right
	good := New(cfg)
	if _, err := good.Counters(t.Context(), good.Publisher()); err != nil || good.Blocked() != nil {
		t.Errorf("another password: %v", err)
	}
	if lab.Locked(user) {
		t.Error("the account is locked")
	}
}

// TestLabLift: a refusal that the node has forgotten (it was unlocked) is lifted for a
// process that runs by a person's check in another.
func TestLabLift(t *testing.T) {
	lab, _ := startLab(t, cucmlab.Config{})
	cfg := labConfig(t, lab)
	running := New(cfg)
	if _, err := running.Counters(t.Context(), running.Publisher()); err != nil {
		t.Fatal(err)
	}
	user := lab.Account(cucmlab.RoleRealtime).User
	password, _ := cfg.Password()
	lockOut(t, lab, user)
	if _, err := running.Counters(t.Context(), running.Publisher()); !isKind(err, KindRefused) {
		t.Fatal(err)
	}
	if _, err := running.Counters(t.Context(), running.Publisher()); !isKind(err, KindBlocked) {
		t.Fatal(err)
	}
	lab.Unlock(user)
	if _, err := running.Counters(t.Context(), running.Publisher()); !isKind(err, KindBlocked) {
		t.Fatalf("nobody has lifted it: %v", err)
	}
	cfg.Override = true
	person := New(cfg)
	if _, err := person.Counters(t.Context(), person.Publisher()); err != nil {
		t.Fatal(err)
	}
	if _, err := running.Counters(t.Context(), running.Publisher()); err != nil {
		t.Errorf("after a person's check with %d characters: %v", len(password), err)
	}
}

func isKind(err error, k Kind) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == k
}

// lockOut is another program with a wrong password.
func lockOut(t *testing.T, lab *cucmlab.Cluster, user string) {
	t.Helper()
	for !lab.Locked(user) {
		cfg := labConfig(t, lab)
		cfg.Password = func() (string, error) { return "someone-elses", nil }
		other := New(cfg)
		other.Counters(t.Context(), other.Publisher())
	}
}

// packed is a text as gzip; open: as it is while it is written.
func packed(t *testing.T, text string, open bool) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, text)
	if open {
		z.Flush()
		return b.Bytes()
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestLabFiles: the files of a window are found whatever the server makes of dates, and
// come byte for byte in each form.
func TestLabFiles(t *testing.T) {
	ny, _ := time.LoadLocation("America/New_York")
	at := func(m int) time.Time { return epoch.Add(time.Duration(m) * time.Minute) }
	var sources cucmlab.Fixed = map[string][]cucmlab.File{}
	want := map[string][]byte{}
	for i, name := range []string{"SDL001_100_001195.txt.gz", "SDL001_100_001196.txt.gz", "SDL001_100_001197.txt.gz", "SDL001_100_001198.txt.gzo"} {
		b := packed(t, fmt.Sprintf("\r\n--file %d  \r\n", i), i == 3)
		f := cucmlab.FileOf(cucmlab.CallManager, "/var/log/active/cm/trace/ccm/sdl/"+name, at(10*i), b)
		f.First = at(10*i - 10)
		want[f.Path] = b
		sources["cucm01.example.com"] = append(sources["cucm01.example.com"], f)
	}
	w := evidence.NewWindow(at(5), at(15))
	for name, change := range map[string]func(*cucmlab.Faults){
		"plain":    func(*cucmlab.Faults) {},
		"ignored":  func(f *cucmlab.Faults) { f.Logs.Dates = cucmlab.DatesIgnored },
		"modified": func(f *cucmlab.Faults) { f.Logs.Dates = cucmlab.DatesModified },
		"odd":      func(f *cucmlab.Faults) { f.Logs.Odd, f.SOAP.Multipart = true, true },
		"no zone":  func(f *cucmlab.Faults) { f.Logs.NoZone, f.Logs.NoNames = true, true },
		"unquoted": func(f *cucmlab.Faults) { f.Logs.Form = cucmlab.FormUnquoted },
		"xop":      func(f *cucmlab.Faults) { f.Logs.Form = cucmlab.FormXOP },
		"base64":   func(f *cucmlab.Faults) { f.Logs.Form = cucmlab.FormBase64 },
		"raw":      func(f *cucmlab.Faults) { f.Logs.Form = cucmlab.FormRaw },
		"no dime":  func(f *cucmlab.Faults) { f.Off = []cucmlab.Service{cucmlab.GetFile} },
		"lag":      func(f *cucmlab.Faults) { f.Logs.Lag = 3 },
		"slow body": func(f *cucmlab.Faults) {
			f.Line = []cucmlab.Line{{Service: cucmlab.GetFile, DripBody: 50 * time.Microsecond}}
		},
	} {
		lab, _ := startLab(t, cucmlab.Config{Sources: []cucmlab.Source{sources}, Zone: ny})
		cfg := labConfig(t, lab)
		cfg.Zone = ny
		c := New(cfg)
		lab.SetFaults(change)
		n := cfg.Nodes[0]
		files, err := c.Files(t.Context(), n, LogSDL, w)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var names []string
		for _, f := range files {
			names = append(names, f.Name[11:17])
			r, err := c.OpenFile(t.Context(), n, f)
			if err != nil {
				t.Errorf("%s: %s: %v", name, f.Name, err)
				continue
			}
			got, err := io.ReadAll(r)
			r.Close()
			if err != nil || !bytes.Equal(got, want[f.Path]) {
				t.Errorf("%s: %s: %q, %v; want %q", name, f.Name, got, err, want[f.Path])
			}
		}
		// The last file is open: it is looked at whatever it says; in the window are two.
		if fmt.Sprint(names) != "[001196 001197 001198]" {
			t.Errorf("%s: files %v", name, names)
		}
		if loc := c.Zone(t.Context(), n); loc.String() != "America/New_York" {
			t.Errorf("%s: zone %s", name, loc)
		}
	}
}

// TestLabFileFaults: a file that is gone, that has no end, or comes cut.
func TestLabFileFaults(t *testing.T) {
	text := string(bytes.Repeat([]byte("00004372.000 |07:28:32.110 |SdlSig\n"), 2000))
	var sources cucmlab.Fixed = map[string][]cucmlab.File{"": {cucmlab.FileOf(cucmlab.CallManager, "/var/log/active/cm/trace/ccm/sdl/SDL001_100_000001.txt.gz", epoch, packed(t, text, false))}}
	for name, c := range map[string]struct {
		change func(*cucmlab.Faults)
		good   func(error) bool
	}{
		"gone": {func(f *cucmlab.Faults) { f.Logs.Gone = []string{"*", "/*/*/*/*/*/*/*/*"} }, func(err error) bool { return isKind(err, KindMissing) }},
		"cut":  {func(f *cucmlab.Faults) { f.Line = []cucmlab.Line{{Service: cucmlab.GetFile, Cut: 700}} }, func(err error) bool { return isKind(err, KindAnswer) || isKind(err, KindUnreachable) }},
		"rubbish behind": {func(f *cucmlab.Faults) { f.Logs.Extra = 1000 }, func(err error) bool {
			_, ok := errors.AsType[*Error](err)
			return err != nil && !ok
		}},
		"dime": {func(f *cucmlab.Faults) { f.Logs.Form = cucmlab.FormDIME }, func(err error) bool { return isKind(err, KindAnswer) }},
	} {
		lab, _ := startLab(t, cucmlab.Config{Sources: []cucmlab.Source{sources}})
		cfg := labConfig(t, lab)
		client := New(cfg)
		lab.SetFaults(c.change)
		files, err := client.Files(t.Context(), cfg.Nodes[0], LogSDL, evidence.NewWindow(epoch.Add(-time.Minute), epoch))
		if err != nil || len(files) != 1 {
			t.Errorf("%s: %v, %v", name, files, err)
			continue
		}
		r, err := client.OpenFile(t.Context(), cfg.Nodes[0], files[0])
		if err == nil {
			var plain io.Reader
			if plain, err = Plain(r, false); err == nil {
				_, err = io.Copy(io.Discard, plain)
			}
			r.Close()
		}
		if !c.good(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLabCounters: counters of one node, and of several by a session; what is not valid is
// not there.
func TestLabCounters(t *testing.T) {
	lab, c := startLab(t, cucmlab.Config{Records: []cucmlab.Record{phone("SEP001122334455", "cucm01", StatusPartial, epoch)}})
	nodes, _ := c.Nodes(t.Context())
	got, err := c.Counters(t.Context(), nodes[0])
	if err != nil || got[PartialCounter] != lab.Counter("cucm01", PartialCounter) || len(got) < 5 {
		t.Errorf("%v, %v", got, err)
	}
	lab.SetFaults(func(f *cucmlab.Faults) {
		f.Perf.Values = map[string]int64{PartialCounter: 7}
		f.Perf.Invalid = []string{"RegisteredHardwarePhones"}
	})
	if got, err = c.Counters(t.Context(), nodes[0]); err != nil || got[PartialCounter] != 7 {
		t.Errorf("%v, %v", got, err)
	}
	if _, there := got["RegisteredHardwarePhones"]; there {
		t.Error("a counter that is not valid is there")
	}
	s, err := c.OpenSession(t.Context(), c.Publisher(), nodes, PartialCounter)
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.Collect(t.Context())
	if err != nil || len(all) != 2 {
		t.Errorf("%v, %v", all, err)
	}
	for node, counters := range all {
		if counters[PartialCounter] != 7 {
			t.Errorf("%s: %v", node, counters)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	lab.SetFaults(func(f *cucmlab.Faults) { f.Rate.PerfMon = -1 })
	if _, err := c.Counters(t.Context(), nodes[0]); !isKind(err, KindRate) {
		t.Error(err)
	}
}

// TestLabNodes: nodes are found by the publisher; clocks are told apart.
func TestLabNodes(t *testing.T) {
	lab, _ := startLab(t, cucmlab.Config{Clocks: map[string]time.Duration{"cucm02.example.com": 90 * time.Second}})
	cfg := labConfig(t, lab)
	own := cfg.Nodes
	cfg.Nodes = nil
	found, err := New(cfg).Nodes(t.Context())
	if err != nil || len(found) != 2 || !found[0].Is("cucm01") || !found[1].Is("cucm02.example.com") || found[1].Is("cucm01") {
		t.Errorf("%v, %v", found, err)
	}
	cfg.Nodes = own
	c := New(cfg)
	for i, want := range []time.Duration{0, 90 * time.Second} {
		if _, err := c.Counters(t.Context(), own[i]); err != nil {
			t.Fatal(err)
		}
		if ahead, ok := c.Ahead(own[i]); !ok || (ahead-want).Abs() > 2*time.Second {
			t.Errorf("%s is %s ahead", own[i].Name, ahead)
		}
	}
}

// TestLabReset: by its own account, and what CUCM says of a phone that it does not have.
func TestLabReset(t *testing.T) {
	lab, c := startLab(t, cucmlab.Config{Records: []cucmlab.Record{phone("SEP001122334455", "cucm01", StatusPartial, epoch)}})
	if err := c.Reset(t.Context(), "SEP001122334455"); err != nil {
		t.Error(err)
	}
	if err := c.Reset(t.Context(), "SEP00FFFFFFFFFF"); !isKind(err, KindFault) {
		t.Error(err)
	}
	lab.SetFaults(func(f *cucmlab.Faults) { f.AXL.Busy = true })
	if err := c.Reset(t.Context(), "SEP001122334455"); !isKind(err, KindBusy) || Unsure(err) {
		t.Error(err)
	}
	if got := lab.Resets(); !slices.Equal(got, []string{"SEP001122334455"}) {
		t.Errorf("reset were %v", got)
	}
	for name, tc := range map[string]struct {
		line   cucmlab.Line
		unsure bool
	}{
		"cut off":             {cucmlab.Line{Cut: 20}, true},
		"a gateway gives up":  {cucmlab.Line{Status: 504}, true},
		"a page":              {cucmlab.Line{Body: []byte("<html>in</html>"), Type: "text/html"}, true},
		"200 with a fault":    {cucmlab.Line{Body: fmt.Appendf(nil, `<?xml version="1.0"?><S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body><S:Fault><faultcode>S:Server</faultcode><faultstring>no</faultstring></S:Fault></S:Body></S:Envelope>`), Type: "text/xml"}, false},
		"role":                {cucmlab.Line{Status: 403}, false},
		"moved":               {cucmlab.Line{Status: 302}, false},
		"not activated":       {cucmlab.Line{Status: 404}, false},
		"change notification": {cucmlab.Line{Status: 503}, false},
	} {
		lab.SetFaults(func(f *cucmlab.Faults) { f.AXL.Busy, f.Line = false, []cucmlab.Line{tc.line} })
		if err := c.Reset(t.Context(), "SEP001122334455"); err == nil || Unsure(err) != tc.unsure {
			t.Errorf("%s: unsure %v: %v", name, Unsure(err), err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	gate := make(chan struct{})
	defer close(gate)
	lab.SetFaults(func(f *cucmlab.Faults) { f.Line = []cucmlab.Line{{Gate: gate, Times: 1}} })
	go func() { // whoever asked is gone before the answer
		for came := false; !came; time.Sleep(time.Millisecond) {
			lab.SetFaults(func(f *cucmlab.Faults) { came = len(f.Line) == 0 })
		}
		cancel()
	}()
	if err := c.Reset(ctx, "SEP001122334455"); !isKind(err, KindCanceled) || !Unsure(err) {
		t.Errorf("left: unsure %v: %v", Unsure(err), err)
	}
	lab.Close()
	if err := c.Reset(t.Context(), "SEP001122334455"); !isKind(err, KindUnreachable) || Unsure(err) {
		t.Errorf("nobody there: unsure %v: %v", Unsure(err), err)
	}
}

// TestLabPin: a certificate that was renewed between two calls is told as such.
func TestLabPin(t *testing.T) {
	lab, _ := startLab(t, cucmlab.Config{Faults: cucmlab.Faults{Cert: cucmlab.Expired}})
	cfg := labConfig(t, lab)
	pin, err := pin.Parse("sha256:" + lab.Nodes()[0].Fingerprint())
	if err != nil {
		t.Fatal(err)
	}
	cfg.Roots, cfg.Pins = nil, []soap.Pin{pin}
	c := New(cfg)
	if _, err := c.Counters(t.Context(), cfg.Nodes[0]); err != nil {
		t.Error(err)
	}
	lab.Nodes()[0].Renew()
	if _, err := c.Counters(t.Context(), cfg.Nodes[0]); !isKind(err, KindCertificate) {
		t.Error(err)
	}
}

// TestLabHang: a node that is silent is given up with the context, and holds up nobody who
// asks another.
func TestLabHang(t *testing.T) {
	gate := make(chan struct{})
	defer close(gate)
	lab, c := startLab(t, cucmlab.Config{Faults: cucmlab.Faults{Line: []cucmlab.Line{{Service: cucmlab.PerfMon, Node: "cucm02.example.com", Gate: gate}}}})
	_ = lab
	if _, err := c.Counters(t.Context(), c.cfg.Nodes[0]); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	hung := make(chan error)
	go func() {
		_, err := c.Counters(ctx, c.cfg.Nodes[1])
		hung <- err
	}()
	if _, err := c.Phones(t.Context(), Query{}); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-hung; !isKind(err, KindCanceled) {
		t.Error(err)
	}
}
