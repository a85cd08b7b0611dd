package bundle

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want := read(t, path); !bytes.Equal(want, got) {
		t.Errorf("%s differs (go test -update writes it anew):\n%s", name, got)
	}
}

// now is a grab by hand: no alert, no zone, complete.
func now(t *testing.T) evidence.Manifest {
	m := newSample(t, 1000).Manifest
	m.Incident, m.Alerts, m.Notes, m.TimeZone = "20260302T141407Z-adhoc-0a1b2c", nil, nil, ""
	m.RequestedBy, m.SignedBy = "alice", "E7620F1842B4E81F"
	m.Reason, m.Case, m.PhonesNamed = "phones in building 4 lose lines", "697001234", []string{"SEP00EBD5D5D8C6"}
	m.Hosts = m.Hosts[:1]
	m.Hosts[0].ClockOffsetMS = nil
	m.Hosts[0].ClockFrom = "none"
	m.Window = m.Asked.Widen(time.Minute)
	m.Registration = &evidence.Registration{Verdict: "partial", Summary: "One phone of 42 is partially registered: SEP00EBD5D5D8C6 since 14:14:07 UTC.",
		Phones: []evidence.PhoneRegistration{
			{Device: "SEP00EBD5D5D8C6", Verdict: "partial", Cause: "late_keepalive", Confidence: "certain", Advice: "First collect the phone's problem report (PRT) and CUCM's traces of that time. Set Timer Register Delta to 20 in a copy of the SIP profile. Then reset the phone.",
				Summary: "SEP00EBD5D5D8C6 came back with one line at 14:14:07 UTC, for its keep-alive came 27.4 s late."},
			{Device: "7023", Verdict: "came_back_by_keepalive", Confidence: "cannot_tell", Summary: "came back by a keep-alive; partial if it has more lines."}},
		Healthy: 40, Notes: []string{"Nothing is known of expe01: its log is not here."}}
	m.Conclude()
	return m
}

// grouped is what a report with groups says: 14 phones of which one thing happened to
// 13, and to one of these more.
func grouped(t *testing.T) evidence.Manifest {
	m := now(t)
	m.PhonesNamed = nil
	reg := &evidence.Registration{Verdict: "partial", Healthy: 27, Summary: "13 phones went partial between 14:10:43 and 14:12:23 UTC after the connection expc01 -> cucm01 dropped at 14:10:40 UTC (likely)."}
	dropped := evidence.RegistrationGroup{Verdict: "partial", Cause: "tcp_dropped", Confidence: "likely", Advice: "First collect CUCM's traces of that time. Look at firewalls between Expressway-C and CUCM. Then reset the phones.",
		Summary: "At 14:10:40 UTC the connection expc01 -> cucm01 dropped; 13 phones came back with one line between 14:10:43 and 14:12:23 UTC."}
	late := evidence.RegistrationGroup{Verdict: "came_back_by_keepalive", Cause: "late_keepalive", Confidence: "likely", Advice: "Find out where the time is lost.", Devices: []string{"SEP00EBD5D5D8C6"},
		Summary: "A keep-alive reached CUCM too late; 1 phone came back by keep-alive at 14:14:07 UTC."}
	for i := range 13 {
		d := fmt.Sprintf("SEP00EBD5D5%04X", 0xA000+i)
		dropped.Devices = append(dropped.Devices, d)
		reg.Phones = append(reg.Phones, evidence.PhoneRegistration{Device: d, Verdict: "partial", Cause: "tcp_dropped", Confidence: "likely", Summary: d + " is partially registered.", Advice: dropped.Advice})
	}
	reg.Phones[2].Verdict, reg.Phones[2].Statements = "recovered", []evidence.Statement{{Text: "Registered all its lines again at 14:13:00 UTC.", Confidence: "certain"}}
	reg.Phones = append(reg.Phones, evidence.PhoneRegistration{Device: late.Devices[0], Verdict: late.Verdict, Cause: late.Cause, Confidence: "likely", Summary: "came back late", Advice: late.Advice,
		Statements: []evidence.Statement{{Text: "Came back at 14:14:07.412 UTC; with how many of its lines was not seen.", Confidence: "certain"}, {Text: "The phone itself sent its keep-alive 27.4 s late.", Confidence: "likely"}}})
	reg.Groups = []evidence.RegistrationGroup{dropped, late}
	m.Registration = reg
	return m
}

// lost has hostile texts, no zone in common with UTC's date, and nothing got.
func lost(t *testing.T) evidence.Manifest {
	m := newSample(t, 1000).Manifest
	w := evidence.NewWindow(at("2026-11-01T04:45:00Z"), at("2026-11-01T06:15:00Z")) // the night when daylight saving ends
	m.Window, m.Asked = w, w
	m.Alerts = m.Alerts[:1]
	m.Alerts[0].Time = at("2026-11-01T05:59:59.5Z")
	m.Alerts[0].Name, m.Alerts[0].Node = "\x1b[31mPartially\nRegistered\u202ePhone\u00e9 "+strings.Repeat("x", 200), ""
	m.Hosts = nil
	for i, reason := range []string{evidence.ReasonUnreachable, evidence.ReasonLogin, evidence.ReasonHostKey, evidence.ReasonAbsent, evidence.ReasonVanished,
		evidence.ReasonRead, evidence.ReasonClock, evidence.ReasonDisk, "quantum_flux"} {
		h := evidence.Host{Host: "exp" + string(rune('a'+i)), Error: "\x07error " + reason}
		m.Hosts = append(m.Hosts, evidence.Lacking(h, []string{"network_log"}, w, reason))
	}
	m.Conclude()
	return m
}

// storm is complete: more alerts than are listed, of which some name phones, a window cut
// wider, hosts with a ring and with everything that a host can have.
func storm(t *testing.T) evidence.Manifest {
	m := newSample(t, 3<<20).Manifest
	m.Revision, m.Hosts, m.Notes = 2, m.Hosts[:1], []string{"Read again on 2026-03-02.", "A ring was kept \u2014 see manifest.json."}
	m.Window = m.Asked.Shift(-90 * time.Millisecond)
	m.Reason, m.Case, m.Grab = "seen by the night shift...", " 697001234. ", "v1.2.3-dirty \u00e4"
	for i := range 25 {
		a := m.Alerts[0]
		a.Time = a.Time.Add(-time.Duration(i) * 90 * time.Second)
		a.Count, a.Truncated = nil, i == 20
		a.From = map[string]string{"time": "date header"}
		if i%4 == 0 {
			a.Node, a.Devices = fmt.Sprintf("cucm%02d.example.com", i), []string{"SEP00EBD5D5D8C6", fmt.Sprintf("SEP00EBD5D5%04X", i)}
		}
		m.Alerts = append(m.Alerts, a)
	}
	h := &m.Hosts[0]
	h.ClockOffsetMS, h.Transport, h.Notes = ptr(int64(0)), evidence.TransportCommands, []string{"two files of one stamp", "a \x1b[2J note"}
	h.Via, h.Legacy = []string{"jump.example.com:22", "10.9.9.9:22"}, []string{"ssh-rsa (host key)", "diffie-hellman-group14-sha1"}
	h.Ring = []evidence.RingFamily{{Family: "network_log", Since: since, Until: until, Bytes: 1 << 30}}
	f := &h.Files[0]
	f.Oldest, f.DepthS, f.BytesPerMinute, f.Overwritten = ptr(since.Add(-time.Hour)), 5407, 12<<20, ptr(until.Add(30*time.Hour))
	f.Sources[0].From = "ring"
	h.Files[1].Oldest, h.Files[1].DepthS = ptr(since.Add(-time.Hour)), 86400
	second := *h
	second.Host, second.Role, second.Address, second.ClockOffsetMS, second.Credentials = "standalone", "", "", ptr(int64(1001)), 0
	m.Hosts = append(m.Hosts, second)
	m.Conclude()
	return m
}

// nothing is what is left of a grab of no host.
func nothing(*testing.T) evidence.Manifest {
	w := evidence.NewWindow(since, until)
	m := evidence.Manifest{Incident: "20260302T141407Z-x-000000", Window: w, Asked: w, Registration: &evidence.Registration{Verdict: "unknown", Summary: "No REGISTER message was found.", Notes: []string{"No log is here."}}}
	m.Conclude()
	return m
}

func TestGolden(t *testing.T) {
	zone := newYork(t)
	for _, c := range []struct {
		name string
		m    evidence.Manifest
		zone *time.Location
	}{
		{"partial", newSample(t, 1000).Manifest, zone},
		{"now", now(t), nil},
		{"groups", grouped(t), nil},
		{"lost", lost(t), zone},
		{"storm", storm(t), zone},
		{"nothing", nothing(t), zone},
	} {
		var readme, show bytes.Buffer
		if err := Readme(&readme, c.m, c.zone); err != nil {
			t.Fatal(err)
		}
		if err := Describe(&show, c.m, c.zone); err != nil {
			t.Fatal(err)
		}
		golden(t, "readme-"+c.name+".txt", readme.Bytes())
		golden(t, "show-"+c.name+".txt", show.Bytes())
	}
}

// arbitrary gives a value any contents that its type allows.
func arbitrary(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if r.IntN(2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			arbitrary(r, v.Elem())
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(r.Int64N(1<<40), r.Int64N(1e9)).In(time.UTC)))
			return
		}
		for i := range v.NumField() {
			if r.IntN(4) > 0 {
				arbitrary(r, v.Field(i))
			}
		}
	case reflect.Slice:
		n := r.IntN(4)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			arbitrary(r, v.Index(i))
		}
	case reflect.String:
		v.SetString([]string{"", "x", "- a  b", "yes", evidence.ReasonClock, "\t{{.}}\n\x1b", strings.Repeat("long", 60)}[r.IntN(7)])
	case reflect.Int, reflect.Int64:
		v.SetInt(r.Int64() >> r.IntN(64) * int64(r.IntN(3)-1))
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	}
}

// TestAnyManifest: there is no manifest of which README.txt cannot be written.
func TestAnyManifest(t *testing.T) {
	for seed := range uint64(300) {
		var m evidence.Manifest
		arbitrary(rand.New(rand.NewPCG(seed, 0)), reflect.ValueOf(&m).Elem())
		m.Incident = "20260302T141407Z-hq-3fa2c1" // grab's own
		var readme, show strings.Builder
		if err := errors.Join(Readme(&readme, m, nil), Describe(&show, m, nil)); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for line := range strings.Lines(readme.String()) {
			if len(line) > columns+1 || strings.ContainsAny(line, "\t\x1b") {
				t.Fatalf("seed %d: %q", seed, line)
			}
		}
	}
}

// Every reason of package evidence has its words.
func TestEveryReasonHasWords(t *testing.T) {
	for _, r := range []string{evidence.ReasonRotated, evidence.ReasonUnreachable, evidence.ReasonLogin, evidence.ReasonHostKey, evidence.ReasonAbsent,
		evidence.ReasonVanished, evidence.ReasonRead, evidence.ReasonClock, evidence.ReasonDisk,
		evidence.ReasonSlow, evidence.ReasonTooLarge, evidence.ReasonNoLogin} {
		if w := reasons[r]; w.means == "" || w.next == "" {
			t.Errorf("%s has no words", r)
		}
	}
}

// A bundle of hosts that no configuration has names no command that needs one.
func TestNextMoveWithoutConfiguration(t *testing.T) {
	for r := range reasons {
		m := evidence.Manifest{Site: evidence.SiteAdhoc, Timing: evidence.Timing{Sealed: time.Now()},
			Hosts: []evidence.Host{{Host: "h", Files: []evidence.File{{Family: "messages", Missing: []evidence.Span{{Reason: r}}}}}}}
		list := newView(m, nil).Reasons()
		if len(list) != 1 || list[0].Next == "" {
			t.Fatalf("%s: %+v", r, list)
		}
		for _, command := range []string{"grab retry", "grab check", "grab trust"} {
			if strings.Contains(list[0].Next, command) {
				t.Errorf("%s: %s", r, list[0].Next)
			}
		}
	}
}

// FuzzReadme: whatever mails and hosts say, README.txt is ASCII, without
// control characters, at most 100 columns wide.
func FuzzReadme(f *testing.F) {
	f.Add("PartiallyRegisteredPhone", "cucm01", "note")
	f.Add("\x1b]0;x\x07", strings.Repeat("long", 100), "\u202e\r\n")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		m := newSample(t, 100).Manifest
		m.Alerts[0].Name, m.Alerts[0].Node, m.Alerts[0].Cluster, m.Alerts[0].Devices = a, b, c, []string{a, b}
		m.Hosts[0].Error, m.Hosts[0].Address, m.Hosts[0].Notes, m.Notes = a, b, []string{c}, []string{a, b, c}
		m.Reason, m.Case, m.PhonesNamed, m.Grab, m.Site = c, b, []string{a}, a, b
		m.Hosts[1].Files[0].Missing[0].Reason = c
		m.Hosts[1].BodiesLogged, m.Hosts[1].Files[0].Family = a, b
		m.Registration = &evidence.Registration{Summary: a, Notes: []string{b}, More: 3, Unknown: 1,
			Phones: []evidence.PhoneRegistration{{Device: a, Summary: b, Confidence: c, Advice: a}, {Device: c, Verdict: b, Statements: []evidence.Statement{{Text: a, Confidence: b}, {Text: c}}}},
			Groups: []evidence.RegistrationGroup{{Summary: c, Confidence: a, Advice: b, Devices: []string{c, b}, More: 2}, {Devices: []string{a}}}}
		var out bytes.Buffer
		if err := Readme(&out, m, nil); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if line = strings.TrimSuffix(line, "\n"); len(line) > columns {
				t.Errorf("%d columns: %s", len(line), line)
			}
		}
		var show bytes.Buffer
		if err := Describe(&show, m, nil); err != nil {
			t.Fatal(err)
		}
		for _, r := range out.String() + show.String() {
			if r != '\n' && (r < ' ' || r > '~') {
				t.Errorf("character %q", r)
			}
		}
	})
}

// How a host was reached is said where it is not the plain way.
func TestReached(t *testing.T) {
	m := newSample(t, 10).Manifest
	m.Hosts[1].Via = []string{"10.0.0.1:22", "[fe80::1%eth0]:22\x1b[2J"}
	m.Hosts[1].Legacy = []string{"ssh-rsa (host key)"}
	m.Hosts[0].Transport, m.Hosts[1].Transport = evidence.TransportSFTP, evidence.TransportCommands
	var readme, shown strings.Builder
	if err := errors.Join(Readme(&readme, m, nil), Describe(&shown, m, nil)); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"reached through 10.0.0.1:22, [fe80::1%eth0]:22", "legacy algorithms in use: ssh-rsa (host key)", "read by commands over SSH, because the host refuses SFTP"} {
		if strings.Count(readme.String(), "    "+s) != 1 || strings.Count(shown.String(), "\nexpe01: "+s) != 1 || strings.Contains(readme.String()+shown.String(), "\x1b") {
			t.Errorf("%q in\n%s\n%s", s, readme.String(), shown.String())
		}
	}
}
