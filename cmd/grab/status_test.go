//go:build !windows

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testsite"
)

// status runs `grab status --json` until ok is content with it.
func (c *labConfig) status(what string, ok func(status.Report) bool) status.Report {
	c.T.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		r := c.grab("status", "--json")
		var rep status.Report
		r.decode(c.T, &rep)
		if (r.code == 0) != rep.Works || r.code > 1 {
			c.T.Fatalf("works is %v, %s", rep.Works, r)
		}
		if ok(rep) {
			return rep
		}
		if time.Now().After(deadline) {
			c.T.Fatalf("never: %s; %s", what, r)
		}
	}
}

func problemKeys(r status.Report) (list []string) {
	for _, p := range r.Problems {
		list = append(list, p.Key)
	}
	return list
}

// A running watch says yes; with its mailbox cut it says no, by status, /healthz and
// /metrics, and yes again when it is back. What a grab has taught is in them; and when
// the watch is gone the store is asked.
func TestStatus(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Role: "C"}, lab.ExpresswayConfig{Role: "E"}).withMail()
	addr := testsite.FreeAddr(t)
	c.Extra = fmt.Sprintf("http: {listen: %q}\nsettle: 10ms", addr)
	c.Write()
	stop := c.watching(c.Socket())
	up := func(r status.Report) bool {
		return r.Works && r.Mailboxes[0].Connected && r.Hosts[0].Warm == "up" && r.Hosts[1].Warm == "up" && len(r.Hosts[0].Families) > 0 && r.Hosts[0].ClockMS != nil
	}
	r := c.status("all is well", up)
	if len(r.Clusters) != 0 || r.Disk.FreeBytes <= 0 || r.Disk.UsedBytes <= 0 || r.Hosts[0].Login.IsZero() || !strings.HasPrefix(r.Hosts[0].HostKey, "SHA256:") || r.Hosts[0].Sites[0] != "hq" {
		t.Errorf("%+v", r)
	}
	if code, body := testsite.Get(t, addr, "/healthz"); code != 200 || body != "ok\n" {
		t.Errorf("%d %s", code, body)
	}

	at := time.Now().Add(-time.Second)
	if err := c.Mail.Deliver(rtmt.Mail(rtmt.MailOptions{Time: at}), at); err != nil {
		t.Fatal(err)
	}
	r = c.status("the mail of the cluster, and its bundle", func(r status.Report) bool {
		return len(r.Clusters) == 1 && len(r.Incidents) == 0 && up(r) && r.Hosts[0].Level != "unknown"
	})
	if got := r.Clusters[0]; got.Name != "StandAloneCluster" || got.Mail.Sub(at).Abs() > time.Second || r.Mailboxes[0].UID != 1 {
		t.Errorf("%+v %+v", got, r.Mailboxes)
	}
	var metrics string
	testsite.Until(t, "the bundle in the metrics", func() bool {
		_, metrics = testsite.Get(t, addr, "/metrics")
		return strings.Contains(metrics, `grab_bundles_total{coverage="complete"} 1`) && strings.Contains(metrics, `grab_incident_seconds_count{step="sealed"}`) // the last that is counted
	})
	for _, want := range []string{"grab_works 1\n", `grab_mails_total{outcome="alert"} 1`, `grab_incidents_total{what="sealed"} 1`, `grab_incident_seconds_count{step="held"} 1`,
		`grab_incident_seconds_count{step="sealed"} 1`, "grab_mail_delay_seconds_count 1", `grab_host_warm{host="` + c.Peers[0].Name() + `"} 1`,
		`grab_cluster_mail_timestamp_seconds{cluster="StandAloneCluster"} `, `grab_copied_bytes_total{host="` + c.Peers[1].Name() + `"} `, "go_goroutines ", "process_open_fds ",
		`grab_mailbox_connected{mailbox="` + c.Mail.User + `/INBOX"} 1`, "grab_disk_free_bytes ", `grab_host_log_depth_seconds{family="network_log",host=`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in\n%s", want, metrics)
		}
	}

	key := "mailbox/" + c.Mail.User + "/INBOX"
	c.Mail.SetDown(true)
	r = c.status("the mailbox is down", func(r status.Report) bool { return !r.Works })
	if !slices.Contains(problemKeys(r), key) || r.Problems[0].Hint == "" || r.Mailboxes[0].Error == "" || r.Mailboxes[0].Since.IsZero() {
		t.Errorf("%+v", r)
	}
	testsite.Until(t, "503", func() bool {
		code, body := testsite.Get(t, addr, "/healthz")
		return code == 503 && strings.Contains(body, "is down") && !strings.Contains(body, "@")
	})
	if _, m := testsite.Get(t, addr, "/metrics"); !strings.Contains(m, "grab_works 0\n") || !strings.Contains(m, `grab_problem{blocks="true",key="`+key+`"} 1`) {
		t.Error(m)
	}
	if words := c.grab("status"); words.code != 1 || !strings.HasPrefix(words.out, "No: mailbox "+c.Mail.User) || !strings.Contains(words.out, "\n  in the way: mailbox "+c.Mail.User) {
		t.Errorf("%s", words)
	}
	c.Mail.SetDown(false)
	r = c.status("the mailbox is back", up)
	if words := c.grab("status"); words.code != 0 || !strings.HasPrefix(words.out, "Yes, an alert now would work") {
		t.Errorf("%s", words)
	}

	stop()
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("somebody still listens")
	}
	c.withRefusal()
	if gone := c.grab("status"); gone.code != 1 || !strings.Contains(gone.out, "grab watch last wrote to the store: ") || !strings.Contains(gone.out, c.Peers[0].Name()+" (") ||
		!strings.Contains(gone.out, "login not tried again") || !strings.Contains(gone.err, "hint: start it") {
		t.Errorf("%s", gone)
	}
	var failure struct{ Error, Hint string }
	gone := c.grab("status", "--json")
	if gone.decode(t, &failure); gone.code != 1 || !strings.Contains(failure.Error, "no grab watch answers") || failure.Hint == "" {
		t.Errorf("%s", gone)
	}
	// What was known is known after a restart, before anything is asked.
	c.Mail.SetDown(true)
	c.watching(c.Socket())
	r = c.status("it has begun", func(r status.Report) bool { return len(r.Hosts) == 2 })
	if len(r.Clusters) != 1 || r.Clusters[0].Mail.IsZero() || r.Hosts[1].Level == "unknown" || len(r.Hosts[1].Families) != 3 {
		t.Errorf("%+v", r)
	}
	if r = c.status("refused", func(r status.Report) bool { return r.Hosts[0].Warm == "blocked" }); !slices.Contains(problemKeys(r), "host/"+c.Peers[0].Name()+"/login") || r.Hosts[0].Refused.IsZero() {
		t.Errorf("%+v", r)
	}
}

// withRefusal gives the first host another key, which it refuses.
func (c *labConfig) withRefusal() {
	c.T.Helper()
	other, err := lab.NewLogin()
	if err != nil {
		c.T.Fatal(err)
	}
	first := c.Row(c.Peers[0].Name(), c.Peers[0], ", ssh: {key: {file: other}}")
	c.File("other", string(other.PEM))
	c.Hosts = first + c.Row(c.Peers[1].Name(), c.Peers[1], "")
	c.Write()
	if r := c.grab("check", c.Peers[0].Name()); r.code != 1 {
		c.T.Fatalf("%s", r)
	}
}

// An address that is taken is a fault at the start; after a reload the old stays.
func TestHTTPListen(t *testing.T) {
	c := newLab(t, lab.ExpresswayConfig{Role: "C"}).withMail()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c.Extra = fmt.Sprintf("http: {listen: %q}", taken.Addr())
	c.Write()
	if r := c.grab("watch"); r.code != 1 || !strings.Contains(r.err, "http.listen") || !strings.Contains(r.err, "hint: ") {
		t.Errorf("%s", r)
	}
}

// Where alerts come by the webhook alone a secret that is gone is a No, before one is posted.
func TestWebhookAlone(t *testing.T) {
	t.Parallel()
	s, _ := hookSite(t)
	watchSite(s)
	c := &labConfig{s}
	c.status("all is well", func(r status.Report) bool { return r.Works })
	if err := os.Remove(filepath.Join(s.Dir, "hook.secret")); err != nil {
		t.Fatal(err)
	}
	c.status("no alert can come", func(r status.Report) bool { return !r.Works && r.Problems[0].Key == "webhook/secret" })
	s.File("hook.secret", hookSecret+"\n")
	c.status("all is well again", func(r status.Report) bool { return r.Works })
}

// A watch that hangs has its socket and its lock still: status, the plugin and check say
// that nobody answers, and what to do.
func TestWatchHangs(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{})
	store, err := incident.OpenStore(filepath.Join(c.Dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	lock, err := store.LockWatch()
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	l, err := net.Listen("unix", c.Socket())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, tt := range []struct {
		args string
		code int
		says string
	}{
		{"status", 1, "does not answer on " + c.Socket() + "\ngrab: hint: an alert would not be seen if it hangs"},
		{"status --json", 1, `"hint": "an alert would not be seen if it hangs`},
		{"status --check", status.PluginCritical, "GRAB CRITICAL - grab watch runs and does not answer"},
		{"check --direct", 1, "watch          grab watch runs and does not answer"},
	} {
		wg.Go(func() {
			if r := c.grab(strings.Fields(tt.args)...); r.code != tt.code || !strings.Contains(r.out+r.err, tt.says) {
				t.Errorf("%s: %s", tt.args, r)
			}
		})
	}
}

// A mail that came too late to be grabbed for is told of, and keeps nobody from the next.
func TestStatusExpired(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Role: "C"}).withMail()
	c.watching(c.Socket())
	if err := c.Mail.Deliver(rtmt.Mail(rtmt.MailOptions{Time: time.Now().Add(-30 * time.Hour)}), time.Now()); err != nil {
		t.Fatal(err)
	}
	c.status("the alert is expired", func(r status.Report) bool { return r.Works && slices.Contains(problemKeys(r), status.ExpiredKey) })
}

// A site that routes keep all alerts from is told of, by status and by check.
func TestSiteWithoutAlerts(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Role: "C"}, lab.ExpresswayConfig{Role: "E"}).withMail()
	c.Extra = "routes: [{folder: INBOX, sites: [hq]}]"
	c.Hosts = c.Row("expc01", c.Peers[0], "") + "  - name: lab\n    hosts:\n" + c.Row("expe01", c.Peers[1], "")
	c.Write()
	if r := c.grab("check", "--offline"); r.code != 0 || !strings.Contains(r.out, "routes         no alert can come to site lab") {
		t.Error(r)
	}
	c.watching(c.Socket())
	c.status("it is told", func(r status.Report) bool { return slices.Contains(problemKeys(r), "site/lab/unheard") })
}

// The plugin cries when nobody answers, and says UNKNOWN when nobody could be asked.
func TestPluginUnasked(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{})
	c.Extra = "socket: {path: none}"
	c.Write()
	deaf := c.Path
	broken := c.File("broken.yaml", "store: [\n")
	gone := c.File("gone.yaml", strings.Replace(c.Read("grab.yaml"), c.Extra, "", 1))
	for _, tt := range []struct {
		path string
		code int
		says string
	}{
		{filepath.Join(c.Dir, "nosuch.yaml"), status.PluginUnknown, "no such file"},
		{broken, status.PluginUnknown, "invalid YAML"},
		{deaf, status.PluginUnknown, "no control socket"},
		{gone, status.PluginCritical, "no grab watch answers: an alert would not be seen"},
	} {
		r := runGrab("-c", tt.path, "status", "--check")
		if r.code != tt.code || !strings.HasPrefix(r.out, status.PluginLine(tt.code, "")) || !strings.Contains(r.out, tt.says) {
			t.Errorf("%s: %s", tt.path, r)
		}
	}
}

// Of a host without a kept session status knows what the last grab and the last check saw:
// that nothing was got of it, and its clock.
func TestStatusCold(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Role: "C", ClockOffset: -2 * time.Minute}, lab.ExpresswayConfig{Role: "E", ClockOffset: -2 * time.Minute}).withMail()
	c.Replace("ssh: {", "ssh: {warm: false, ")
	c.watching(c.Socket())
	c.grab("now", "--before", "5s")
	c.status("this machine is thought wrong", func(r status.Report) bool { return slices.Contains(problemKeys(r), "clock") && !r.Works })
	if err := c.Peers[1].SetDown(true); err != nil {
		t.Fatal(err)
	}
	c.grab("now", "--before", "5s", "--patience", "1s")
	last := "host/" + c.Peers[1].Name() + "/last"
	c.status("nothing was got of E", func(r status.Report) bool { return slices.Contains(problemKeys(r), last) })
	if err := c.Peers[1].SetDown(false); err != nil {
		t.Fatal(err)
	}
	for _, e := range c.Peers {
		e.SetClockOffset(0)
	}
	c.grab("check")
	c.status("a check has looked", func(r status.Report) bool { return r.Works && len(r.Problems) == 0 })
}
