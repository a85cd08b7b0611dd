package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testsite"
	"rtmtgrab/internal/wiring"
	"rtmtgrab/mailwatch"
)

// Two accounts, three folders, one login by token and one by password, and one
// that can never work: each alert is taken once, and a reload changes what is
// watched.
func TestWatchSeveralMailboxes(t *testing.T) {
	o := testsite.NewOffice(t)
	never := fmt.Sprintf("{name: never, server: %q, ca_file: gone.pem, user: u, password: {file: imap.secret}}", o.Mail.Addr())
	cfg := o.Write(o.ByToken(", mailbox: [INBOX, Alerts]"), o.ByPassword(), never)
	cfg.Mails[2].CAFile = filepath.Join(o.Dir, "nowhere.pem") // what was judged is in memory: another one is not
	var log testsite.SafeBuffer
	w, err := New(cfg, slog.New(slog.NewTextHandler(&log, nil)), func() (*config.Config, error) { return config.Load(o.Path) }, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.journal.Close()
	var mu sync.Mutex
	var got []string
	w.Mailboxes.OnMail = func(m mailwatch.Mail) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, m.Alert.Node)
	}
	taken := func(want ...string) {
		t.Helper()
		testsite.Until(t, strings.Join(want, ",")+"\n"+log.String(), func() bool {
			mu.Lock()
			defer mu.Unlock()
			slices.Sort(got)
			return slices.Equal(got, want)
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	reloads, done := make(chan struct{}, 1), make(chan error, 1)
	go func() { done <- second(w.mailbox(ctx, reloads)) }()
	state := func(name string) (b boxState) {
		for _, b := range w.Mailboxes.states.all() {
			if b.Name == name {
				return b
			}
		}
		return b
	}
	mail := func(node string) []byte { return rtmt.Mail(rtmt.MailOptions{Node: node, Time: time.Now()}) }
	one := mail("one")
	o.Dovecot.Deliver("", one)
	o.Dovecot.Deliver("Alerts", one)
	o.Dovecot.Deliver("Alerts", mail("two"))
	if err := errors.Join(o.Mail.Deliver(one, time.Now()), o.Mail.Deliver(mail("three"), time.Now())); err != nil {
		t.Fatal(err)
	}
	taken("one", "three", "two")
	testsite.Until(t, "all cursors", func() bool {
		return state("token/INBOX").State.Cursor.UID == 1 && state("token/Alerts").State.Cursor.UID == 3 && state("password/INBOX").State.Cursor.UID == 3
	})
	if b := state("token/Alerts"); !b.State.Connected || time.Until(b.TokenTill) < 50*time.Minute || b.Server != o.Dovecot.IMAPS || b.Mail != "token" || b.Folder != "Alerts" {
		t.Errorf("%+v", b)
	}
	if b := state("never/INBOX"); !b.Never || b.State.Err == nil || !strings.Contains(log.String(), "cannot be watched: its configuration cannot work\" name=never/INBOX") {
		t.Errorf("%+v\n%s", b, log.String())
	}
	if n := len(o.Tokens.Requests()); n != 1 {
		t.Errorf("%d requests for one token", n)
	}
	if !w.Mailboxes.states.turning(time.Now()) || w.Mailboxes.states.turning(time.Now().Add(time.Hour)) {
		t.Error("turning")
	}

	reload := func(mails ...string) {
		t.Helper()
		o.Write(mails...)
		reloads <- struct{}{}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		go func() { done <- second(w.mailbox(ctx, reloads)) }()
	}
	reload(o.ByToken(", mailbox: [INBOX, Alerts], mark: flagged"), o.ByPassword())
	o.Dovecot.Deliver("Alerts", mail("four"))
	taken("four", "one", "three", "two")
	if n := len(o.Tokens.Requests()); n != 1 {
		t.Errorf("%d requests for one token after a reload", n)
	}

	reload(o.ByPassword())
	o.Dovecot.Deliver("", mail("nobody"))
	o.Mail.Deliver(mail("zero"), time.Now())
	taken("four", "one", "three", "two", "zero")
	if list := w.Mailboxes.states.all(); len(list) != 1 || list[0].Name != "password/INBOX" {
		t.Errorf("%+v", list)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for _, secret := range append(o.Tokens.Tokens(), o.Tokens.Secret, o.Mail.Password) {
		if strings.Contains(log.String(), secret) {
			t.Error("a secret stands in the log")
		}
	}
}

// A cursor that cannot be read has its mailbox looked at again, as far back as a renumbered
// one, or as catch_up says where that is more.
func TestDamagedCursor(t *testing.T) {
	for _, c := range []struct{ catchUp, back time.Duration }{{time.Hour, 0}, {72 * time.Hour, 48 * time.Hour}} {
		file := atomicfile.JSON[mailwatch.Cursor]{Path: filepath.Join(t.TempDir(), "cursor.json")}
		if _, there, err := loadCursor(file, c.catchUp, slog.New(slog.DiscardHandler)); there || err != nil {
			t.Error("there is none: ", there, err)
		}
		if err := os.Mkdir(file.Path, 0o700); err != nil {
			t.Fatal(err)
		}
		cur, there, err := loadCursor(file, c.catchUp, slog.New(slog.DiscardHandler))
		if back := time.Since(cur.LastInternal) - c.back; !there || err != nil || cur.UID != 0 || cur.UIDValidity != 0 || back < 0 || back > time.Minute {
			t.Errorf("%+v %v %v", cur, there, err)
		}
		if aside, _ := filepath.Glob(file.Path + ".damaged-*"); len(aside) != 1 {
			t.Error(aside)
		}
		if err := file.Save(cur); err != nil {
			t.Error(err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A reload keeps what is known of a mailbox that stays as it was; of another server, or by
// another login, nothing is known yet.
func TestReloadedMailbox(t *testing.T) {
	box := func(change func(*config.Mail)) []wiring.Box {
		m := &config.Mail{Name: "m", Server: "imap:993", User: "u", Password: config.NewSecret("s")}
		change(m)
		return []wiring.Box{{Mail: m, Folder: "INBOX"}}
	}
	same := func(*config.Mail) {}
	for name, tt := range map[string]struct {
		change func(*config.Mail)
		known  bool
	}{
		"as it was":      {same, true},
		"another server": {func(m *config.Mail) { m.Server = "elsewhere:993" }, false},
		"another user":   {func(m *config.Mail) { m.User = "v" }, false},
	} {
		var s boxStates
		s.begin(box(same))
		s.note("m/INBOX", func(b *boxState) { b.State = mailwatch.State{Connected: true} })
		s.begin(box(tt.change))
		if got := s.all()[0].State; got.Connected != tt.known || got.Now.IsZero() {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestNewestMail: no time is called the newest mail's that is only where reading begins.
func TestNewestMail(t *testing.T) {
	t.Parallel()
	at := time.Now().UTC()
	for began, want := range map[bool]time.Time{true: {}, false: at} {
		cur := mailwatch.Cursor{LastInternal: at, Began: began}
		if m, _ := mailboxStatus(&config.Mail{}, boxState{State: mailwatch.State{Cursor: cur}}); !m.Newest.Equal(want) {
			t.Errorf("%+v: the newest mail is of %v", cur, m.Newest)
		}
	}
}

// Where the file is well, and an address is taken, a look at the file would show nothing.
func TestRefusalHint(t *testing.T) {
	t.Parallel()
	for what, offline := range map[string]bool{allStays: true, "health and metrics stay at the old address": false} {
		var f refusal
		var r status.Report
		f.set(time.Now(), what, errors.New("no"))
		if f.report(&r, "grab.yaml"); len(r.Problems) != 1 || strings.Contains(r.Problems[0].Hint, "--offline") != offline {
			t.Errorf("%s: %+v", what, r.Problems)
		}
	}
}
