package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/proof"
	"rtmtgrab/internal/wiring"
)

// The examples of kinds are read by the real decoder, and each takes the alert that
// it is made for and leaves the partially registered phone to its own kind.
func TestKindsExample(t *testing.T) {
	example, err := os.ReadFile(filepath.FromSlash("../../configs/kinds.example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "grab.yaml")
	rest := "\nmail: {server: imap.example.com, user: u@example.com, password: {env: NONE}}\nssh: {password: {env: NONE}}\nsites: [{name: hq, hosts: [{name: expc01, role: C, address: 10.0.0.1}]}]\n"
	if err := os.WriteFile(file, append(example, rest...), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := offline.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	r := wiring.AlertReader(cfg, "INBOX")
	seen := map[string]bool{}
	for name, want := range map[string]string{
		"NumberOfRegisteredPhonesDropped": "phones-dropped", "SIPTrunkOOS": "trunk", "SIPTrunkPartiallyISV": "trunk", "DeviceUnregistered": "device-gone",
		"EndPointTransientConnection": "device-gone", "RegisteredHardwarePhones": "registered-phones", "CertExpiryEmergency": "certificate",
		"PartiallyRegisteredPhone": evidence.DefaultKind, "AuthenticatedPartiallyRegisteredPhone": evidence.DefaultKind,
	} {
		a, ok := r.Read([]byte("Subject: [RTMT-ALERT-StandAloneCluster] "+name+"\r\n\r\nx\r\n"), time.Now())
		if !ok || a.Kind != want || a.Name != name {
			t.Errorf("%s: %s (%s)", name, a.Kind, a.Name)
		}
		seen[a.Kind] = true
	}
	for _, k := range cfg.Alerts.Kinds {
		if !seen[k.Name] {
			t.Errorf("kind %s is not tried", k.Name)
		}
	}
	if p := wiring.Policy(cfg).WindowOf("certificate", time.Now()); p.Length() != 6*time.Minute {
		t.Errorf("window %s", p.Length())
	}
}

// `grab check --mail` says by which route a mail goes, of which kind it is, what it
// asks for, and that the site is paused.
func TestCheckMailRoutes(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	cfg := put("grab.yaml", "store: store\nalerts: {kinds: [{name: trunk, match: SIPTrunkOOS, window: {before: 1m, after: 30s}}]}\nroutes: [{to: rtmt+hq@example.com, kind: trunk, sites: [hq]}, {folder: Lab, sites: [hq]}]\n"+
		"mail: {server: imap.example.com, mailbox: [INBOX, Lab], user: u@example.com, password: {env: NONE}}\nssh: {password: {env: NONE}}\n"+
		"sites: [{name: hq, nodes: [n1], hosts: [{name: expc01, role: C, address: 10.0.0.1}]}]\n")
	if _, err := incident.OpenStore(filepath.Join(dir, "store")); err != nil {
		t.Fatal(err)
	}
	check := func(to, name string) string {
		t.Helper()
		r := runGrab("-c", cfg, "check", "--mail", put("a.eml", "To: "+to+"\r\nDate: "+time.Now().Format(time.RFC1123Z)+"\r\nSubject: [RTMT-ALERT-c] "+name+"\r\n\r\nx\r\n"))
		if r.code != 0 {
			t.Fatal(r)
		}
		return r.out
	}
	if r := runGrab("-c", cfg, "pause", "--direct", "--all", "--for", "10m", "--reason", "test"); r.code != 0 {
		t.Fatal(r)
	}
	out := check("rtmt+hq@example.com", "SIPTrunkOOS")
	for _, want := range []string{"routes[0] (to rtmt+hq@example.com, kind trunk)", "trunk", "opens an incident", "site hq is paused until"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if out = runGrab("-c", cfg, "check", "--mail", filepath.Join(dir, "a.eml"), "--folder", "Nowhere").err; !strings.Contains(out, `no mailbox of the configuration has "Nowhere"`) {
		t.Error(out)
	}
	check("rtmt@example.com", "SIPTrunkOOS")
	if out = runGrab("-c", cfg, "check", "--mail", filepath.Join(dir, "a.eml"), "--folder", "Lab").out; !strings.Contains(out, "routes[1]") {
		t.Error(out)
	}
	key, err := proof.LoadKey(filepath.Join(dir, "store", "notice.key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if out = check("rtmt@example.com", "SIPTrunkOOS\r\n"+proof.NoticeField+": "+key.Notice("x")); !strings.Contains(out, "trigger nothing") {
		t.Error(out)
	}
	if out = check("rtmt@example.com", "SIPTrunkOOS"); !strings.Contains(out, "unrouted: no route matches; no site claims") {
		t.Error(out)
	}
}
