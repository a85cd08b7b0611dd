package notify

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/proof"
	"rtmtgrab/internal/smtpout"
	"rtmtgrab/internal/wiring"
	"rtmtgrab/mailwatch"
)

// OwnMails is what a running watch knows its own mails by, and what it waits for:
// canaries and heartbeats.
type OwnMails struct {
	log    *slog.Logger
	dir    string // the store's
	Key    proof.Key
	tokens *wiring.TokenSources
	beats  *proof.Heartbeats

	mu       sync.Mutex
	canaries []*proof.Canary
	up       map[string]bool // mailboxes that are watched and read to their ends
	boxes    []string        // names of mailboxes with a canary, of this run
	loops    int             // mails of ours that came back

	stop context.CancelFunc // of what configure started
	wg   sync.WaitGroup
}

func NewOwnMails(dir string, key proof.Key, log *slog.Logger, shelf *wiring.TokenSources) *OwnMails {
	return &OwnMails{log: log, dir: dir, Key: key, tokens: shelf, up: map[string]bool{}, stop: func() {},
		beats: &proof.Heartbeats{File: filepath.Join(dir, "heartbeats.json"), Log: log}}
}

// Configure sends canaries and waits for heartbeats by cfg until ctx ends or it is called
// again. What is wrong with what earlier runs left is logged and costs no more than that.
func (t *OwnMails) Configure(ctx context.Context, cfg *config.Config) {
	t.Close()
	ctx, t.stop = context.WithCancel(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.beats.Configure(beatsOf(cfg)); err != nil {
		t.log.Error("cannot read heartbeats of earlier runs", "err", err)
	}
	t.canaries, t.boxes = nil, nil
	was := t.up
	t.up = map[string]bool{}
	for _, b := range wiring.Boxes(cfg) {
		t.up[b.Name()] = was[b.Name()]
	}

	for i := range cfg.Mails {
		m := &cfg.Mails[i]
		if m.Canary == nil {
			continue
		}
		c, err := t.canary(cfg, m)
		if err != nil {
			t.log.Error("cannot send canaries", "mailbox", m.Name, "err", err)
			continue
		}
		c.Up(t.isUp(m.Name))
		t.canaries = append(t.canaries, c)
		t.boxes = append(t.boxes, c.Mailbox)
		t.wg.Go(func() { c.Run(ctx) })
	}
}

// Close stops what configure started and waits for it.
func (t *OwnMails) Close() {
	t.stop()
	t.wg.Wait()
}

// Report adds canaries and heartbeats to a report.
func (t *OwnMails) Report(r *status.Report) {
	t.mu.Lock()
	canaries := t.canaries
	t.mu.Unlock()
	for _, c := range canaries {
		c.Report(r)
	}
	t.beats.Report(r)
}

func beatsOf(cfg *config.Config) []proof.Heartbeat {
	var list []proof.Heartbeat
	for _, b := range cfg.Beats {
		list = append(list, proof.Heartbeat{Name: b.Name, Match: b.Match, Cluster: b.Cluster, Every: b.Every})
	}
	return list
}

// canary makes the canary of a mailbox.
func (t *OwnMails) canary(cfg *config.Config, m *config.Mail) (*proof.Canary, error) {
	server, err := wiring.SMTPServer(cfg, t.tokens)
	if err != nil {
		return nil, err
	}
	from, to := cfg.SMTP.From, m.Canary.To
	c := &proof.Canary{Mailbox: m.Name, Every: m.Canary.Every, Late: m.Canary.Late, Key: t.Key, Log: t.log,
		File: filepath.Join(t.dir, "canaries", wiring.CursorName(m, ""))}
	c.Send = func(ctx context.Context, tok proof.Token) error {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		msg, err := canaryMail(t.Key.Canary(tok), tok, from, to)
		if err == nil {
			_, err = server.Send(ctx, from, []string{to}, msg)
		}
		return err
	}
	if err := errors.Join(atomicfileDir(c.File), c.Load()); err != nil {
		t.log.Error("cannot read the canary of earlier runs", "err", err)
	}
	return c, nil
}

func canaryMail(mark string, tok proof.Token, from, to string) ([]byte, error) {
	return smtpout.Message{
		ID: proof.MessageID("canary", newHex(), addressDomain(from)), From: mail.Address{Name: "grab", Address: from}, To: []string{to},
		Subject: "grab canary", Fields: [][2]string{{proof.CanaryField, mark}},
		Text: fmt.Sprintf("grab watch sent this mail to check that mails reach the mailbox %s.\nYou can delete it.\n\nSent: %s\n%s\n", tok.Mailbox, tok.Sent.Format(time.RFC3339), mark),
	}.Bytes()
}

func newHex() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// Own tells whether a mail is one of ours, and takes heartbeats down whose sender may
// trigger. remove: a canary that arrived is taken out of the mailbox.
func (t *OwnMails) Own(mailbox string, remove bool, by wiring.Sender) func(context.Context, mailwatch.Letter) mailwatch.Verdict {
	return func(ctx context.Context, l mailwatch.Letter) mailwatch.Verdict {
		t.mu.Lock()
		boxes := t.boxes
		t.mu.Unlock()
		what, tok := t.Key.Whose(proof.Mail{Raw: l.Raw, Text: l.Text, Field: l.Field}, boxes)
		switch what {
		case proof.Arrived:
			for _, c := range t.watched(tok.Mailbox) {
				if tok.Mailbox == mailbox {
					c.Arrived(tok, l.Internal, l.Seen)
				}
			}
			if remove && tok.Mailbox == mailbox {
				return mailwatch.Remove
			}
			return mailwatch.Pass
		case proof.Loop:
			t.mu.Lock()
			t.loops++
			n := t.loops
			t.mu.Unlock()
			t.log.Warn("own mail came back, or a reply to one: ignored", "mailbox", mailbox, "subject", shown(l.Subject), "received", l.Internal, "so_far", n)
			return mailwatch.Pass
		}
		if names := t.beats.Match(l.Subject, l.Text, l.Cluster); len(names) > 0 {
			v := by.Rule.Judge(ctx, l.Raw, l.Part)
			if v.OK {
				t.beats.Seen(names, l.Internal)
			}
			t.log.Info("heartbeat", "names", names, "cluster", shown(l.Cluster), "received", l.Internal, "counts", v.OK, "why", shown(v.Why))
		}
		return mailwatch.Look
	}
}

// CameBack is how many mails of ours came back.
func (t *OwnMails) CameBack() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.loops
}

// watched are the canaries of a mailbox, and none of another.
func (t *OwnMails) watched(mailbox string) []*proof.Canary {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []*proof.Canary
	for _, c := range t.canaries {
		if c.Mailbox == mailbox {
			list = append(list, c)
		}
	}
	return list
}

// State takes down whether a folder is watched and read to its end.
func (t *OwnMails) State(b wiring.Box, s mailwatch.State) {
	switch {
	case !s.Connected:
		t.SetUp(b, false)
	case s.Event == mailwatch.EventScanned:
		t.SetUp(b, true)
	}
}

func (t *OwnMails) SetUp(b wiring.Box, up bool) {
	t.mu.Lock()
	t.up[b.Name()] = up
	all, mine := true, t.isUp(b.Mail.Name)
	for _, u := range t.up {
		all = all && u
	}
	t.mu.Unlock()
	t.beats.Up(all)
	for _, c := range t.watched(b.Mail.Name) {
		c.Up(mine)
	}
}

// isUp reports whether all folders of a mailbox are watched, for a canary may come
// into any of them. The lock is held.
func (t *OwnMails) isUp(mailbox string) bool {
	for name, up := range t.up {
		if strings.HasPrefix(name, mailbox+"/") && !up {
			return false
		}
	}
	return true
}

// RemovesCanaries reports whether canaries are taken out of a mailbox.
func RemovesCanaries(m *config.Mail) bool { return m.Canary != nil && m.Canary.Delete }
