//go:build !windows

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testsite"
	"rtmtgrab/internal/wiring"
)

// replace changes the configuration's text.
func (s *realSite) replace(old, to string) {
	s.t.Helper()
	b, err := os.ReadFile(s.config)
	if err != nil || !bytes.Contains(b, []byte(old)) {
		s.t.Fatalf("%q is not in %s: %v", old, b, err)
	}
	s.file("grab.yaml", bytes.Replace(b, []byte(old), []byte(to), 1))
}

// status asks for the status until ok is content with it; words is the same for people.
func (s *realSite) status(what string, ok func(status.Report) bool) (r status.Report, words string) {
	s.t.Helper()
	testsite.Until(s.t, what, func() bool {
		code, out, errOut := s.grab("status", "--json")
		r = status.Report{}
		if json.Unmarshal([]byte(out), &r) != nil || (code == 0) != r.Works {
			s.t.Fatalf("exit %d %s %s", code, out, errOut)
		}
		return ok(r)
	})
	_, words, _ = s.grab("status")
	return r, words
}

// reload runs `grab reload`.
func (s *realSite) reload(code int, says string) {
	s.t.Helper()
	if got, out, errOut := s.grab("reload"); got != code || !strings.Contains(out+errOut, says) {
		s.t.Fatalf("exit %d, want %d and %q: %s %s", got, code, says, out, errOut)
	}
}

// problemOf is the first whose key begins so.
func problemOf(r status.Report, key string) status.Problem {
	for _, p := range r.Problems {
		if strings.HasPrefix(p.Key, key) {
			return p
		}
	}
	return status.Problem{}
}

// A cluster is mistyped, a reload refused, the site paused: each stands in what the running
// program says, and in nothing of it any more once it is mended.
func TestSitesReal(t *testing.T) {
	t.Parallel()
	s := newRealSite(t)
	addr, told := testsite.FreeAddr(t), filepath.Join(s.dir, "told")
	tell := s.file("tell", fmt.Appendf(nil, "#!/bin/sh\ncat >> %q\n", told))
	if err := os.Chmod(tell, 0o700); err != nil {
		t.Fatal(err)
	}
	s.more = fmt.Sprintf("http: {listen: %q}\nnotify: {command: [%q], after: 0s}\n", addr, tell)
	s.write()
	s.replace("clusters: [StandAloneCluster]", "clusters: [StandAloneClustre]")
	stop := s.watch()
	up := func(r status.Report) bool {
		return r.Works && problemOf(r, "unrouted").Key+problemOf(r, "reload").Key == "" && r.Hosts[0].Warm == "up" && r.Hosts[1].Warm == "up"
	}
	testsite.Until(t, "it answers", func() bool { code, _, _ := s.grab("status"); return code == 0 })
	if r, words := s.status("all is well", up); !strings.HasPrefix(words, "Yes, an alert now would work") || len(r.Sites) != 1 || !r.Sites[0].Works || r.Sites[0].Site != "hq" {
		t.Errorf("%+v\n%s", r.Sites, words)
	}

	// An alert that nobody claims.
	s.alert(rtmt.MailOptions{Time: time.Now(), Zone: wiring.ZoneNamed("America/New_York")})
	const lost = "an alert of cluster StandAloneCluster came at "
	r, words := s.status("the alert is unrouted", func(r status.Report) bool { return problemOf(r, "unrouted").Key != "" })
	if p := r.Problems[0]; !r.Works || p.Key != "unrouted/standalonecluster" || p.Blocks || !strings.HasPrefix(p.What, lost) || !strings.HasSuffix(p.What, "; no site claims it; did you mean StandAloneClustre?") ||
		!strings.HasPrefix(words, "Yes, an alert now would work, but:\n  warning: "+lost) {
		t.Errorf("%+v\n%s", r.Problems, words)
	}
	testsite.Until(t, "somebody is told", func() bool { b, _ := os.ReadFile(told); return bytes.Contains(b, []byte(lost)) })
	if _, m := testsite.Get(t, addr, "/metrics"); !strings.Contains(m, "grab_unrouted_alerts 1\n") || !strings.Contains(m, `grab_site_ready{site="hq"} 1`+"\n") {
		t.Error(m)
	}

	// A configuration with faults.
	s.replace("settle: 500ms", "setle: 500ms")
	s.reload(2, "did you mean settle?")
	r, words = s.status("the refusal stands", func(r status.Report) bool { return problemOf(r, "reload").Key != "" })
	if p := problemOf(r, "reload"); !r.Works || p.Blocks || !strings.Contains(p.What, "setle") || time.Since(p.Since) > time.Minute || !strings.Contains(words, "the old configuration stays in force") {
		t.Errorf("%+v\n%s", p, words)
	}
	s.replace("setle: 500ms", "settle: 500ms")
	s.replace("StandAloneClustre", "StandAloneCluster")
	s.reload(0, "reloaded "+s.config)
	s.status("all is mended", up)

	// A pause by hand, and one of the schedule.
	if code, _, errOut := s.grab("pause", "--site", "hq", "--for", "1h", "--reason", "switch upgrade"); code != 0 {
		t.Fatal(errOut)
	}
	r, words = s.status("it is paused", func(r status.Report) bool { return !r.Works })
	if !strings.HasPrefix(words, "No: paused until ") || !strings.Contains(words, ": switch upgrade\n") || r.Sites[0].Paused == nil || r.Sites[0].Planned {
		t.Errorf("%+v\n%s", r.Sites, words)
	}
	testsite.Until(t, "503", func() bool {
		code, body := testsite.Get(t, addr, "/healthz")
		return code == 503 && strings.Contains(body, "site hq is paused until ")
	})
	if code, _, errOut := s.grab("resume", "--site", "hq"); code != 0 {
		t.Fatal(errOut)
	}
	now := time.Now().In(wiring.ZoneNamed("America/New_York"))
	s.replace("    hosts:\n", fmt.Sprintf("    quiet: [{from: %q, to: %q, reason: backup}]\n    hosts:\n", now.Add(-time.Hour).Format("15:04"), now.Add(2*time.Hour).Format("15:04")))
	s.reload(0, "reloaded")
	r, words = s.status("it is quiet", func(r status.Report) bool { return r.Works && len(r.Pauses) == 1 && r.Hosts[0].Warm == "up" })
	if !strings.HasPrefix(words, "No, as planned: paused until ") || !r.Sites[0].Planned || r.Sites[0].Works {
		t.Errorf("%+v\n%s", r.Sites, words)
	}
	testsite.Until(t, "ok", func() bool { code, body := testsite.Get(t, addr, "/healthz"); return code == 200 && body == "ok\n" })
	if _, m := testsite.Get(t, addr, "/metrics"); !strings.Contains(m, `grab_site_paused{by="schedule",site="hq"} 1`) || !strings.Contains(m, "grab_works 1\n") || !strings.Contains(m, `grab_site_ready{site="hq"} 0`) {
		t.Error(m)
	}

	stop(os.Interrupt)
	s.reload(1, "no grab watch answers")
}

// Two names of one machine, roles that are swapped, and a zone of no place: check warns of
// each on real servers, and fails for none.
func TestCheckTwinsReal(t *testing.T) {
	t.Parallel()
	s := newRealSite(t)
	s.replace("role: C", "role: X")
	s.replace("role: E", "role: C")
	s.replace("role: X", "role: E")
	s.replace("America/New_York", "EST")
	row := func(name, address string) string {
		return fmt.Sprintf("      - {name: %s, address: %q, logs: {dir: %q}}\n", name, address, s.peers[0].Dir())
	}
	addr := s.sshd[0].Addr()
	alias := strings.Replace(addr, "127.0.0.1", "localhost", 1)
	s.replace("    hosts:\n", "    hosts:\n"+row("twin", addr)+row("alias", alias))
	both, err := os.ReadFile(filepath.Join(s.dir, "known_hosts"))
	if err != nil {
		t.Fatal(err)
	}
	s.file("known_hosts", append(both, bytes.ReplaceAll(both, []byte("127.0.0.1"), []byte("localhost"))...))
	wants := []string{
		"warn  -  hosts          twin and expc01 have the same address, " + addr,
		"show the same key SHA256:", "the logs of twin, alias and expc01 call their host by one name, expc01",
		"warn  expc01  role           role is E, but by its log it connects to a traversal zone", "warn  expe01  role           role is C, but by its log others connect",
		"warn  -  time_zone      site hq: time_zone EST is UTC-5 all year", "such as America/New_York"}
	var code int
	var out, errOut, lacks string
	testsite.Until(t, "the end of each log has enough connections to tell a role by", func() bool {
		code, out, errOut = s.grab("check")
		i := slices.IndexFunc(wants, func(want string) bool { return !strings.Contains(out, want) })
		if i >= 0 && !strings.Contains(wants[i], "  role  ") {
			lacks = wants[i]
		}
		return i < 0 || lacks != ""
	})
	if lacks != "" {
		t.Errorf("%q is not in exit %d\n%s%s", lacks, code, out, errOut)
	}
	if code != 0 {
		t.Error(code)
	}
}
