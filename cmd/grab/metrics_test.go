//go:build !windows

package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testsite"
	"rtmtgrab/internal/version"
)

// What the mails of TestNothingPrivate tell of people.
var private = []string{"Grete", "Musterfrau", "555 0199", "5550199", "0711"}

// label finds the labels of a line of metrics.
var label = regexp.MustCompile(`([a-z_]+)="((?:[^"\\]|\\.)*)"`)

// tells reports whether a text has a secret in it. One of digits alone counts only by
// itself, for any four digits may stand in a time or be what was measured.
func tells(text, secret string) bool {
	if strings.Trim(secret, "0123456789") != "" {
		return strings.Contains(strings.ToLower(text), strings.ToLower(secret))
	}
	for _, at := range regexp.MustCompile(`\b`+secret+`\b`).FindAllStringIndex(text, -1) {
		before := text[:at[0]]
		if !strings.HasSuffix(before, ".") && !strings.HasSuffix(before, `": `) && !strings.HasSuffix(before, "} ") {
			return true
		}
	}
	return false
}

// TestNothingPrivate: whatever stands in mails, logs and secrets, and whatever breaks,
// metrics, health and the status of a watcher name nothing but what is configured; and
// each metric is documented.
func TestNothingPrivate(t *testing.T) {
	t.Parallel()
	c, victim := newToldLab(t, "1s")
	hook := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		rw.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(rw, "cannot %s %s: %s", r.Method, r.RequestURI, b)
	}))
	defer hook.Close()
	c.File("hook.url", hook.URL+"/services/T0K3Nsecret?sig=S1Gnature\n")
	addr := testsite.FreeAddr(t)
	c.Extra = strings.Replace(c.Extra, "on: [", "webhooks: [{url: {file: hook.url}}], on: [problems, ", 1) +
		fmt.Sprintf("\nhttp: {listen: %q}\nalerts: {from: [\"@example.com\"]}\nheartbeats: [{name: daily, match: CpuPegging}]", addr)
	c.Write()
	w, _, _ := c.watch(func(*collector.Collector) {})
	subject := "[RTMT-ALERT-Musterfrau (0711 555 0199)] PartiallyRegisteredPhone: Grete's phone 5550199"
	text := "Call Grete Musterfrau, 0711 555 0199\n"
	c.alertNow(rtmt.MailOptions{From: "grete.musterfrau@example.com", Subject: subject, Text: text, Cluster: "Musterfrau (0711 555 0199)"})
	c.toldOf(channel.KindSealed, 1)
	c.alertNow(rtmt.MailOptions{From: "musterfrau@example.org", Subject: subject, Text: text})        // held
	for _, mail := range []string{"Subject: CpuPegging at Grete's 5550199\r\n\r\nCpuPegging " + text, // a heartbeat
		"Subject: AW: PartiallyRegisteredPhone, Grete Musterfrau\r\n\r\n> " + w.OwnMails.Key.Notice("x") + "\r\n" + text} {
		if err := c.Mail.Deliver([]byte("From: musterfrau@example.com\r\n"+mail), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	testsite.Until(t, "all mails", func() bool {
		r := w.Status()
		return r.Held == 1 && !r.Beats[0].Last.IsZero() && w.OwnMails.CameBack() == 1 && slices.Contains(problemKeys(r), "notice/webhook-1")
	})
	c.Mail.SetDown(true)
	c.Peers[1].SetDown(true)
	testsite.Until(t, "the mailbox is down", func() bool { return !w.Status().Works })

	said := map[string]string{"status": c.grab("status", "--json").out, "status in words": c.grab("status").out}
	_, said["healthz"] = testsite.Get(t, addr, "/healthz")
	_, said["metrics"] = testsite.Get(t, addr, "/metrics")
	secrets := append(c.credentials(), private...)
	secrets = append(secrets, c.Mail.Password, "T0K3Nsecret", "S1Gnature", victim.Number, victim.Device, victim.CallID, strings.Split(string(c.Login.PEM), "\n")[2])
	for what, text := range said {
		for _, s := range secrets {
			if len(s) < 4 || tells(text, s) {
				t.Errorf("%q is in %s:\n%s", s, what, text)
			}
		}
	}
	for _, want := range []string{`grab_incident_outcomes_total{coverage="complete",site="hq"} 1`, `grab_incident_outcomes_total{coverage="failed",site="hq"} 0`, "grab_own_mails_total 1\n", "grab_quarantine_alerts 1\n"} {
		if !strings.Contains(said["metrics"], want) {
			t.Errorf("no %s in\n%s", want, said["metrics"])
		}
	}
	c.checkMetrics(said["metrics"])
}

// checkMetrics looks whether each metric is documented and each label's value is one
// of ours, or of the configuration.
func (c *labConfig) checkMetrics(text string) {
	c.T.Helper()
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	if err != nil {
		c.T.Fatal(err)
	}
	known := map[string][]string{"outcome": {"alert", "seen_before", "not_kept"}, "what": {"started", "sealed", "failed"}, "step": {"held", "copied", "sealed"},
		"coverage": {"complete", "partial", "lost", "failed"}, "site": {"hq"}, "blocks": {"true", "false"}, "version": {version.Version}, "family": lab.Families(),
		"heartbeat": {"daily"}, "source": {"poll", "webhook"}, "mailbox": {c.Mail.User + "/INBOX"}, "key": {"quarantine", "notice/webhook-1", "disk", "clock", "site/hq/clock", "mailbox/" + c.Mail.User + "/INBOX"}}
	for _, e := range c.Peers {
		known["host"] = append(known["host"], e.Name())
	}
	n := 0
	for line := range strings.Lines(text) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		name, labels, _ := strings.Cut(name, "{")
		if !strings.HasPrefix(name, "grab_") {
			continue
		}
		n++
		for _, end := range []string{"_bucket", "_sum", "_count"} {
			name = strings.TrimSuffix(name, end)
		}
		if !strings.Contains(string(doc), "`"+name+"`") {
			c.T.Errorf("docs/operations.md has no %s", name)
		}
		for _, l := range label.FindAllStringSubmatch(labels, -1) {
			ok := l[1] == "le" || l[1] == "key" && strings.HasPrefix(l[2], "host/") || slices.Contains(known[l[1]], l[2])
			if !ok {
				c.T.Errorf("%s has the label %s=%q", name, l[1], l[2])
			}
		}
	}
	if n < 50 {
		c.T.Errorf("only %d lines of metrics", n)
	}
}
