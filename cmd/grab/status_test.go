//go:build !windows

package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/fetch"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/mailwatch"
)

// freeAddr is a loopback address on which nobody listens.
func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// status runs `grab status --json` until ok is content with it.
func (c *labConfig) status(what string, ok func(status.Report) bool) status.Report {
	c.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		r := c.grab("status", "--json")
		var rep status.Report
		r.decode(c.t, &rep)
		if (r.code == 0) != rep.Works || r.code > 1 {
			c.t.Fatalf("works is %v, %s", rep.Works, r)
		}
		if ok(rep) {
			return rep
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("never: %s; %s", what, r)
		}
	}
}

func problemKeys(r status.Report) (list []string) {
	for _, p := range r.Problems {
		list = append(list, p.Key)
	}
	return list
}

func get(t testing.TB, addr, path string) (int, string) {
	t.Helper()
	resp, err := http.Get("http://" + addr + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// A running watch says yes; with its mailbox cut it says no, by status, /healthz and
// /metrics, and yes again when it is back. What a grab has taught is in them; and when
// the watch is gone the store is asked.
func TestStatus(t *testing.T) {
	c := newLab(t, lab.ExpresswayConfig{Role: "C"}, lab.ExpresswayConfig{Role: "E"}).withMail()
	addr := freeAddr(t)
	c.extra = fmt.Sprintf("http: {listen: %q}\nsettle: 10ms", addr)
	c.write()
	stop := c.watching(c.socket())
	up := func(r status.Report) bool {
		return r.Works && r.Mailboxes[0].Connected && r.Hosts[0].Warm == "up" && r.Hosts[1].Warm == "up" && len(r.Hosts[0].Families) > 0 && r.Hosts[0].ClockMS != nil
	}
	r := c.status("all is well", up)
	if len(r.Clusters) != 0 || r.Disk.FreeBytes <= 0 || r.Disk.UsedBytes <= 0 || r.Hosts[0].Login.IsZero() || !strings.HasPrefix(r.Hosts[0].HostKey, "SHA256:") || r.Hosts[0].Sites[0] != "hq" {
		t.Errorf("%+v", r)
	}
	if code, body := get(t, addr, "/healthz"); code != 200 || body != "ok\n" {
		t.Errorf("%d %s", code, body)
	}

	at := time.Now().Add(-time.Second)
	if err := c.mail.Deliver(lab.Mail(lab.MailOptions{Time: at}), at); err != nil {
		t.Fatal(err)
	}
	r = c.status("the mail of the cluster, and its bundle", func(r status.Report) bool {
		return len(r.Clusters) == 1 && len(r.Incidents) == 0 && up(r) && r.Hosts[0].Level != "unknown"
	})
	if got := r.Clusters[0]; got.Name != "StandAloneCluster" || got.Mail.Sub(at).Abs() > time.Second || r.Mailboxes[0].UID != 1 {
		t.Errorf("%+v %+v", got, r.Mailboxes)
	}
	var metrics string
	until(t, "the bundle in the metrics", func() bool {
		_, metrics = get(t, addr, "/metrics")
		return strings.Contains(metrics, `grab_bundles_total{coverage="complete"} 1`) && strings.Contains(metrics, `grab_incident_seconds_count{step="sealed"}`) // the last that is counted
	})
	for _, want := range []string{"grab_works 1\n", `grab_mails_total{outcome="alert"} 1`, `grab_incidents_total{what="sealed"} 1`, `grab_incident_seconds_count{step="held"} 1`,
		`grab_incident_seconds_count{step="sealed"} 1`, "grab_mail_delay_seconds_count 1", `grab_host_warm{host="` + c.peers[0].Name() + `"} 1`,
		`grab_cluster_mail_timestamp_seconds{cluster="StandAloneCluster"} `, `grab_copied_bytes_total{host="` + c.peers[1].Name() + `"} `, "go_goroutines ", "process_open_fds ",
		`grab_mailbox_connected{mailbox="` + c.mail.User + `/INBOX"} 1`, "grab_disk_free_bytes ", `grab_host_log_depth_seconds{family="network_log",host=`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in\n%s", want, metrics)
		}
	}

	key := "mailbox/" + c.mail.User + "/INBOX"
	c.mail.SetDown(true)
	r = c.status("the mailbox is down", func(r status.Report) bool { return !r.Works })
	if !slices.Contains(problemKeys(r), key) || r.Problems[0].Hint == "" || r.Mailboxes[0].Error == "" || r.Mailboxes[0].Since.IsZero() {
		t.Errorf("%+v", r)
	}
	until(t, "503", func() bool {
		code, body := get(t, addr, "/healthz")
		return code == 503 && strings.Contains(body, "is down") && !strings.Contains(body, "@")
	})
	if _, m := get(t, addr, "/metrics"); !strings.Contains(m, "grab_works 0\n") || !strings.Contains(m, `grab_problem{blocks="true",key="`+key+`"} 1`) {
		t.Error(m)
	}
	if words := c.grab("status"); words.code != 1 || !strings.Contains(words.out, "Would an alert now work?  No:\n  in the way: mailbox "+c.mail.User) {
		t.Errorf("%s", words)
	}
	c.mail.SetDown(false)
	r = c.status("the mailbox is back", up)
	if words := c.grab("status"); words.code != 0 || !strings.Contains(words.out, "Would an alert now work?  Yes") {
		t.Errorf("%s", words)
	}

	stop()
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("somebody still listens")
	}
	c.withRefusal()
	if gone := c.grab("status"); gone.code != 1 || !strings.Contains(gone.out, "last sign of grab watch in the store: ") || !strings.Contains(gone.out, c.peers[0].Name()+" (") ||
		!strings.Contains(gone.out, "login not tried again") || !strings.Contains(gone.err, "hint: start it") {
		t.Errorf("%s", gone)
	}
	var failure struct{ Error, Hint string }
	gone := c.grab("status", "--json")
	if gone.decode(t, &failure); gone.code != 1 || !strings.Contains(failure.Error, "no grab watch answers") || failure.Hint == "" {
		t.Errorf("%s", gone)
	}
	// What was known is known after a restart, before anything is asked.
	c.mail.SetDown(true)
	c.watching(c.socket())
	r = c.status("it has begun", func(r status.Report) bool { return len(r.Hosts) == 2 })
	if len(r.Clusters) != 1 || r.Clusters[0].Mail.IsZero() || r.Hosts[1].Level == "unknown" || len(r.Hosts[1].Families) != 3 {
		t.Errorf("%+v", r)
	}
	if r = c.status("refused", func(r status.Report) bool { return r.Hosts[0].Warm == "blocked" }); !slices.Contains(problemKeys(r), "host/"+c.peers[0].Name()+"/login") || r.Hosts[0].Refused.IsZero() {
		t.Errorf("%+v", r)
	}
}

// withRefusal gives the first host another key, which it refuses.
func (c *labConfig) withRefusal() {
	c.t.Helper()
	other, err := lab.NewLogin()
	if err != nil {
		c.t.Fatal(err)
	}
	first := c.row(c.peers[0].Name(), c.peers[0], ", ssh: {key: {file: other}}")
	c.file("other", string(other.PEM))
	c.hosts = first + c.row(c.peers[1].Name(), c.peers[1], "")
	c.write()
	if r := c.grab("check", c.peers[0].Name()); r.code != 1 {
		c.t.Fatalf("%s", r)
	}
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// TestJudgeHost: what keeps an alert from a host, and when it is none of a problem.
func TestJudgeHost(t *testing.T) {
	now := time.Now().UTC()
	long, short := now.Add(-2*time.Minute), now.Add(-30*time.Second)
	fail := func(k sshdial.Kind) error {
		return &sshdial.Error{Kind: k, Stage: sshdial.StageConnect, Host: "expc01", Address: "10.0.0.1:22"}
	}
	ban := &sshdial.Error{Kind: sshdial.KindTimeout, Stage: sshdial.StageConnect, Host: "expc01", Refusal: &sshdial.Attempt{Refused: true}}
	for _, tt := range []struct {
		warm, key, hint string
		since           time.Time
		err             error
	}{
		{"up", "", "", long, nil},
		{"off", "", "", time.Time{}, nil},
		{"down", "", "", short, nil},
		{"down", "", "", short, fail(sshdial.KindRefused)},
		{"down", "unreachable", "", long, nil},
		{"down", "unreachable", "nothing listens", long, fail(sshdial.KindRefused)},
		{"down", "ban", "may be a ban", long, ban},
		{"blocked", "login", "mend the login", short, fail(sshdial.KindLoginBlocked)},
		{"blocked", "login", "mend the login", time.Time{}, fail(sshdial.KindLoginBlocked)}, // without a warm session
		{"down", "login", "key file", short, fail(sshdial.KindLocal)},
		{"down", "key", "grab trust", short, fail(sshdial.KindHostKeyChanged)},
		{"down", "sftp", "ssh.commands", short, fetch.ErrNoSFTP},
	} {
		r := status.Report{Now: now}
		h := status.Host{Name: "expc01", Warm: tt.warm, Since: tt.since, Banned: tt.err == error(ban)}
		if tt.err != nil {
			h.Error = tt.err.Error()
		}
		judgeHost(&r, h, tt.err)
		r.Finish()
		switch {
		case tt.key == "" && len(r.Problems) == 0:
		case len(r.Problems) != 1 || r.Problems[0].Key != "host/expc01/"+tt.key || !strings.Contains(r.Problems[0].Hint, tt.hint) || !r.Problems[0].Blocks || r.Works || !strings.Contains(r.Problems[0].What, "expc01") && tt.key != "sftp":
			t.Errorf("%+v: %+v", tt, r.Problems)
		}
	}
}

// A problem of which nothing tells since when it lasts has begun when it was first
// seen; once it is gone it begins anew.
func TestSinces(t *testing.T) {
	var s sinces
	now := time.Now()
	look := func(after time.Duration, keys ...string) (since []time.Duration) {
		r := status.Report{Now: now.Add(after)}
		for _, k := range keys {
			r.Add(status.Problem{Key: k})
		}
		r.Add(status.Problem{Key: "known", Since: now.Add(-time.Hour)})
		s.fill(&r)
		for _, p := range r.Problems {
			since = append(since, p.Since.Sub(now))
		}
		return since
	}
	got := fmt.Sprint(look(0, "a"), look(time.Second, "a", "b"), look(2*time.Second, "b"), look(3*time.Second, "a", "b"))
	if want := "[0s -1h0m0s] [0s 1s -1h0m0s] [1s -1h0m0s] [3s 1s -1h0m0s]"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// The room that bundles take is averaged over the days for which there are any.
func TestDiskLook(t *testing.T) {
	store := t.TempDir()
	now := time.Now()
	for name, age := range map[string]float64{"a": 0.1, "b": 2.5, "c": 9} {
		path := filepath.Join(store, "bundles", name)
		os.MkdirAll(filepath.Dir(path), 0o700)
		if err := os.WriteFile(path, make([]byte, 700), 0o600); err != nil {
			t.Fatal(err)
		}
		at := now.Add(-time.Duration(age * 24 * float64(time.Hour)))
		os.Chtimes(path, at, at)
	}
	var d diskUse
	d.look(now, store)
	if d.used != 2100 || d.perDay != 200 || d.byAge[0] != 700 || d.byAge[2] != 700 || d.byAge[9] != 700 {
		t.Errorf("%d %v %v", d.used, d.perDay, d.byAge)
	}
}

// /healthz tells what is in the way, never of whom.
func TestHealthz(t *testing.T) {
	for _, tt := range []struct {
		problems []status.Problem
		code     int
		body     string
	}{
		{nil, 200, "ok\n"},
		{[]status.Problem{{What: "soon"}}, 200, "ok\n"},
		{[]status.Problem{{What: "soon"}, {What: "mailbox joe.doe@example.com/INBOX is down: no <joe@x.org>: bad", Blocks: true}, {What: "disk", Blocks: true}}, 503, "mailbox …/INBOX is down: no <…>: bad\ndisk\n"},
	} {
		r := status.Report{Problems: tt.problems}
		r.Finish()
		rec := httptest.NewRecorder()
		healthz(rec, r)
		if rec.Code != tt.code || rec.Body.String() != tt.body {
			t.Errorf("%d %q, want %d %q", rec.Code, rec.Body, tt.code, tt.body)
		}
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
	c.extra = fmt.Sprintf("http: {listen: %q}", taken.Addr())
	c.write()
	if r := c.grab("watch"); r.code != 1 || !strings.Contains(r.err, "http.listen") || !strings.Contains(r.err, "hint: ") {
		t.Errorf("%s", r)
	}

	var log safeBuffer
	cfg := freshConfig(t, c)
	first := cfg()
	first.HTTP.Listen = freeAddr(t)
	w := &watching{log: logTo(&log), metrics: newMetrics(func() status.Report { return status.Report{} })}
	w.cfg.Store(first)
	if err := w.serveHTTP(); err != nil {
		t.Fatal(err)
	}
	defer func() { w.web.close() }()
	second := cfg()
	second.HTTP.Listen = taken.Addr().String()
	w.cfg.Store(second)
	w.serveHTTPAnew()
	if code, _ := get(t, first.HTTP.Listen, "/metrics"); code != 200 || !strings.Contains(log.String(), "stay where they were") {
		t.Errorf("%d %s", code, log.String())
	}
	third := cfg()
	third.HTTP.Listen = strings.Replace(freeAddr(t), "127.0.0.1", "0.0.0.0", 1)
	w.cfg.Store(third)
	w.serveHTTPAnew()
	if code, _ := get(t, strings.Replace(third.HTTP.Listen, "0.0.0.0", "127.0.0.1", 1), "/metrics"); code != 200 || strings.Count(log.String(), "nobody is asked who he is") != 1 {
		t.Errorf("%d %s", code, log.String())
	}
	if _, err := net.Dial("tcp", first.HTTP.Listen); err == nil {
		t.Error("the old address still answers")
	}
	w.cfg.Store(cfg())
	w.serveHTTPAnew()
	if w.web.server != nil {
		t.Error("it is served still")
	}
}

// More connections than the bound wait until one is closed.
func TestLimited(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newLimited(inner, 1)
	accepted := make(chan net.Conn, 2)
	ended := make(chan error, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				ended <- err
				return
			}
			accepted <- c
		}
	}()
	for range 2 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first := <-accepted
	select {
	case <-accepted:
		t.Fatal("a second one was accepted")
	case <-time.After(50 * time.Millisecond):
	}
	first.Close()
	first.Close()
	<-accepted // the loop waits for room again
	l.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// systemd's watchdog is fed by the mailboxes' signs of life while all of them give
// some: one that is down and tries again is alive, one that is silent is not.
func TestWatchdog(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "n")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fed := func() bool {
		conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // it is sent before alive returns
		b := make([]byte, 100)
		n, err := conn.Read(b)
		return err == nil && string(b[:n]) == "WATCHDOG=1"
	}
	w := &watching{}
	alive := w.alive()
	alive(mailwatch.State{Now: time.Now()})
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "60000000")
	alive = w.alive()
	if fed() {
		t.Error("fed without a watchdog")
	}
	now := time.Now()
	w.boxes.list = []boxState{{Name: "a", State: mailwatch.State{Now: now, Connected: true}}, {Name: "b", State: mailwatch.State{Now: now, Err: errors.New("down")}}, {Name: "c", Never: true}}
	if alive(mailwatch.State{Now: now}); !fed() {
		t.Error("not fed although all turn")
	}
	w.boxes.note("b", func(s *boxState) { s.State.Now = now.Add(-status.Stuck - time.Second) })
	if alive(mailwatch.State{Now: now}); fed() {
		t.Error("fed although one is stuck")
	}
	w.boxes.note("b", func(s *boxState) { s.State.Now = now })
	if alive(mailwatch.State{Now: now}); !fed() {
		t.Error("not fed although it turns again")
	}
}

// A ring is as deep as its shallowest family, and a family without one makes it empty.
func TestHostNotes(t *testing.T) {
	var n hostNotes
	offset := int64(7)
	oldest := time.Now()
	n.row(&evidence.Host{Host: "h", HostKey: "SHA256:x", BodiesLogged: "yes", ClockOffsetMS: &offset, Files: []evidence.File{{Family: "messages", Oldest: &oldest, DepthS: 60}, {Family: "other"}}})
	n.row(&evidence.Host{Host: "h", BodiesLogged: "unknown"}) // it could not be reached
	n.depths("h", map[string]fetch.Foresight{"other": {Oldest: oldest, Seen: oldest.Add(time.Minute), PerMin: 5}})
	_, note := n.of("k", "h")
	if note.level != "yes" || *note.clock != 7 || note.key != "SHA256:x" || note.families["messages"].DepthS != 60 || !note.families["messages"].Young || note.families["other"].DepthS != 60 || note.families["other"].Young {
		t.Errorf("%+v", note)
	}
	tell := n.keeper("k")
	tell(fetch.KeeperState{Running: true})
	tell(fetch.KeeperState{Running: true, Up: true, HostKey: "SHA256:y"})
	warm, _ := n.of("k", "h")
	since := warm.since
	tell(fetch.KeeperState{Running: true, Up: true, HostKey: "SHA256:y"})
	if warm, _ = n.of("k", "h"); !warm.Up || !warm.since.Equal(since) || since.IsZero() {
		t.Errorf("%+v", warm)
	}
}

// freshConfig gives fresh copies of a configuration.
func freshConfig(t testing.TB, c *labConfig) func() *config.Config {
	return func() *config.Config {
		c.extra = ""
		c.write()
		cfg, err := config.Options{}.Load(c.path)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
}

func logTo(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
