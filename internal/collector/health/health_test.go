package health

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/netutil"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/sshdial"
)

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
		{"blocked", "login", "fix the login", short, fail(sshdial.KindLoginBlocked)},
		{"blocked", "login", "fix the login", time.Time{}, fail(sshdial.KindLoginBlocked)}, // without a warm session
		{"down", "login", "key file", short, fail(sshdial.KindLocal)},
		{"down", "login", "LimitNOFILE", short, &sshdial.Error{Kind: sshdial.KindLocal, Host: "expc01", Err: &fs.PathError{Op: "open", Path: "id", Err: syscall.EMFILE}}},
		{"down", "key", "grab trust", short, fail(sshdial.KindHostKeyChanged)},
		{"down", "sftp", "ssh.commands", short, hostconn.ErrNoSFTP},
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
		s.Fill(&r)
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
	d.look(t.Context(), now, store)
	u := d.used
	if u.bytes != 2100 || u.perDay != 200 || u.byAge[0] != 700 || u.byAge[2] != 700 || u.byAge[9] != 700 {
		t.Errorf("%+v", u)
	}
	for size, want := range map[int64]bool{0: true, 2100 + 999: false, 2100 + 1001: true} { // the reserve is touched first
		if got := u.daysLeft(1000, config.Keep{Age: 30 * 24 * time.Hour, Size: size}) > 0; got != want {
			t.Errorf("keep.size %d: will be full %v", size, got)
		}
	}
}

// /healthz tells what is in the way, never of whom.
func TestHealthz(t *testing.T) {
	pause := func(by string) []status.Pause {
		return []status.Pause{{Site: "lab", Until: time.Date(2026, 3, 2, 15, 14, 0, 0, time.UTC), Reason: "ask joe@example.com", By: by}}
	}
	for _, tt := range []struct {
		problems []status.Problem
		pauses   []status.Pause
		code     int
		body     string
	}{
		{nil, nil, 200, "ok\n"},
		{nil, pause(status.BySchedule), 200, "ok\n"},
		{nil, pause("joe"), 503, "site lab is paused until 15:14 UTC, by joe: ask …\n"},
		{[]status.Problem{{What: "soon"}}, nil, 200, "ok\n"},
		{[]status.Problem{{What: "soon"}, {What: "mailbox joe.doe@example.com/INBOX is down: no <joe@x.org>: bad", Blocks: true}, {What: "disk", Blocks: true}}, nil, 503, "mailbox …/INBOX is down: no <…>: bad\ndisk\n"},
	} {
		r := status.Report{Problems: tt.problems, Pauses: tt.pauses, Now: time.Date(2026, 3, 2, 14, 14, 0, 0, time.UTC), Sites: []status.Site{{Site: "hq"}, {Site: "lab"}}}
		r.Finish()
		rec := httptest.NewRecorder()
		healthz(rec, r)
		if rec.Code != tt.code || rec.Body.String() != tt.body {
			t.Errorf("%d %q, want %d %q", rec.Code, rec.Body, tt.code, tt.body)
		}
	}
}

// More connections than the bound wait until one is closed.
func TestLimited(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := netutil.LimitListener(inner, 1)
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

// A ring is as deep as its shallowest family, and a family without one makes it empty.
func TestHostNotes(t *testing.T) {
	var n hostNotes
	offset := int64(7)
	oldest := time.Now()
	n.Row(&evidence.Host{Host: "h", HostKey: "SHA256:x", BodiesLogged: "yes", ClockOffsetMS: &offset, Files: []evidence.File{{Family: "messages", Oldest: &oldest, DepthS: 60}, {Family: "other"}}}, oldest)
	n.Row(&evidence.Host{Host: "h", BodiesLogged: "unknown"}, oldest) // it could not be reached
	n.Depths("h", map[string]logset.Retention{"other": {Oldest: oldest, Seen: oldest.Add(time.Minute), PerMin: 5}})
	_, note := n.of("k", "h")
	if note.level != "yes" || *note.clock != 7 || note.key != "SHA256:x" || note.families["messages"].DepthS != 60 || !note.families["messages"].Young || note.families["other"].DepthS != 60 || note.families["other"].Young {
		t.Errorf("%+v", note)
	}
	n.Row(&evidence.Host{Host: "h", Coverage: evidence.Lost, Error: "no answer"}, oldest)
	if _, note = n.of("k", "h"); note.failed.what != "no answer" || !note.failed.since.Equal(oldest) {
		t.Errorf("%+v", note)
	}
	n.Checked("h", logset.Depths{Clock: -time.Second}) // somebody has set it, and looks
	n.Checked("h", logset.Depths{ClockErr: errors.New("no date")})
	if _, note = n.of("k", "h"); note.clock == nil || *note.clock != -1000 || note.failed.what != "" {
		t.Errorf("%+v", note)
	}
	tell := n.Keeper("k")
	tell(hostconn.KeeperState{Running: true})
	tell(hostconn.KeeperState{Running: true, Up: true, HostKey: "SHA256:y"})
	warm, _ := n.of("k", "h")
	since := warm.since
	tell(hostconn.KeeperState{Running: true, Up: true, HostKey: "SHA256:y"})
	if warm, _ = n.of("k", "h"); !warm.Up || !warm.since.Equal(since) || since.IsZero() {
		t.Errorf("%+v", warm)
	}
}

func TestSetAside(t *testing.T) {
	store := t.TempDir()
	const mark = ".damaged-20260302T141407Z"
	for _, name := range []string{"notice.key" + mark, "logins/.key" + mark + "-2", "incidents/i/lock" + mark, "alerts/a.json"} {
		os.MkdirAll(filepath.Dir(filepath.Join(store, name)), 0o700)
		if err := os.WriteFile(filepath.Join(store, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var d diskUse
	d.look(t.Context(), time.Now(), store)
	want := fmt.Sprint([]string{filepath.Join("incidents", "i", "lock"+mark), filepath.Join("logins", ".key"+mark+"-2"), "notice.key" + mark})
	if got := fmt.Sprint(setAside(store, d.used.aside)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	os.Remove(filepath.Join(store, "incidents", "i", "lock"+mark))
	if got := setAside(store, d.used.aside); len(got) != 2 {
		t.Error(got)
	}
}
