package collector

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/collector/rehearsal"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/drill"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testsite"
)

// The mail of a drill for which nobody waits any more, as after a restart, is no alert. What
// has the mark of one and is none is: an expired nonce, a forged one, another body, a mail
// that quotes a drill's.
func TestDrillMails(t *testing.T) {
	s := testsite.New(t)
	s.Hosts = "      - {name: expc01, role: C, address: \"127.0.0.1:9\"}\n"
	s.StartMail()
	cfg, err := config.Load(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	var log testsite.SafeBuffer
	w, err := New(cfg, slog.New(slog.NewTextHandler(&log, nil)), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.journal.Close()
	nonces := w.drills.Runner.Mails.Nonces
	deliver := func(raw []byte) {
		t.Helper()
		if err := s.Mail.Deliver(raw, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	waits := map[string]<-chan rehearsal.Sighting{}
	sent := func(age time.Duration) []byte {
		t.Helper()
		m, err := rehearsal.Compose(cfg, cfg.Site("hq"), "", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		nonces.Now = func() time.Time { return time.Now().Add(-age) }
		if _, err := nonces.Issue(m.Mark, "hq", m.Said); err != nil {
			t.Fatal(err)
		}
		nonces.Now = nil
		waits[m.Mark], _ = w.drills.Runner.Mails.Await(m.Mark)
		return m.Raw
	}
	alert := rtmt.Mail(rtmt.MailOptions{Node: "quoting", Time: time.Now()})
	forged, changed := sent(0), sent(0)
	copy(forged[bytes.Index(forged, []byte("GRABD1-"))+len("GRABD1-"):], "00000000")
	quoted := append(append(bytes.Clone(alert), "\r\n> "...), bytes.ReplaceAll(sent(0), []byte("\n"), []byte("\n> "))...)
	late := sent(0)
	_, nobody := w.drills.Runner.Mails.Await(drill.MarkOf(late))
	nobody()
	for _, raw := range [][]byte{
		late, sent(drill.Life + time.Second), quoted,
		forged,
		bytes.Replace(changed, []byte("(1) is over"), []byte("(7) is over"), 1),
	} {
		deliver(raw)
	}

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- second(w.mailbox(ctx, nil)) }()
	var list []incident.ListedAlert
	testsite.Until(t, "five alerts", func() bool {
		if boxes := w.Mailboxes.states.all(); len(boxes) == 0 || boxes[0].State.Cursor.UID != 5 || w.journal.Undecided() {
			return false
		}
		list, _ = w.Store.ListAlerts() // read once all is decided, not before
		return len(list) == 5
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	drills := 0
	for _, a := range list {
		if a.What == incident.Drilled {
			drills++
			if w.Store.HasMail(a.ID) || len(a.Sites) != 0 {
				t.Errorf("%+v", a)
			}
		} else if a.What != "" || len(a.Sites) != 1 || a.Sites[0].What != incident.InIncident {
			t.Errorf("%+v", a)
		}
	}
	if drills != 1 {
		t.Errorf("%d drills\n%s", drills, log.String())
	}
	select { // whoever waits for a mail that was changed on its way is told
	case s := <-waits[drill.MarkOf(changed)]:
		if s.OK || s.Step.Step != drill.StepArrived || !strings.Contains(s.What, "it does not say what was sent") {
			t.Errorf("%+v", s)
		}
	default:
		t.Error("nobody is told of the mail that was changed")
	}
	if in, err := w.Store.List(); err != nil || len(in) != 1 {
		t.Errorf("%+v, %v", in, err)
	}
}
