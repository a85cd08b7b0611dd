package proof

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/collector/health/status"
)

func newKey(t *testing.T) Key {
	t.Helper()
	file := filepath.Join(t.TempDir(), "store", "notice.key")
	k, err := LoadKey(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
		t.Fatal(st.Mode(), err)
	}
	again, err := LoadKey(file, nil)
	if err != nil || again.Notice("x") != k.Notice("x") {
		t.Fatal("the key does not stay", err)
	}
	return k
}

// fields is a mail with these header fields, whose text is the body.
func fields(text string, pairs ...string) Mail {
	raw := ""
	for i := 0; i < len(pairs); i += 2 {
		raw += pairs[i] + ": " + pairs[i+1] + "\r\n"
	}
	return Mail{Raw: []byte(raw + "\r\n" + text), Text: text, Field: func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if strings.EqualFold(pairs[i], name) {
				return pairs[i+1]
			}
		}
		return ""
	}}
}

func TestWhose(t *testing.T) {
	k, other := newKey(t), newKey(t)
	tok := Token{Mailbox: "a@x", Serial: 7, Sent: time.UnixMilli(1700000000123).UTC()}
	mark, notice := k.Canary(tok), k.Notice("id")
	boxes := []string{"b@x", "a@x"}
	if what, got := k.Whose(fields("x", CanaryField, mark), boxes); what != Arrived || got != tok {
		t.Errorf("%q %+v", what, got)
	}
	bounce := "This is the mail system. Your message could not be delivered.\r\n--x\r\nContent-Type: message/rfc822\r\n\r\nX-Grab-Canary: " + mark + "\r\n"
	for name, c := range map[string]struct {
		mail Mail
		want string
	}{
		"a notice":                  {fields("PartiallyRegisteredPhone", NoticeField, notice), Loop},
		"a reply to a notice":       {fields("> PartiallyRegisteredPhone\r\n> "+notice+"\r\n", "Subject", "AW: grab"), Loop},
		"base64":                    {Mail{Raw: []byte("\r\n" + base64.StdEncoding.EncodeToString([]byte("xx"+notice))), Text: "xx" + notice, Field: func(string) string { return "" }}, Loop},
		"a bounce of a canary":      {fields(bounce, "Content-Type", "multipart/report", "Auto-Submitted", "auto-replied"), Loop},
		"another's notice":          {fields("x", NoticeField, other.Notice("id")), Foreign},
		"another's notice by name":  {fields("x", "Auto-Submitted", "auto-generated", "Message-ID", MessageID("notice", "0123456789abcdef", "example.com")), Loop},
		"such a name alone":         {fields("x", "Message-ID", MessageID("notice", "0123456789abcdef", "example.com")), Foreign},
		"an alert of a robot":       {fields("PartiallyRegisteredPhone", "Auto-Submitted", "auto-generated", "Precedence", "bulk"), Foreign},
		"another's canary":          {fields("x", CanaryField, other.Canary(tok)), Foreign},
		"an altered canary":         {fields("x", CanaryField, strings.Replace(mark, "-7-", "-8-", 1)), Foreign},
		"an altered notice":         {fields("x", NoticeField, notice[:len(notice)-1]+"_"), Foreign},
		"a canary of no mailbox":    {fields("x", CanaryField, k.Canary(Token{Mailbox: "c@x", Serial: 1})), Foreign},
		"nothing":                   {fields("PartiallyRegisteredPhone"), Foreign},
		"a thousand marks, not one": {fields(strings.Repeat(other.Notice("id")+" ", 1000)), Foreign},
	} {
		if what, _ := k.Whose(c.mail, boxes); what != c.want {
			t.Errorf("%s: %q, want %q", name, what, c.want)
		}
	}
}

// watched is a canary whose mails come back after delay, if at all.
type watched struct {
	*Canary
	box   sync.Mutex
	delay time.Duration // negative: lost
	fail  error
	sent  []Token
}

func (w *watched) set(delay time.Duration, fail error) {
	w.box.Lock()
	defer w.box.Unlock()
	w.delay, w.fail = delay, fail
}

func newWatched(t *testing.T, file string) *watched {
	w := &watched{Canary: &Canary{Mailbox: "a@x", Every: 15 * time.Minute, Late: 5 * time.Minute, File: file}}
	w.Send = func(_ context.Context, tok Token) error {
		w.box.Lock()
		defer w.box.Unlock()
		if w.fail != nil {
			return w.fail
		}
		w.sent = append(w.sent, tok)
		if w.delay >= 0 {
			time.AfterFunc(w.delay, func() { w.Arrived(tok, time.Now(), time.Now()) })
		}
		return nil
	}
	if err := w.Load(); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *watched) problems() string {
	var r status.Report
	w.Report(&r)
	var s []string
	for _, p := range r.Problems {
		s = append(s, p.Key)
	}
	return strings.Join(s, " ")
}

func (w *watched) start(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx) }()
	return func() { cancel(); <-done }
}

func TestCanary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "canary.json")
		w := newWatched(t, file)
		stop := w.start(t)
		say := func(what, want string) {
			t.Helper()
			synctest.Wait()
			if got := w.problems(); got != want {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		time.Sleep(time.Hour)
		if len(w.sent) != 0 {
			t.Error("sent while the mailbox was down")
		}
		say("down", "")
		w.Up(true)
		w.set(30*time.Second, nil)
		time.Sleep(59 * time.Minute)
		say("well", "")
		if n := len(w.sent); n != 4 {
			t.Errorf("%d sent in an hour", n)
		}
		w.set(-1, nil)
		time.Sleep(5 * time.Minute)
		say("not late yet", "")
		time.Sleep(90 * time.Second)
		say("lost", "canary/a@x")
		time.Sleep(time.Hour)
		say("still lost", "canary/a@x")
		old := w.sent[0]
		w.Arrived(old, time.Now(), time.Now())
		say("an old one came again", "canary/a@x")
		w.Arrived(Token{Mailbox: "a@x", Serial: old.Serial + 1<<40, Sent: time.Now()}, time.Now(), time.Now())
		say("one that was never sent", "canary/a@x")
		stop() // a restart forgets nothing
		w = newWatched(t, file)
		stop = w.start(t)
		w.Up(true)
		w.set(-1, nil)
		say("after a restart", "canary/a@x")
		w.set(time.Second, nil)
		time.Sleep(16 * time.Minute)
		say("back", "")
		for i, tok := range w.sent {
			if i > 0 && tok.Serial <= w.sent[i-1].Serial {
				t.Error("serials do not rise")
			}
		}
		w.set(0, errors.New("550 no"))
		time.Sleep(30 * time.Minute)
		say("not sent", "canary/a@x/smtp")
		w.set(time.Second, nil)
		time.Sleep(2 * time.Minute)
		say("sent again", "")
		stop()
	})
}

// deniedLogin is a refused login, as package smtpout has it.
type deniedLogin struct{ error }

func (deniedLogin) LoginRefused() bool { return true }

// TestCanaryDenied: a login that was refused is not tried each minute, for the server locks the account; when it is
// right again it does not take long.
func TestCanaryDenied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, filepath.Join(t.TempDir(), "canary.json"))
		w.Up(true)
		w.set(0, fmt.Errorf("send: %w", deniedLogin{errors.New("535 no")}))
		var tries atomic.Int64
		send := w.Send
		w.Send = func(ctx context.Context, tok Token) error { tries.Add(1); return send(ctx, tok) }
		stop := w.start(t)
		time.Sleep(time.Hour - time.Second)
		synctest.Wait()
		if n := tries.Load(); n > 6 {
			t.Errorf("%d logins in an hour", n)
		}
		w.set(0, nil)
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		if got := w.problems(); got != "" {
			t.Error(got)
		}
		stop()
	})
}

// TestCanaryWaits: time that the mailbox was down, or that the machine slept, is no
// delay; a restart gives a pending canary its time anew.
func TestCanaryWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "canary.json")
		w := newWatched(t, file)
		w.Up(true)
		w.set(-1, nil)
		stop := w.start(t)
		time.Sleep(4 * time.Minute)
		w.Up(false)
		time.Sleep(24 * time.Hour)
		if w.problems() != "" || len(w.sent) != 1 {
			t.Errorf("%s, %d sent", w.problems(), len(w.sent))
		}
		stop()
		w = newWatched(t, file)
		w.Up(true)
		if w.look(time.Now().Add(-tick), time.Now()); w.problems() != "" {
			t.Error("missed at once after a restart")
		}
	})
	base := time.Now()
	w := &watched{Canary: &Canary{Mailbox: "a", Every: time.Hour, Late: 5 * time.Minute, File: filepath.Join(t.TempDir(), "c")}}
	w.state = canaryState{Serial: 2, Seen: 1, Sent: base.Round(0)}
	w.Up(true)
	step := func(d time.Duration, n int) {
		for range n {
			w.look(base, base.Add(d))
			base = base.Add(d)
		}
	}
	step(tick, 29)       // 4 min 50 s
	step(8*time.Hour, 1) // asleep
	step(tick, 29)
	if w.problems() != "" {
		t.Error("the sleep was taken for a delay")
	}
	step(tick, 2)
	if w.problems() != "canary/a" {
		t.Error("it is not missed any more after a sleep")
	}
}

func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "heartbeats.json")
		daily := Heartbeat{Name: "daily", Match: regexp.MustCompile("(?i)CpuPegging"), Cluster: "hq", Every: 25 * time.Hour}
		var h *Heartbeats
		open := func() {
			t.Helper()
			h = &Heartbeats{File: file}
			if err := h.Configure([]Heartbeat{daily}); err != nil {
				t.Fatal(err)
			}
		}
		missing := func(want bool) {
			t.Helper()
			var r status.Report
			h.Report(&r)
			if (len(r.Problems) == 1 && r.Problems[0].Key == "heartbeat/daily") != want || r.Beats[0].Missing != want {
				t.Errorf("%+v", r)
			}
		}
		open()
		h.Up(true)
		time.Sleep(24 * time.Hour)
		missing(false) // its clock begins with the first start
		open()
		h.Up(true)
		time.Sleep(2 * time.Hour)
		missing(true)
		h.Up(false) // the mailbox is down: that is its own problem
		missing(false)
		h.Up(true)
		got := h.Match("[RTMT-ALERT-hq] cpupegging", "", "HQ")
		if len(got) != 1 {
			t.Error(got)
		}
		h.Seen(got, time.Now().Add(time.Hour))
		missing(false)
		if got := h.Match("[RTMT-ALERT-x] CpuPegging", "", "x"); got != nil {
			t.Error("another cluster's was taken")
		}
		time.Sleep(24*time.Hour + 30*time.Minute) // the server's clock was an hour ahead: not believed
		missing(false)
		open()
		h.Up(true)
		time.Sleep(time.Hour)
		missing(true)
	})
}

// TestHeartbeatOfTheFuture: one that was configured while the clock was years ahead, and never came, is
// missed nevertheless.
func TestHeartbeatOfTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &Heartbeats{File: filepath.Join(t.TempDir(), "heartbeats.json")}
		if err := h.Configure([]Heartbeat{{Name: "daily", Match: regexp.MustCompile("x"), Every: time.Hour}}); err != nil {
			t.Fatal(err)
		}
		h.Up(true)
		h.last["daily"] = beat{Began: time.Now().Add(26280 * time.Hour)}
		var r status.Report
		for range 5 {
			r = status.Report{}
			h.Report(&r)
			time.Sleep(20 * time.Minute)
		}
		if len(r.Problems) != 1 {
			t.Errorf("%+v", r)
		}
	})
}
