package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/drill"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/testserver"
	"rtmtgrab/internal/testsite"
)

// drilled runs `grab drill --json` beside a watch in this process.
func (c *labConfig) drilled(code int, args ...string) drill.Result {
	c.T.Helper()
	c.answering()
	r := c.grab(append([]string{"drill", "--json"}, args...)...)
	if r.code != code {
		c.T.Fatalf("%s", r)
	}
	var got drill.Result
	r.decode(c.T, &got)
	return got
}

// answering waits until a watch answers, and is connected to its mailboxes.
func (c *labConfig) answering() {
	c.T.Helper()
	testsite.Until(c.T, "the watch is connected", func() bool {
		r := c.grab("status", "--json")
		var now status.Report
		return json.Unmarshal([]byte(r.out), &now) == nil && len(now.Mailboxes) > 0 &&
			!slices.ContainsFunc(now.Mailboxes, func(m status.Mailbox) bool { return !m.Connected })
	})
}

// wantFailed fails the test unless the drill failed at that step, and says why.
func wantFailed(t *testing.T, r drill.Result, step, what, hint string) {
	t.Helper()
	bad := r.Failed()
	if bad.Step != step || !strings.Contains(bad.What, what) || !strings.Contains(bad.Hint, hint) || r.Steps[len(r.Steps)-1].Step != step {
		t.Errorf("%+v\nwant %s: %q, hint %q", r.Steps, step, what, hint)
	}
}

// Through a real mail server: the drill's mail stays where mails stay, and neither it nor
// what is made of it is a drill again. A mail with its mark is an alert; what the rules
// refuse fails with the cause, and is neither quarantined nor an alert.
func TestDrillBySMTP(t *testing.T) {
	t.Parallel()
	c := newCalmLab(t)
	c.Extra = strings.Replace(c.Extra, ", canary: {every: 1m, late: 30s, delete: true}", "", 1)
	c.Extra = strings.Replace(c.Extra, "match: CpuPegging", "match: PartiallyRegisteredPhone", 1)
	c.Write()
	w, _, stop := c.watch()
	r := c.drilled(0, "hq")
	if len(r.Steps) != 7 || !strings.Contains(r.Steps[0].What, "through "+c.smtp.SMTP) {
		t.Errorf("%+v", r)
	}
	if r := c.grab("drill"); r.code != 0 || strings.Count(r.out, "PASS  ") != 7 || !strings.Contains(r.out, "\nthe drill of hq passed in ") || r.err != "" {
		t.Errorf("%s", r)
	} else {
		t.Log(r.out)
	}
	c.until("no problem", func() bool { return len(w.Status().Problems) == 0 })
	if st := w.Status(); !st.Beats[0].Last.IsZero() || len(st.Incidents) != 0 {
		t.Errorf("a drill counts as a heartbeat: %+v", st)
	}
	drills := drillMails(t, c.box.Dir)
	if len(drills) != 2 {
		t.Fatalf("%d drill mails", len(drills))
	}
	raw := drills[0]

	c.box.Deliver("", raw)                                                                                 // read again
	c.box.Deliver("", bytes.Replace(raw, []byte("Message-ID: <grab-drill."), []byte("Message-ID: <a"), 1)) // and replayed
	c.until("the replay's incident", func() bool { list, _ := w.Store.List(); return len(list) == 1 && list[0].State == incident.Sealed })
	what := map[incident.What]int{}
	list, err := w.Store.ListAlerts()
	for _, a := range list {
		what[a.What]++
	}
	if err != nil || len(list) != 3 || what[incident.Drilled] != 2 || what[""] != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	c.until("the notices", func() bool { return len(c.notices()[channel.KindSealed]) == 1 })
	stop()

	c.Extra = strings.Replace(c.Extra, `from: ["@example.com"]`, "from: [rtmt@example.com]", 1)
	c.Write()
	w, _, stop = c.watch()
	wantFailed(t, c.drilled(1), drill.StepRecognised, "it would be quarantined: grab@example.com is not in alerts.from", "drill.from")
	if held, err := w.Store.Quarantine(); len(held) != 0 || err != nil {
		t.Errorf("%+v, %v", held, err)
	}
	if list, err := w.Store.List(); len(list) != 1 || err != nil {
		t.Errorf("%+v, %v", list, err)
	}
	stop()

	c.box.Deliver("Alerts", []byte("Subject: x\r\n\r\nx\r\n"))
	c.Extra = strings.Replace(c.Extra, "mail: {", "mail: {mailbox: Alerts, ", 1) // the mail comes into another one
	c.Write()
	c.watch()
	wantFailed(t, c.drilled(1, "--wait", "100ms"), drill.StepArrived, "the mail did not come within", "it counts as an alert")
	c.smtp.Stop()
	wantFailed(t, c.drilled(1), drill.StepSent, "refused", "")
	if out := c.grab("status").out; !strings.Contains(out, "\ndrills\n  hq: FAILED ") {
		t.Error(out)
	}
}

// Without SMTP and without the right to add mails there is no drill, and it says so; an
// authenticity that a mail over IMAP cannot have fails; a paused site has none.
func TestDrillIsRefused(t *testing.T) {
	t.Parallel()
	c := newLab(t)
	acl := c.File("acl", "INBOX owner lrs\nOpen owner lrwstipekxa\n")
	if err := os.Chmod(acl, 0o644); err != nil {
		t.Fatal(err)
	}
	shared := filepath.Join(t.TempDir(), "acl") // the test's folder is for root alone
	box := testserver.StartDovecot(t, testserver.DovecotOptions{ExtraCfg: "mail_plugins = acl\nprotocol imap {\n  mail_plugins = acl imap_acl\n}\nplugin {\n  acl = vfile:" + shared + "\n}\n"})
	b, err := os.ReadFile(acl)
	if err == nil {
		err = os.WriteFile(shared, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	for dir := filepath.Dir(shared); dir != filepath.Dir(os.TempDir()); dir = filepath.Dir(dir) {
		os.Chmod(dir, 0o755)
	}
	box.Deliver("Open", []byte("Subject: x\r\n\r\nx\r\n"))
	c.File("imap.secret", box.Password+"\n")
	c.File("imap.pem", string(box.CA))
	c.Hosts = "      - {name: expc01, role: C, address: \"127.0.0.1:9\"}\n  - name: far\n    clusters: [X]\n    hosts:\n      - {name: expc09, role: C, address: \"127.0.0.1:9\"}\n"
	c.Extra = "mail: {server: \"" + box.IMAPS + "\", ca_file: imap.pem, user: \"" + box.User + "\", password: {file: imap.secret}}\nsettle: 100ms"
	c.Write()
	_, _, stop := c.watch(func(*collector.Collector) {})
	c.answering()
	if r := c.grab("drill"); r.code != 2 || !strings.Contains(r.err, "name one of hq, far") {
		t.Errorf("%s", r)
	}
	if r := c.grab("drill", "nowhere"); r.code != 2 || !strings.Contains(r.err, "configured are hq, far") {
		t.Errorf("%s", r)
	}
	wantFailed(t, c.drilled(1, "far"), drill.StepSent, `append to "INBOX"`, "set smtp:")
	if r := c.grab("pause", "--site", "hq", "--for", "1h", "--reason", "upgrade"); r.code != 0 {
		t.Fatalf("%s", r)
	}
	if r := c.grab("drill", "hq"); r.code != 1 || !strings.Contains(r.err, "upgrade") || !strings.Contains(r.err, "grab resume") {
		t.Errorf("%s", r)
	}
	if r := c.grab("resume", "--site", "hq"); r.code != 0 {
		t.Fatalf("%s", r)
	}
	stop()

	c.Extra = strings.Replace(c.Extra, "user:", "mailbox: Open, user:", 1) + "\nalerts: {from: [\"@example.com\"], authenticity: {check: results, authserv_id: mx.example.com}}"
	c.Write()
	c.watch(func(*collector.Collector) {})
	r := c.drilled(1, "far")
	wantFailed(t, r, drill.StepRecognised, "it would be quarantined", "alerts.authenticity")
	if len(r.Notes) != 0 || len(box.Flags("Open")) != 1 {
		t.Errorf("%v %v", r.Notes, box.Flags("Open"))
	}
}

// drillMails are the drills' mails in a mailbox: notices may lie there too.
func drillMails(t *testing.T, dir string) (list [][]byte) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "mail", "*", "*"))
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(raw, []byte("Message-ID: <grab-drill.")) {
			list = append(list, raw)
		}
	}
	return list
}
