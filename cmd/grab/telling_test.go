package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/internal/app/checkup"
	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testserver"
	"rtmtgrab/internal/wiring"
)

// tellingLab is a host of the laboratory, a Dovecot, and an Exim that delivers into
// it; notices go to the watched mailbox itself, and to a command that keeps them.
type tellingLab struct {
	*labConfig
	box  *testserver.Dovecot
	smtp *testserver.Exim
}

func newTellingLab(t *testing.T) *tellingLab {
	c := &tellingLab{labConfig: newLab(t, lab.ExpresswayConfig{Role: "C"}), box: testserver.StartDovecot(t, testserver.DovecotOptions{})}
	c.smtp = testserver.StartExim(t, c.box)
	c.File("imap.secret", c.box.Password+"\n")
	c.File("smtp.secret", c.smtp.Password+"\n")
	c.File("imap.pem", string(c.box.CA))
	c.File("smtp.pem", string(c.smtp.CA))
	tell := c.teller()
	c.Window = "{before: 10s, after: 1s}"
	c.Extra = fmt.Sprintf(`mail: {server: %q, ca_file: imap.pem, user: %q, password: {file: imap.secret}, canary: {every: 1m, late: 30s, delete: true}}
smtp: {server: %q, tls: starttls, ca_file: smtp.pem, user: %q, password: {file: smtp.secret}, from: grab@example.com}
notify: {after: 1s, mail: {to: [%q]}, command: [%q, %q]}
heartbeats: [{name: daily, match: CpuPegging, cluster: hq}]
alerts: {from: ["@example.com"]}
settle: 100ms`, c.box.IMAPS, c.box.User, c.smtp.SMTP, c.smtp.User, c.box.User, tell, c.told())
	c.Write()
	return c
}

// newCalmLab is a tellingLab that tells of no problem: that a slow machine has not proven the host within a
// second is none here.
func newCalmLab(t *testing.T) *tellingLab {
	c := newTellingLab(t)
	c.Extra = strings.Replace(c.Extra, "after: 1s, mail", "after: 1h, mail", 1)
	c.Write()
	return c
}

// watch runs a watch in this process until stop.
func (c *tellingLab) watch() (w *collector.Collector, log *lines, stop func()) {
	c.T.Helper()
	return c.labConfig.watch(func(w *collector.Collector) { w.Notifier.Every = 100 * time.Millisecond })
}

// watch runs a watch in this process until stop, after set.
func (c *labConfig) watch(set func(*collector.Collector)) (w *collector.Collector, log *lines, stop func()) {
	c.T.Helper()
	log = &lines{}
	cfg, err := config.Load(c.Path)
	if err != nil {
		c.T.Fatal(err)
	}
	if w, err = collector.New(cfg, slog.New(slog.NewTextHandler(log, nil)), func() (*config.Config, error) { return config.Load(c.Path) }, nil); err != nil {
		c.T.Fatal(err)
	}
	set(w)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			c.T.Error(err)
		}
		if c.T.Failed() {
			c.T.Log(log.String())
		}
	})
	c.T.Cleanup(stop)
	return w, log, stop
}

func (c *tellingLab) until(what string, ok func() bool) {
	c.T.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.T.Fatalf("never: %s", what)
		}
	}
}

// notices are those that the command got, by kind.
func (c *labConfig) notices() map[string][]channel.Notice {
	c.T.Helper()
	names, err := filepath.Glob(filepath.Join(c.told(), "*.json"))
	if err != nil {
		c.T.Fatal(err)
	}
	all := map[string][]channel.Notice{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			c.T.Fatal(err)
		}
		var n channel.Notice
		if err := json.Unmarshal(b, &n); err != nil {
			c.T.Fatal(err, string(b))
		}
		all[n.Kind] = append(all[n.Kind], n)
	}
	return all
}

// told is the folder of the notices that the command got.
func (c *labConfig) told() string { return filepath.Join(c.Dir, "told") }

// teller makes that folder, and the command that keeps a notice in the folder that is
// its argument.
func (c *labConfig) teller() string {
	c.T.Helper()
	if err := os.Mkdir(c.told(), 0o700); err != nil {
		c.T.Fatal(err)
	}
	tell := c.File("tell", "#!/bin/sh\nf=$(mktemp \"$1/XXXXXX\") && cat > \"$f\" && mv \"$f\" \"$f.json\"\n")
	if err := os.Chmod(tell, 0o700); err != nil {
		c.T.Fatal(err)
	}
	return tell
}

// lines is a log that may be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestTelling: the canary goes by SMTP and comes back by IDLE; a heartbeat triggers
// nothing; an alert is told of twice, and what is told comes into the mailbox and
// triggers nothing; a restart tells nothing again.
func TestTelling(t *testing.T) {
	t.Parallel()
	c := newCalmLab(t)
	w, log, stop := c.watch()
	c.until("the canary", func() bool { r := w.Status(); return len(r.Canaries) == 1 && !r.Canaries[0].Seen.IsZero() })
	c.until("no problem", func() bool { return len(w.Status().Problems) == 0 })
	r := w.Status()
	if k := r.Canaries[0]; k.Missing || k.DelayS <= 0 || k.Seen.Before(k.Sent) {
		t.Errorf("%+v", r)
	}
	t.Logf("canary: %.3f s from SMTP to the watcher", r.Canaries[0].DelayS)
	c.until("the canary's removal", func() bool { return len(c.box.Flags("")) == 0 })

	for _, from := range []string{"someone@example.org", "cucm@example.com"} {
		if last := w.Status().Beats[0].Last; !last.IsZero() {
			t.Errorf("a heartbeat of a stranger counted: %v", last)
		}
		c.box.Deliver("", []byte("From: "+from+"\r\nSubject: [RTMT-ALERT-hq] CpuPegging\r\n\r\nCpuPegging\r\n"))
		c.until("the heartbeat", func() bool { return strings.Contains(log.String(), "counts="+fmt.Sprint(from == "cucm@example.com")) })
	}
	if w.Status().Beats[0].Last.IsZero() {
		t.Error("the heartbeat does not count")
	}

	c.box.Deliver("", rtmt.Mail(rtmt.MailOptions{From: "rtmt@example.com", Time: time.Now(), Zone: wiring.ZoneNamed("America/New_York")}))
	c.until("two notices", func() bool {
		n := c.notices()
		return len(n[channel.KindCopied]) == 1 && len(n[channel.KindSealed]) == 1
	})
	first, second := c.notices()[channel.KindCopied][0].Incident, c.notices()[channel.KindSealed][0].Incident
	if first.Site != "hq" || first.Coverage == "" || len(first.Alerts) != 1 || !strings.Contains(first.Alerts[0], "PartiallyRegisteredPhone") || len(first.Hosts) != 1 || first.Bundle != "" {
		t.Errorf("%+v", first)
	}
	b, err := os.ReadFile(second.Bundle)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(b); second.SHA256 != hex.EncodeToString(sum[:]) || second.Size != int64(len(b)) || second.Verdict == "" || second.Incident != first.Incident {
		t.Errorf("%+v", second)
	}
	c.until("our own notices in the mailbox", func() bool { return w.OwnMails.CameBack() == 2 })
	stop()

	w, log2, stop := c.watch()
	c.box.Deliver("", fmt.Appendf(nil, "From: someone@example.com\r\nSubject: AW: PartiallyRegisteredPhone\r\n\r\n> PartiallyRegisteredPhone\r\n> %s\r\n", w.OwnMails.Key.Notice("x")))
	c.until("the reply", func() bool { return w.OwnMails.CameBack() == 1 })
	stop()
	alerts, err := os.ReadDir(filepath.Join(c.Dir, "store", "alerts"))
	if err != nil || len(alerts) != 1 {
		t.Errorf("%d alerts, %v", len(alerts), err)
	}
	if n := c.notices(); len(n[channel.KindCopied]) != 1 || len(n[channel.KindSealed]) != 1 || len(n) != 2 {
		t.Errorf("%+v", n)
	}
	for _, s := range []string{c.box.Password, c.smtp.Password} {
		if strings.Contains(log.String()+log2.String(), s) {
			t.Error("a password is in the log")
		}
	}
}

// TestTellingNotSent: a mail server that is down is told of by the other way, and the
// notices for it wait.
func TestTellingNotSent(t *testing.T) {
	t.Parallel()
	c := newTellingLab(t)
	c.smtp.Stop()
	w, _, stop := c.watch()
	c.until("the problem", func() bool {
		return slices.ContainsFunc(w.Problems(), func(p status.Problem) bool {
			return p.Key == "canary/"+c.box.User+"/smtp" && !p.Blocks && strings.Contains(p.What, "refused")
		})
	})
	c.until("a notice of it", func() bool { return len(c.notices()[channel.KindProblems]) > 0 })
	c.until("the dead channel", func() bool {
		return slices.ContainsFunc(w.Problems(), func(p status.Problem) bool { return p.Key == "notice/mail" })
	})
	stop()
	waiting, err := os.ReadDir(filepath.Join(c.Dir, "store", "outbox", "mail"))
	if err != nil || len(waiting) == 0 {
		t.Errorf("%v, %v", waiting, err)
	}
}

// TestCheckNotify: each way is tried, and only when it is asked for.
func TestCheckNotify(t *testing.T) {
	t.Parallel()
	c := newTellingLab(t)
	rep, _ := c.check()
	if f := findingOf(rep, "", "notice/mail"); f.Status != "" || len(c.notices()) != 0 {
		t.Errorf("%+v", f)
	}
	rep, _ = c.check("--notify")
	wantFinding(t, rep, "", "notice/mail", checkup.StatusOK, "test sent", "")
	wantFinding(t, rep, "", "notice/command", checkup.StatusOK, "test sent", "")
	if n := c.notices()[channel.KindTest]; len(n) != 1 {
		t.Errorf("%+v", n)
	}
	c.until("the mail", func() bool { return len(c.box.Flags("")) == 1 })
	c.File("smtp.secret", "wrong\n")
	rep, _ = c.check("--notify")
	wantFinding(t, rep, "", "notice/mail", checkup.StatusFail, "535", "smtp.user")
}
