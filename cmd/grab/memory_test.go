//go:build !windows

package main

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/lab/mra"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/registration"
)

// TestMemory: the alert counts 2 and its window shows one candidate; the other came back by
// keep-alive in the bundle before and has not registered in full since. The first notice, the
// bundle's page and README.txt, its JSON and `grab report` of it say that, and the phone is
// not shown as healthy.
func TestMemory(t *testing.T) {
	t.Parallel()
	c, all := toldLab(t, "1s", mra.Event{At: time.Now().Add(-14 * time.Minute), Kind: mra.LateKeepAlive, Phone: 2}, mra.Event{At: time.Now().Add(-3 * time.Minute), Kind: mra.LateKeepAlive, Phone: 1})
	old, fresh := all[0].Device, all[1].Device
	at := time.Now().Add(-10 * time.Minute).UTC().Format(time.RFC3339)
	if r := c.grab("now", "--direct", "--at", at, "--before", "7m"); r.code != 0 {
		t.Fatalf("%s", r)
	}
	if r := c.grab("list"); !strings.Contains(r.out, old) || strings.Contains(r.out, fresh) {
		t.Fatalf("the bundle before shows another phone:\n%s", r)
	}
	var earlier []struct{ Incident string }
	c.grab("list", "--json").decode(t, &earlier)

	c.Window = "{before: 5m, after: 1s, max: 3h}"
	c.Write()
	c.watch(func(*collector.Collector) {})
	c.alertNow(rtmt.MailOptions{Count: 2})
	first, sealed := c.toldOf(channel.KindCopied, 1)[0], c.toldOf(channel.KindSealed, 1)[0]
	const since = "has not registered in full since"
	says := func(what, text string) {
		t.Helper()
		for _, want := range []string{"the alert counts 2, this window shows one candidate, and " + old + " came back by keep-alive at ", earlier[0].Incident, since, fresh} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q:\n%s", what, want, text)
			}
		}
	}
	if first.Incident.Found.Why == "" { // else the bundle was faster
		says("the first notice", first.Incident.Found.Summary)
	}
	says("the notice", sealed.Text)
	path := sealed.Incident.Bundle
	files := map[string]string{}
	for _, name := range []string{"README.txt", "report/registration.html", "report/registrations.json"} {
		err := bundle.ReadFile(t.Context(), path, name, func(f io.Reader) error {
			b, err := io.ReadAll(f)
			files[name] = string(b)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	says("README.txt", strings.Join(strings.Fields(files["README.txt"]), " "))
	if page := files["report/registration.html"]; !strings.Contains(page, "Before this window") || !strings.Contains(page, since) || !strings.Contains(page, "PRT") {
		t.Error("the page does not say it")
	}

	out := filepath.Join(t.TempDir(), "again")
	var rep registration.Report
	c.grab("report", "--json", "--out", out, "@last").decode(t, &rep)
	says("grab report", rep.Summary)
	if len(rep.Before) != 1 || rep.Before[0].Device != old || rep.Before[0].Confidence != registration.Likely || rep.Verdict == registration.VerdictHealthy {
		t.Errorf("%s %+v", rep.Verdict, rep.Before)
	}
	for _, p := range rep.Phones {
		switch {
		case p.Device != old:
		case p.Verdict == registration.PhoneRegistered || p.Before == nil || !strings.Contains(p.Summary, since) || !strings.Contains(p.Advice, "PRT"):
			t.Errorf("%+v", p)
		default:
			return
		}
	}
	t.Errorf("%s is not among the phones", old)
}
