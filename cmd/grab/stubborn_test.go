package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testserver"
	"rtmtgrab/internal/wiring"
)

// A host that freezes while its files are held, between the two passes, must not
// keep the collector from stopping.
func TestStopWithFrozenHost(t *testing.T) {
	t.Parallel()
	s := newRealSite(t)
	s.window = "{before: 20s, after: 60s}"
	s.write()
	stop := s.watch()
	s.alert(rtmt.MailOptions{Time: time.Now(), Zone: wiring.ZoneNamed("America/New_York")})
	s.until(`"coverage": "partial"`)
	s.sshd[1].Freeze()
	if log := stop(syscall.SIGTERM); !strings.Contains(log, "msg=stopped") || strings.Contains(log, "no answer for") {
		t.Errorf("it waited for the host's silence, or did not end by itself:\n%s", log)
	}
}

// One refused login over several alerts, restarts of the collector, a grab by
// hand and a retry: the host has seen one attempt, and every row says why.
func TestRefusedOnce(t *testing.T) {
	t.Parallel()
	s := newRealSite(t)
	s.sshd[0].SetAuthorizedKeys(testserver.AuthorizedKey(testserver.NewKey(t, "ecdsa").Public, ""))
	s.window = "{before: 5s, after: 1s}"
	s.write()
	stop := s.watch()
	for i := range 3 {
		s.alert(rtmt.MailOptions{Time: time.Now(), Node: fmt.Sprintf("cucm%02d", i), Zone: wiring.ZoneNamed("America/New_York")})
		time.Sleep(1200 * time.Millisecond)
		if i == 1 {
			stop(os.Kill)
			stop = s.watch()
		}
	}
	l := s.sealed(1)[0]
	if code, out, _ := s.nowPartly(); code != advice.Partial || !strings.Contains(out, evidence.ReasonLogin) {
		t.Errorf("now: exit %d\n%s", code, out)
	}
	if code, _, errOut := s.grab("retry", l.Incident, "--patience", "1s"); code != advice.Partial {
		t.Errorf("retry: exit %d\n%s", code, errOut)
	}
	if n := strings.Count(s.sshd[0].Log(), "Connection closed by authenticating user"); n != 1 {
		t.Errorf("%d refused logins, want 1", n)
	}
}

// A grab that is stopped by hand says so.
func TestInterruptedSays(t *testing.T) {
	t.Parallel()
	s := newRealSite(t)
	cmd := program("-c", s.config, "now", "--json", "--after", "60s")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.until(`"coverage": "partial"`)
	cmd.Process.Signal(os.Interrupt)
	var got oneshot.Outcome
	if err := json.NewDecoder(out).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != advice.Partial {
		t.Error(err)
	}
	if !slices.ContainsFunc(got.Notes, func(n string) bool { return strings.Contains(n, "stopped by hand") }) || got.Bundle == "" {
		t.Errorf("notes %q, bundle %q", got.Notes, got.Bundle)
	}
}

// A mail server that repeats what it was sent must not put the password into the log.
func TestPasswordNotInLog(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	seen := make(chan struct{}, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			echo(c, seen)
		}
	}()
	c := newLab(t, lab.ExpresswayConfig{Role: "C"})
	c.File("imap.secret", "CANARYPW")
	b := c.Read("grab.yaml")
	c.File("grab.yaml", fmt.Sprintf("mail: {server: %q, tls: none, user: u, password: {file: imap.secret}}\n", l.Addr())+b)
	cmd := program("-c", c.Path, "watch")
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-seen
	time.Sleep(300 * time.Millisecond)
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	if strings.Contains(log.String(), "CANARYPW") || !strings.Contains(log.String(), "***") {
		t.Errorf("the log says:\n%s", log.String())
	}
}

// echo is an IMAP server that answers every login with BAD and what it was sent.
func echo(c net.Conn, seen chan<- struct{}) {
	defer c.Close()
	fmt.Fprint(c, "* OK [CAPABILITY IMAP4rev1] hi\r\n")
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		tag, rest, _ := strings.Cut(lines.Text(), " ")
		if strings.HasPrefix(rest, "CAPABILITY") {
			fmt.Fprintf(c, "* CAPABILITY IMAP4rev1\r\n%s OK x\r\n", tag)
			continue
		}
		fmt.Fprintf(c, "%s BAD cannot parse: %s\r\n", tag, rest)
		seen <- struct{}{}
	}
}
