package main_test

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/bundle/custody"
	"rtmtgrab/internal/app/checkup"
	"rtmtgrab/internal/app/handing"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/app/setup"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/drill"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/registration"
	"rtmtgrab/internal/testrace"
)

// TestGolden pins what scripts of other people read: the JSON of every command, of a
// bundle and of a notice, exit codes, names of metrics, the files of a bundle. What
// people read (words, README.txt) is free to change.
//
// One site and one run of the program serve all of it.
func TestGolden(t *testing.T) {
	testrace.Without(t)
	if testing.Short() {
		t.Skip("it takes long")
	}
	t.Parallel()
	s := newGoldenSite(t)
	codes := &exitCodes{s: s}
	s.setsUp(codes)
	s.fails(codes)
	w := s.watches(codes)
	s.reads(codes, w)
	goldenText(t, "exit-codes", codes.String())
}

// exitCodes is a line for each command and the code that it ended with.
type exitCodes struct {
	s     *goldenSite
	lines []string
}

// run runs a command whose line in the golden file is what, and returns what it printed
// on standard output.
func (c *exitCodes) run(what string, args ...string) string {
	c.s.t.Helper()
	r := c.s.grab(args...)
	if strings.HasPrefix(what, "!") { // its code depends on what else is so
		return r.out
	}
	c.lines = append(c.lines, fmt.Sprintf("%d %s", r.code, what))
	if r.out == "" && strings.Contains(strings.Join(args, " "), "--json") {
		c.s.t.Errorf("%s: %s", what, r)
	}
	return r.out
}

func (c *exitCodes) String() string { return strings.Join(c.lines, "\n") + "\n" }

// setsUp: what is done before there is a watcher.
func (s *goldenSite) setsUp(codes *exitCodes) {
	t := s.t
	t.Helper()
	goldenShape(t, "version", codes.run("version", "version", "--json"))
	goldenType(t, "check", reflect.TypeFor[checkup.Report](), codes.run("check, all is well", "check", "--json", "expc01", "expe01"), codes.run("check --offline", "check", "--json", "--offline"),
		codes.run("check, a host is down", "-c", "down.yaml", "check", "--json", "gone"))
	goldenType(t, "check-mail", reflect.TypeFor[checkup.EMLReport](), codes.run("check --mail", "check", "--json", "--mail", "alert.eml"), codes.run("check --mail, no alert", "check", "--json", "--mail", "other.eml"))
	goldenType(t, "trust", reflect.TypeFor[setup.TrustReport](), codes.run("trust, all are pinned", "trust", "--json"), codes.run("trust, a host is down", "-c", "down.yaml", "trust", "--json"))

	c, e := s.hosts["expc01"], s.hosts["expe01"]
	init := []string{"init", "--json", "--store", "store-init", "--key-file", "id", "--logs-dir", c.LogDir(), "--host", "expc01,C," + c.Addr(), "--host", "expe01,E," + e.Addr()}
	prints := []string{"--fingerprint", ssh.FingerprintSHA256(c.HostKey()), "--fingerprint", ssh.FingerprintSHA256(e.HostKey())}
	goldenShape(t, "init", codes.run("init --no-check", append([]string{"-c", "new/one.yaml", "--known-hosts", "new/known"}, append(init, "--no-check")...)...),
		codes.run("init, a folder is missing on a host", append([]string{"-c", "new/two.yaml", "--known-hosts", "new/known"}, append(init, prints...)...)...))
	codes.run("init, the file is there", append([]string{"-c", "new/one.yaml"}, init...)...)
}

// fails: each kind of failure.
func (s *goldenSite) fails(codes *exitCodes) {
	t := s.t
	t.Helper()
	goldenShape(t, "error", codes.run("now, no such host", "now", "--json", "nobody"), codes.run("bad configuration", "-c", "bad.yaml", "list", "--json"),
		codes.run("no configuration", "-c", "nowhere.yaml", "list", "--json"), codes.run("retry, no such incident", "retry", "--json", "20200101T000000Z-hq-000000"),
		codes.run("show, no such bundle", "show", "--json", "nothing"), codes.run("report, no log", "report", "--json", "nothing"),
		codes.run("status, no watcher", "status", "--json"), codes.run("resume, nothing is paused", "resume", "--json", "--all"),
		codes.run("quarantine release, no such alert", "quarantine", "release", "--json", "000000000000"), codes.run("verify, no such bundle", "verify", "--json", "nothing"),
		codes.run("unknown flag", "now", "--json", "--nonsense"), codes.run("several sites", "-c", "down.yaml", "now", "--json"))
	codes.run("no command")
	codes.run("unknown command", "nonsense")
	codes.run("watch, bad configuration", "-c", "bad.yaml", "watch")
	codes.run("watch, no mailbox", "-c", "down.yaml", "watch")
	codes.run("pause, no end", "pause", "--site", "hq", "--reason", "x")
	codes.run("pause, no such site", "pause", "--site", "nowhere", "--for", "1h", "--reason", "x")
	codes.run("now --at, not a time", "now", "--at", "yesterday")
	goldenType(t, "now", reflect.TypeFor[oneshot.Outcome](),
		codes.run("now, one host is down", "-c", "down.yaml", "now", "--json", "--site", "hq", "--patience", "1s"),
		codes.run("now, all hosts are down", "-c", "down.yaml", "now", "--json", "--site", "far", "--patience", "1s"))
}

// watched is what a run of the watcher left.
type watched struct{ incident, bundle string }

// watches: what is printed beside a watcher.
func (s *goldenSite) watches(codes *exitCodes) (w watched) {
	t := s.t
	t.Helper()
	stop := s.watch()
	s.until("the watcher is well", func() bool { return s.grab("status").code == 0 })
	codes.run("watch, another watches", "watch")
	codes.run("status, all is well", "status")
	s.deliver(rtmt.MailOptions{Node: "cucm02", From: "someone@example.org", MessageID: "held@example.org"})
	s.deliver(rtmt.MailOptions{Node: "cucm02", MessageID: "one@example.com"})
	var statuses []string
	s.until("an incident is open", func() bool {
		statuses = append(statuses[:0], s.grab("status", "--json").out)
		return strings.Contains(statuses[0], `"state": "running"`)
	})
	s.until("it is sealed, and told", func() bool {
		l := s.list()
		if len(l) != 1 || l[0].State != "sealed" {
			return false
		}
		w = watched{l[0].Incident, l[0].Bundle}
		return len(s.toldKinds()) >= 2
	})
	goldenShape(t, "pause", codes.run("pause", "pause", "--json", "--site", "hq", "--for", "1h", "--reason", "x"), codes.run("pause, list", "pause", "--json"))
	statuses = append(statuses, codes.run("status, paused", "status", "--json"))
	goldenShape(t, "resume", codes.run("resume", "resume", "--json", "--all"))
	goldenType(t, "now", reflect.TypeFor[oneshot.Outcome](), codes.run("now, by the watcher", "now", "--json", "--phone", "7022", "--case", "1", "--reason", "x", "--out", "out"))
	goldenShape(t, "quarantine", codes.run("quarantine", "quarantine", "--json"))
	goldenType(t, "drill", reflect.TypeFor[drill.Result](), codes.run("drill", "drill", "--json"))
	var metrics string
	s.until("the canary came back and the bundle is counted", func() bool {
		metrics = s.metrics()
		return strings.Contains(metrics, "grab_canary_delay_seconds") && strings.Contains(metrics, "grab_ring_age")
	})
	goldenText(t, "metrics", metrics)
	if err := s.mail.SetDown(true); err != nil {
		t.Fatal(err)
	}
	s.until("alerts at risk", func() bool { return s.grab("status").code == 1 })
	statuses = append(statuses, codes.run("status, the mailbox is down", "status", "--json"))
	goldenType(t, "status", reflect.TypeFor[status.Report](), statuses...)
	var notices []string
	for _, n := range s.hook.told() {
		notices = append(notices, string(n.raw))
	}
	goldenType(t, "notice", reflect.TypeFor[channel.Notice](), notices...)
	stop(os.Interrupt)
	return w
}

// toldKinds are the kinds of notices that came.
func (s *goldenSite) toldKinds() map[string]bool {
	kinds := map[string]bool{}
	for _, n := range s.hook.told() {
		kinds[n.Kind] = true
	}
	return kinds
}

// reads: what is done with bundles and the store.
func (s *goldenSite) reads(codes *exitCodes, w watched) {
	t := s.t
	t.Helper()
	goldenType(t, "list", reflect.TypeFor[[]incident.Listed](), codes.run("list", "list", "--json"))
	goldenType(t, "list-alerts", reflect.TypeFor[[]incident.ListedAlert](), codes.run("list --alerts", "list", "--alerts", "--json"))
	goldenType(t, "now", reflect.TypeFor[oneshot.Outcome](), codes.run("show", "show", "--json", w.incident), codes.run("show a bundle", "show", "--json", w.bundle),
		codes.run("retry", "retry", "--json", w.incident))
	goldenText(t, "bundle-files", s.bundleFiles(w.bundle))
	goldenType(t, "manifest", reflect.TypeFor[evidence.Manifest](), string(s.entry(w.bundle, "manifest.json")))
	goldenType(t, "custody", reflect.TypeFor[custody.Entry](), strings.Split(strings.TrimSpace(string(s.entry(w.bundle, "custody.jsonl"))), "\n")...)
	goldenType(t, "registrations", reflect.TypeFor[registration.Report](), string(s.entry(w.bundle, "report/registrations.json")),
		codes.run("report", "report", "--json", w.bundle))
	csv, _, _ := strings.Cut(string(s.entry(w.bundle, "report/registrations.csv")), "\n")
	goldenText(t, "registrations-csv", strings.TrimSpace(csv)+"\n")
	goldenShape(t, "export", codes.run("export", "export", "--json", "--pcapng", "x.pcapng", w.bundle))

	bad := s.dir + "/bad.zip"
	b, err := os.ReadFile(w.bundle)
	if err == nil {
		b[len(b)/3] ^= 4
		err = os.WriteFile(bad, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	goldenType(t, "verify", reflect.TypeFor[handing.Checked](), codes.run("verify", "verify", "--json", w.bundle), codes.run("verify, a bit is changed", "verify", "--json", bad))
	id := s.heldAlert()
	goldenShape(t, "quarantine-release", codes.run("quarantine release, no watcher", "quarantine", "release", "--json", id))
	goldenShape(t, "quarantine-drop", codes.run("quarantine drop, no watcher", "quarantine", "drop", "--json", id))
	goldenShape(t, "pause", codes.run("pause, no watcher", "pause", "--json", "--all", "--until", time.Now().Add(time.Hour).Format(time.RFC3339), "--reason", "x"))
}

// heldAlert is the alert in quarantine.
func (s *goldenSite) heldAlert() string {
	s.t.Helper()
	var held []struct{ ID string }
	if s.grab("quarantine", "--json").decode(s.t, &held); len(held) != 1 {
		s.t.Fatalf("%+v", held)
	}
	return held[0].ID
}

// TestGoldenDemo: the demo prints what `grab now` does.
func TestGoldenDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long")
	}
	if testrace.On {
		t.Skip("the laboratory takes ten times as long, and the demo's phones have no such time")
	}
	t.Parallel()
	dir := t.TempDir()
	r := finish(t, command(dir, "demo", "--json"))
	if r.code != 0 && r.code != 3 {
		t.Fatalf("%s", r)
	}
	s := shape{}
	s.typed(reflect.TypeFor[oneshot.Outcome](), "$")
	judgeAll(t, "now", s, []string{r.out})
}
