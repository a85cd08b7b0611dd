//go:build !windows

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/collector/notify"
	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/cucmlab"
	"rtmtgrab/internal/lab/mra"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testsite"
)

// newToldLab is a site of two peers on which one phone went partial a few minutes ago,
// and a mailbox; notices of incidents go to a command that keeps them.
func newToldLab(t testing.TB, after string) (*labConfig, mra.Happening) {
	t.Helper()
	c, came := toldLab(t, after, mra.Event{At: time.Now().Add(-8 * time.Minute), Kind: mra.LateKeepAlive, Phone: 2})
	return c, came[0]
}

// toldLab is such a site to which other things happened; each is a phone that came back.
func toldLab(t testing.TB, after string, events ...mra.Event) (*labConfig, []mra.Happening) {
	t.Helper()
	c := newLab(t)
	for i, name := range []string{"expc01", "expe01"} {
		e, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Name: name, Role: string("CE"[i]), IP: []string{"10.0.30.2", "10.0.40.5"}[i],
			AuthorizedKey: c.Login.Public, Logs: lab.LogConfig{Rate: 0.3, Seed: uint64(i + 7)}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.Close() })
		c.Peers = append(c.Peers, e)
	}
	site, err := mra.NewSite(mra.SiteConfig{C: c.Peers[:1], E: c.Peers[1:], Phones: 3, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer site.Close()
	for _, e := range events {
		if err := site.Schedule(e); err != nil {
			t.Fatal(err)
		}
	}
	site.Backfill(time.Now().Add(-18 * time.Minute))
	var came []mra.Happening
	for _, h := range site.Happened() {
		if h.What == mra.CameBack {
			came = append(came, h)
		}
	}
	if len(came) != len(events) {
		t.Fatalf("phones went partial: %+v", came)
	}
	c.Window = fmt.Sprintf("{before: 17m, after: %s, max: 3h}", after)
	c.Extra = fmt.Sprintf("notify: {command: [%q, %q], on: [incidents]}\nsettle: 100ms", c.teller(), c.told())
	return c.withMail(), came
}

// alertNow delivers a mail of an alert.
func (c *labConfig) alertNow(o rtmt.MailOptions) {
	c.T.Helper()
	o.Time = time.Now()
	if err := c.Mail.Deliver(rtmt.Mail(o), o.Time); err != nil {
		c.T.Fatal(err)
	}
}

// toldOf waits for so many notices of a kind and returns them by time.
func (c *labConfig) toldOf(kind string, n int) []channel.Notice {
	c.T.Helper()
	testsite.Until(c.T, fmt.Sprintf("%d notices of %s", n, kind), func() bool { return len(c.notices()[kind]) >= n })
	list := c.notices()[kind]
	slices.SortFunc(list, func(a, b channel.Notice) int { return a.Time.Compare(b.Time) })
	return list
}

// ids are those of the notices of a kind, and how often each came.
func (c *labConfig) ids(kind string) map[string]int {
	c.T.Helper()
	ids := map[string]int{}
	for _, n := range c.notices()[kind] {
		ids[n.ID]++
	}
	return ids
}

var credential = regexp.MustCompile(`response="([0-9a-f]{16,})"|nonce="([^"]{8,})"|Bearer ([A-Za-z0-9._-]{16,})`)

// credentials are all that stand in the peers' logs.
func (c *labConfig) credentials() (list []string) {
	c.T.Helper()
	for _, e := range c.Peers {
		for _, name := range e.Siblings("network_log") {
			b, err := os.ReadFile(filepath.Join(e.Dir(), name))
			if err != nil {
				c.T.Fatal(err)
			}
			for _, m := range credential.FindAllStringSubmatch(string(b), -1) {
				list = append(list, m[1]+m[2]+m[3])
			}
		}
	}
	return list
}

// TestFirstNotice: while the window is open the first notice says what the logs show
// so far, names the phone and its cause, marks it as preliminary, and holds nothing else
// of the logs.
func TestFirstNotice(t *testing.T) {
	t.Parallel()
	c, victim := newToldLab(t, "1h")
	w, log, stop := c.watch(func(*collector.Collector) {})
	c.alertNow(rtmt.MailOptions{})
	n := c.toldOf(channel.KindCopied, 1)[0]
	found := n.Incident.Found
	if found == nil || !found.Preliminary || found.Verdict != "partial" && found.Verdict != "unknown" || !strings.Contains(found.Summary, victim.Device) || found.Why != "" || n.Incident.Verdict != "" || n.Incident.Bundle != "" {
		t.Fatalf("%+v %+v\n%s", n.Incident, found, n.Text)
	}
	i := slices.IndexFunc(found.Phones, func(p channel.Phone) bool { return p.Device == victim.Device })
	if i < 0 || found.Phones[i].Cause != "late_keepalive" || found.Phones[i].Confidence == "" || len(found.Phones) > channel.MaxPhones {
		t.Errorf("%+v", found.Phones)
	}
	for _, want := range []string{"Preliminary verdict: ", "  " + victim.Device + ": ", "cause late keepalive", "may differ"} {
		if !strings.Contains(n.Text, want) {
			t.Errorf("no %q in\n%s", want, n.Text)
		}
	}
	b, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	secrets := c.credentials()
	if len(secrets) < 10 {
		t.Fatalf("the logs hold %d credentials only", len(secrets))
	}
	for _, s := range append(secrets, victim.Number, c.Mail.Password) {
		if regexp.MustCompile(`(^|[^0-9A-Za-z])` + regexp.QuoteMeta(s) + `([^0-9A-Za-z]|$)`).Match(b) {
			t.Errorf("%q is in the notice", s)
		}
	}
	if open, err := w.Store.Open(); err != nil || len(open) != 1 || open[0].State != incident.Running {
		t.Errorf("%+v, %v", open, err)
	}
	stop()
	for _, s := range secrets {
		if strings.Contains(log.String(), s) {
			t.Errorf("%q is in the log", s)
		}
	}
}

// TestFirstNoticeWithout: a look that does not come to its end in time, or before the
// bundle is sealed, holds neither the first notice nor the bundle up, and the notice says
// so.
func TestFirstNoticeWithout(t *testing.T) {
	t.Parallel()
	t.Run("time", func(t *testing.T) {
		c, _ := newToldLab(t, "1h")
		c.watch(func(w *collector.Collector) { w.Notifier.LookLimit = time.Millisecond; w.Notifier.Turn <- struct{}{} })
		c.alertNow(rtmt.MailOptions{})
		n := c.toldOf(channel.KindCopied, 1)[0]
		if f := n.Incident.Found; f == nil || !f.Preliminary || f.Verdict != "" || f.Why != "the analysis took more than 1 ms" || !strings.Contains(n.Text, "Preliminary verdict: none (the analysis took") {
			t.Errorf("%+v\n%s", f, n.Text)
		}
	})
	t.Run("sealed", func(t *testing.T) {
		c, victim := newToldLab(t, "1s")
		c.watch(func(w *collector.Collector) { w.Notifier.LookLimit = time.Hour; w.Notifier.Turn <- struct{}{} })
		c.alertNow(rtmt.MailOptions{})
		second, first := c.toldOf(channel.KindSealed, 1)[0], c.toldOf(channel.KindCopied, 1)[0]
		if f := first.Incident.Found; f == nil || f.Verdict != "" || f.Why != notify.ErrOvertaken.Error() || !first.Time.Before(second.Time) {
			t.Errorf("%+v, %v then %v", f, first.Time, second.Time)
		}
		f := second.Incident.Found
		if f == nil || f.Preliminary || f.Summary != second.Incident.Verdict || !slices.ContainsFunc(f.Phones, func(p channel.Phone) bool { return p.Device == victim.Device }) || strings.Contains(second.Text, "preliminary") {
			t.Errorf("%+v\n%s", f, second.Text)
		}
	})
}

// TestRetryIsTold: a retry by another process leads to a notice by the running watch,
// and no other watch says it again but one that cannot know that it was told: by the
// same ID.
func TestRetryIsTold(t *testing.T) {
	t.Parallel()
	c, _ := newToldLab(t, "1s")
	c.Extra += "\npatience: 1s"
	c.Write()
	if err := c.Peers[1].SetDown(true); err != nil {
		t.Fatal(err)
	}
	quick := func(w *collector.Collector) { w.Notifier.StoreEvery = 20 * time.Millisecond }
	w, _, stop := c.watch(quick)
	c.alertNow(rtmt.MailOptions{})
	first := c.toldOf(channel.KindSealed, 1)[0]
	if in := first.Incident; in.Revision != 1 || in.Coverage != string(evidence.Partial) || !strings.Contains(first.Subject, "bundle for hq is sealed (partial)") {
		t.Fatalf("%+v", first)
	}
	if err := c.Peers[1].SetDown(false); err != nil {
		t.Fatal(err)
	}
	testsite.Until(t, "the watch lets go of the incident, and it is retried", func() bool {
		out, err := program("-c", c.Path, "retry", "--direct", first.Incident.Incident).CombinedOutput()
		if err != nil && !strings.Contains(string(out), "another grab is working on this incident") {
			t.Fatalf("%v\n%s", err, out)
		}
		return err == nil
	})
	second := c.toldOf(channel.KindSealed, 2)[1]
	if in := second.Incident; in.Revision != 2 || in.Incident != first.Incident.Incident || in.Coverage != string(evidence.Complete) || !strings.HasSuffix(in.Bundle, "-r2.zip") ||
		!strings.Contains(second.Subject, "revision 2 of the bundle for hq is sealed (complete)") || second.ID == first.ID {
		t.Errorf("%+v", second)
	}
	for range 3 { // looks at the store while nothing happens, and a restart
		time.Sleep(50 * time.Millisecond)
		if w.Notifier.News.LookAgain(); len(c.notices()[channel.KindSealed]) != 2 {
			t.Fatalf("%+v", c.notices())
		}
	}
	stop()
	// Its own process grabs by hand and tells nobody.
	if r := c.grab("now", "--direct", "--before", "1m"); r.code != 0 {
		t.Fatalf("%s", r)
	}
	_, _, stop = c.watch(quick)
	c.alertNow(rtmt.MailOptions{Node: "cucm02"})
	c.toldOf(channel.KindSealed, 3)
	stop()
	if sealed, copied := c.ids(channel.KindSealed), c.ids(channel.KindCopied); len(sealed) != 3 || len(copied) != 2 {
		t.Errorf("%v %v", sealed, copied)
	}
	file := filepath.Join("store", "notices-incidents.json") // as of before the second notice
	c.File(file, strings.Replace(c.Read(file), `"sealed": 2`, `"sealed": 1`, 1))
	c.watch(quick)
	testsite.Until(t, "revision 2 again", func() bool { return c.ids(channel.KindSealed)[second.ID] == 2 })
	if ids := c.ids(channel.KindSealed); len(ids) != 3 {
		t.Errorf("%v", ids)
	}
}

// TestTellsNames: the first notice of an alert names the phones that CUCM has as partial, line
// by line, and the bundle that follows has them.
func TestTellsNames(t *testing.T) {
	t.Parallel()
	c, came := newToldLab(t, "2s")
	cluster, err := cucmlab.New(t.Context(), cucmlab.Config{Records: []cucmlab.Record{{Device: came.Device, Node: "cucm01", Status: "PartiallyRegistered", Since: came.Time, IP: "10.0.30.2",
		Description: "Reception, home", Lines: []cucmlab.LineState{{Number: "7042", Status: "Registered"}, {Number: "7043", Status: "UnRegistered"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cluster.Close() })
	account := cluster.Account(cucmlab.RoleRealtime)
	c.File("cucm.secret", account.Password)
	c.File("cucm-ca.pem", string(cluster.CAPEM()))
	c.Extra += fmt.Sprintf("\ncucm: [{cluster: Main, publisher: %q, user: %s, password: {file: cucm.secret}, ca_file: cucm-ca.pem, proxy: none}]\n", cluster.Nodes()[0].Addr(), account.User)
	c.Write()
	c.Replace("  - name: hq\n", "  - name: hq\n    cucm: [Main]\n")
	c.watching(c.Socket())
	began := time.Now()
	c.alertNow(rtmt.MailOptions{Node: "cucm01", Count: 1})

	first := c.toldOf(channel.KindCopied, 1)[0]
	t.Logf("told after %v", first.Time.Sub(began).Round(time.Millisecond))
	if want := came.Device + ", 7042 up, 7043 down, Reception, home"; !strings.Contains(first.Text, want) {
		t.Errorf("%q is not in\n%s", want, first.Text)
	}
	sealed := c.toldOf(channel.KindSealed, 1)[0]
	m, err := bundle.ReadManifest(sealed.Incident.Bundle)
	if err != nil || len(m.CUCM) != 1 || m.CUCM[0].Names == nil || m.CUCM[0].Names.Phones != 1 {
		t.Errorf("%+v, %v", m.CUCM, err)
	}
}
