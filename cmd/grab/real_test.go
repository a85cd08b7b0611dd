package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/mra"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testrace"
	"rtmtgrab/internal/testserver"
	"rtmtgrab/internal/wiring"
)

// realSite is a Dovecot and two OpenSSH servers that offer what an Expressway
// offers, over logs that grow and rotate.
type realSite struct {
	t              *testing.T
	dir            string
	config         string
	mail           *testserver.Dovecot
	peers          []*lab.Expressway  // they write the logs
	sshd           []*testserver.SSHD // they serve them
	key            testserver.Key
	window         string
	store, mailbox string
	more           string         // lines of configuration
	sdl            *mra.SDLConfig // traces of the CUCM nodes; nil: none
	phones         *mra.Site
}

// rotateKeep is how many rotated files the peers of a realSite keep: about a minute of
// logs, so that a slow machine finds what a test asks for.
const rotateKeep = 24

func newRealSite(t *testing.T, opts ...func(*realSite, *[]testserver.SSHDOptions)) *realSite {
	t.Helper()
	s := &realSite{t: t, dir: t.TempDir(), key: testserver.NewKey(t, "ecdsa"), window: "{before: 20s, after: 2s}", store: "store", mailbox: "INBOX"}
	line := testserver.AuthorizedKey(s.key.Public, "")
	sshd := []testserver.SSHDOptions{{AuthorizedKeys: []string{line}}, {AuthorizedKeys: []string{line}}}
	for _, o := range opts {
		o(s, &sshd)
	}
	s.mail = testserver.StartDovecot(t, testserver.DovecotOptions{})
	for i, role := range []string{"C", "E"} {
		e, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Role: role, Dir: t.TempDir(),
			Logs: lab.LogConfig{Rate: 24, RotateSize: 40 << 10, RotateKeep: rotateKeep, Torn: true}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.Close() })
		s.peers = append(s.peers, e)
		s.sshd = append(s.sshd, testserver.StartSSHD(t, sshd[i]))
	}
	site, err := mra.NewSite(mra.SiteConfig{C: s.peers[:1], E: s.peers[1:], Expires: 12 * time.Second, SDL: s.sdl})
	if err != nil {
		t.Fatal(err)
	}
	site.Backfill(time.Now().Add(-40 * time.Second))
	site.Start(t.Context())
	t.Cleanup(site.Close)
	s.phones = site
	s.write()
	return s
}

func (s *realSite) file(name string, b []byte) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func (s *realSite) write() {
	known := ""
	for _, d := range s.sshd {
		b, err := os.ReadFile(d.KnownHosts())
		if err != nil {
			s.t.Fatal(err)
		}
		known += string(b)
	}
	s.file("known_hosts", []byte(known))
	s.file("id", s.key.PEM)
	s.file("imap.secret", []byte(s.mail.Password+"\n"))
	s.file("ca.pem", s.mail.CA)
	s.config = s.file("grab.yaml", fmt.Appendf(nil, `store: %[10]q
%[11]smail: {server: %[2]q, mailbox: %[1]q, ca_file: ca.pem, user: %[3]q, password: {file: imap.secret}, poll: 2s}
window: %[4]s
settle: %[12]s
patience: 30s
keep: {free: 1MiB}
ssh: {user: %[5]q, key: {file: id}, known_hosts: known_hosts}
sites:
  - name: hq
    clusters: [StandAloneCluster]
    time_zone: America/New_York
    hosts:
      - {name: expc01, role: C, address: %[6]q, logs: {dir: %[7]q}}
      - {name: expe01, role: E, address: %[8]q, logs: {dir: %[9]q}}
`, s.mailbox, s.mail.IMAPS, s.mail.User, s.window, s.sshd[0].User, s.sshd[0].Addr(), s.peers[0].Dir(), s.sshd[1].Addr(), s.peers[1].Dir(), filepath.Join(s.dir, s.store), s.more, realSettle))
}

// grab runs the program in this process.
func (s *realSite) grab(args ...string) (code int, out, errOut string) {
	s.t.Helper()
	var o, e bytes.Buffer
	code = run(make(chan struct{}), append([]string{"-c", s.config}, args...), strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// watch starts the program as a child.
func (s *realSite) watch() (stop func(os.Signal) string) {
	s.t.Helper()
	cmd := program("watch", "-c", s.config)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()
	var stopped bool
	stop = func(sig os.Signal) string {
		if !stopped {
			stopped = true
			cmd.Process.Signal(sig)
			select {
			case <-done:
			case <-time.After(5 * time.Minute):
				cmd.Process.Signal(syscall.SIGQUIT) // what its goroutines do stands in its log
				time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
				<-done
				s.t.Error("watch did not end after a signal")
			}
		}
		return log.String()
	}
	s.t.Cleanup(func() {
		if out := stop(os.Kill); s.t.Failed() {
			s.t.Logf("watch said:\n%s", out)
		}
	})
	return stop
}

func (s *realSite) alert(o rtmt.MailOptions) {
	s.t.Helper()
	s.mail.Deliver(s.mailbox, rtmt.Mail(o))
}

// nowPartly runs `grab now` while one of the hosts cannot be had, with patience enough for
// the other one: twice as much each time, for a machine may be busy.
func (s *realSite) nowPartly() (code int, out, errOut string) {
	s.t.Helper()
	for patience := time.Second; ; patience *= 2 {
		code, out, errOut = s.grab("now", "--json", "--patience", patience.String())
		if code == advice.Partial || patience > 2*time.Minute {
			return code, out, errOut
		}
	}
}

// until waits until list says something.
func (s *realSite) until(what string) {
	s.t.Helper()
	out := ""
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if _, out, _ = s.grab("list", "--json"); strings.Contains(out, what) {
			return
		}
	}
	s.t.Fatalf("list never says %s: %s", what, out)
}

// sealed waits until n incidents are sealed.
func (s *realSite) sealed(n int) []incident.Listed {
	s.t.Helper()
	var list []incident.Listed
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		code, out, errOut := s.grab("list", "--json")
		if code != 0 {
			s.t.Fatalf("list: %d %s", code, errOut)
		}
		list = nil
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			s.t.Fatal(err, out)
		}
		done := 0
		for _, l := range list {
			if l.State == incident.Sealed {
				done++
			}
		}
		if done >= n {
			return list
		}
	}
	s.t.Fatalf("only %+v after minutes, want %d sealed", list, n)
	return nil
}

// checkSlices compares every slice of a bundle with what the peers wrote.
func (s *realSite) checkSlices(path string, w evidence.Window) evidence.Manifest {
	s.t.Helper()
	res, err := bundle.Verify(context.Background(), path)
	if err != nil || !res.OK {
		s.t.Fatalf("verify %s: %v %+v", path, err, res.Bad)
	}
	for i, h := range res.Manifest.Hosts {
		for _, f := range h.Files {
			if f.Path == "" {
				continue
			}
			checkRecords(s.t, s.peers[i], h.Host, f, readEntry(s.t, path, f.Path), w)
		}
	}
	return res.Manifest
}

func TestRealNow(t *testing.T) {
	t.Parallel()
	s := newRealSite(t)
	code, out, errOut := s.grab("now", "--json", "--reason", "test", "--case", "42", "--phone", "7022", "--patience", "2m")
	var got oneshot.Outcome
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errOut)
	}
	if got.Coverage != evidence.Complete || got.Site != "hq" || got.Reason != "test" || got.Case != "42" || len(got.PhonesNamed) != 1 {
		t.Errorf("%+v", got)
	}
	m := s.checkSlices(got.Bundle, got.Asked)
	for _, h := range m.Hosts {
		if h.BodiesLogged != "yes" || h.ClockFrom != "date" || h.HostKey == "" {
			t.Errorf("%s: bodies %s, clock %s, key %s", h.Host, h.BodiesLogged, h.ClockFrom, h.HostKey)
		}
	}
	if !strings.Contains(errOut, "copying") {
		t.Errorf("it does not say what it takes:\n%s", errOut)
	}
	// one host down: its row says why, the other is complete
	s.sshd[1].Stop()
	code, out, errOut = s.nowPartly()
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != advice.Partial {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errOut)
	}
	if got.Hosts[0].Coverage != evidence.Complete || got.Hosts[1].Coverage != evidence.Lost || got.Hosts[1].Files[0].Missing[0].Reason != evidence.ReasonUnreachable || got.Hosts[1].Error == "" {
		t.Errorf("%+v", got.Hosts)
	}
	// retry gets it, and keeps what the earlier revision held
	s.sshd[1].Restart()
	code, out, errOut = s.grab("retry", "--json", "--patience", "2m", got.Incident)
	var again oneshot.Outcome
	if err := json.Unmarshal([]byte(out), &again); err != nil || code != 0 || again.Revision != 2 || again.Coverage != evidence.Complete {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errOut)
	}
	s.checkSlices(again.Bundle, again.Asked)
}

func TestRealWatch(t *testing.T) {
	t.Parallel()
	s := newRealSite(t)
	s.watch()
	time.Sleep(time.Second)
	at := time.Now()
	s.alert(rtmt.MailOptions{Time: at, Zone: wiring.ZoneNamed("America/New_York")})
	l := s.sealed(1)[0]
	if l.Coverage != evidence.Complete || l.Site != "hq" {
		t.Fatalf("%+v", l)
	}
	m := s.checkSlices(l.Bundle, evidence.NewWindow(at.Truncate(time.Second).Add(-20*time.Second), at.Truncate(time.Second).Add(2*time.Second)))
	if len(m.Alerts) != 1 || m.Alerts[0].TimeFrom != evidence.TimeFromSentence || m.Alerts[0].Node != "cucm01" || *m.Alerts[0].Count != 1 {
		t.Errorf("%+v", m.Alerts)
	}
	if tm := m.Timing; tm.Held.IsZero() || tm.Copied.Before(tm.Held) || tm.Claimed.Before(tm.Seen) || tm.Sealed.Before(tm.Copied) {
		t.Errorf("%+v", tm)
	} else {
		t.Logf("from the mail seen to all files held: %v", tm.Held.Sub(tm.Seen))
	}
	// the same mail once more, and RTMT's repetition: no new incident
	s.alert(rtmt.MailOptions{Time: at, Zone: wiring.ZoneNamed("America/New_York")})
	s.alert(rtmt.MailOptions{Time: at.Add(time.Second), Zone: wiring.ZoneNamed("America/New_York")})
	// a mailbox that restarts
	s.mail.Restart()
	s.alert(rtmt.MailOptions{Time: time.Now(), Node: "cucm02", Variant: rtmt.Multipart, Zone: wiring.ZoneNamed("America/New_York")})
	if list := s.sealed(2); len(list) != 2 {
		t.Errorf("%+v", list)
	}
}

func TestRealReadOnlyKey(t *testing.T) {
	testrace.Without(t)
	t.Parallel()
	s := newRealSite(t, func(s *realSite, o *[]testserver.SSHDOptions) {
		for i := range *o {
			(*o)[i].AuthorizedKeys = []string{testserver.AuthorizedKey(s.key.Public, testserver.ReadOnlySFTP)}
		}
	})
	code, out, errOut := s.grab("now", "--json")
	var got oneshot.Outcome
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errOut)
	}
	for _, h := range got.Hosts {
		if h.ClockFrom != "none" || h.ClockOffsetMS != nil || h.WidenedMS != 60000 {
			t.Errorf("%+v", h)
		}
	}
	s.checkSlices(got.Bundle, got.Asked)
}

// A changed key stops that host before a login and shows both fingerprints.
func TestRealChangedHostKey(t *testing.T) {
	t.Parallel()
	s := newRealSite(t)
	old := ssh.FingerprintSHA256(s.sshd[0].HostKeys["ecdsa"])
	s.sshd[0].ChangeHostKeys()
	code, out, errOut := s.nowPartly()
	var got oneshot.Outcome
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != advice.Partial {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errOut)
	}
	h := got.Hosts[0]
	if h.Files[0].Missing[0].Reason != evidence.ReasonHostKey || !strings.Contains(h.Error, old) {
		t.Errorf("%q lacks %s", h.Error, old)
	}
}

func TestRealStop(t *testing.T) {
	t.Parallel()
	s := newRealSite(t)
	s.window = "{before: 20s, after: 10s}"
	s.write()
	stop := s.watch()
	s.alert(rtmt.MailOptions{Time: time.Now(), Zone: wiring.ZoneNamed("America/New_York")})
	s.until(`"coverage": "partial"`)
	stop(syscall.SIGTERM)
	if _, out, _ := s.grab("list"); !strings.Contains(out, "running") {
		t.Errorf("the incident is not kept:\n%s", out)
	}
	id := strings.Fields(func() string { _, out, _ := s.grab("list"); return strings.SplitN(out, "\n", 3)[1] }())[0]
	for _, name := range []string{id, "@last"} {
		if code, out, _ := s.grab("show", name); code != 0 || !strings.Contains(out, "\nTo come\n  until ") || strings.Contains(out, evidence.ReasonRotated) {
			t.Errorf("show of an open incident: %d\n%s", code, out)
		}
	}
	if _, out, _ := s.grab("show", "--json", id); !strings.Contains(out, `"reason": "to_come"`) || strings.Contains(out, evidence.ReasonRotated) {
		t.Errorf("show --json of an open incident:\n%s", out)
	}
	if code, _, err := s.grab("verify", "@last"); code != 1 || !strings.Contains(err, "has no incident with a bundle") {
		t.Errorf("verify of an open incident: %d\n%s", code, err)
	}
	s.watch()
	l := s.sealed(1)
	if len(l) != 1 || l[0].Coverage != evidence.Complete || l[0].Node == "" || l[0].Verdict == "" || l[0].Bytes == 0 {
		t.Errorf("%+v", l)
	}
	if m, err := bundle.ReadManifest(l[0].Bundle); err != nil || strings.Contains(fmt.Sprint(m.Hosts), evidence.ReasonToCome) {
		t.Errorf("%v %+v", err, m.Hosts)
	}
	for _, args := range [][]string{{"verify", "@last"}, {"verify", l[0].Incident}, {"report", "--out", filepath.Join(s.dir, "rep"), "@last"}} {
		if code, _, err := s.grab(args...); code != 0 {
			t.Errorf("%v: %d\n%s", args, code, err)
		}
	}
	if _, out, _ := s.grab("list", "--site", "hq", "--since", "1h", "--last", "1", "--verdict", l[0].Verdict); !strings.Contains(out, "alert of "+l[0].Node) || !strings.Contains(out, " E") {
		t.Errorf("%s", out)
	}
}
