package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/proof"
	"rtmtgrab/internal/smtpout"
	"rtmtgrab/internal/wiring"
	"rtmtgrab/mailwatch"
)

// telling is what a running watch sends and what it knows its own mails by:
// notices, canaries, heartbeats.
type telling struct {
	log      *slog.Logger
	store    *incident.Store
	key      proof.Key
	tokens   *wiring.TokenSources
	beats    *proof.Heartbeats
	problems func() []status.Problem // at this moment, of everything
	every    time.Duration           // between two looks at them; zero: the desk's own
	news     incidentNews

	storeEvery time.Duration // between two looks at what other processes sealed; zero: 30 s
	lookLimit  time.Duration // of a first look; zero: 20 s
	turn       chan struct{} // of the first look that is at work

	mu       sync.Mutex
	desk     *channel.Desk // nil: nobody is told
	canaries []*proof.Canary
	up       map[string]bool // mailboxes that are watched and read to their ends
	boxes    []string        // names of mailboxes with a canary, of this run
	loops    int             // mails of ours that came back

	stop context.CancelFunc // of what configure started
	wg   sync.WaitGroup
}

func newTelling(store *incident.Store, log *slog.Logger, shelf *wiring.TokenSources, problems func() []status.Problem) (*telling, error) {
	key, err := proof.LoadKey(filepath.Join(store.Dir, "notice.key"))
	if err != nil {
		return nil, err
	}
	return &telling{log: log, store: store, key: key, tokens: shelf, problems: problems, up: map[string]bool{}, stop: func() {}, turn: make(chan struct{}, 1),
		beats: &proof.Heartbeats{File: filepath.Join(store.Dir, "heartbeats.json"), Log: log}}, nil
}

// configure sends and waits by cfg until ctx ends or it is called again. What is
// wrong with what earlier runs left is logged and costs no more than that.
func (t *telling) configure(ctx context.Context, cfg *config.Config) {
	t.close()
	ctx, t.stop = context.WithCancel(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	bad := func(what string, err error) {
		if err != nil {
			t.log.Error(what, "err", err)
		}
	}
	bad("heartbeats of earlier runs", t.beats.Configure(beatsOf(cfg)))
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
		bad("canary", err)
		if err != nil {
			continue
		}
		c.Up(t.isUp(m.Name))
		t.canaries = append(t.canaries, c)
		t.boxes = append(t.boxes, c.Mailbox)
		t.wg.Go(func() { c.Run(ctx) })
	}
	desk, err := deskOf(cfg, t.store.Dir, t.key, t.tokens, t.log)
	bad("notices", err)
	t.desk = desk
	t.news.listen(desk != nil && slices.Contains(cfg.Notify.On, "incidents"))
	if desk == nil {
		return
	}
	if slices.Contains(cfg.Notify.On, "problems") {
		desk.Tracker = &channel.Tracker{After: cfg.Notify.After, File: filepath.Join(t.store.Dir, "notices.json")}
		desk.Problems, desk.Every = t.problems, t.every
	}
	bad("notices of earlier runs", desk.Open())
	t.wg.Go(func() { desk.Run(ctx) })
	if wake := t.news.wake; wake != nil {
		teller := t.newTeller(desk)
		t.wg.Go(func() { teller.run(ctx, wake) })
	}
}

// close stops what configure started and waits for it.
func (t *telling) close() {
	t.stop()
	t.wg.Wait()
}

func beatsOf(cfg *config.Config) []proof.Heartbeat {
	var list []proof.Heartbeat
	for _, b := range cfg.Beats {
		list = append(list, proof.Heartbeat{Name: b.Name, Match: b.Match, Cluster: b.Cluster, Every: b.Every})
	}
	return list
}

// canary makes the canary of a mailbox.
func (t *telling) canary(cfg *config.Config, m *config.Mail) (*proof.Canary, error) {
	server, err := smtpServer(cfg, t.tokens)
	if err != nil {
		return nil, err
	}
	from, to := cfg.SMTP.From, m.Canary.To
	c := &proof.Canary{Mailbox: m.Name, Every: m.Canary.Every, Late: m.Canary.Late, Key: t.key, Log: t.log,
		File: filepath.Join(t.store.Dir, "canaries", wiring.CursorName(m, ""))}
	c.Send = func(ctx context.Context, tok proof.Token) error {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		msg, err := canaryMail(t.key.Canary(tok), tok, from, to)
		if err == nil {
			_, err = server.Send(ctx, from, []string{to}, msg)
		}
		return err
	}
	if err := errors.Join(atomicfileDir(c.File), c.Load()); err != nil {
		t.log.Error("canary of earlier runs", "err", err)
	}
	return c, nil
}

func canaryMail(mark string, tok proof.Token, from, to string) ([]byte, error) {
	return smtpout.Message{
		ID: proof.MessageID("canary", newHex(), addressDomain(from)), From: mail.Address{Name: "grab", Address: from}, To: []string{to},
		Subject: "grab canary", Fields: [][2]string{{proof.CanaryField, mark}},
		Text: fmt.Sprintf("grab watch sent this mail to see that mails reach the mailbox %s.\nIt can be deleted.\n\nSent: %s\n%s\n", tok.Mailbox, tok.Sent.Format(time.RFC3339), mark),
	}.Bytes()
}

func newHex() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// smtpServer is the configured server for mails that are sent. shelf may be nil.
func smtpServer(cfg *config.Config, shelf *wiring.TokenSources) (*smtpout.Server, error) {
	s := cfg.SMTP
	if s == nil {
		return nil, errors.New("no server for mails to be sent is configured (smtp:)")
	}
	roots, err := s.Roots()
	if err != nil {
		return nil, err
	}
	out := &smtpout.Server{Addr: s.Server, TLS: s.TLS, User: s.User}
	if !s.Password.IsZero() {
		out.Password = s.Password.Read
	}
	if roots != nil {
		out.TLSConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	source, err := shelf.Source(cfg, s.OAuth, s.User)
	if source != nil {
		out.Token = func(ctx context.Context) (string, error) { return source.Token(ctx, "") }
	}
	return out, err
}

// deskOf has the channels of a configuration; nil if there is none.
func deskOf(cfg *config.Config, store string, key proof.Key, shelf *wiring.TokenSources, log *slog.Logger) (*channel.Desk, error) {
	n := cfg.Notify
	if n == nil {
		return nil, nil
	}
	desk := &channel.Desk{Log: log}
	add := func(name string, c channel.Channel) {
		desk.Boxes = append(desk.Boxes, &channel.Outbox{Name: name, Dir: filepath.Join(store, "outbox", name), Channel: c, Log: log})
	}
	if len(n.Mail.To) > 0 {
		server, err := smtpServer(cfg, shelf)
		if err != nil {
			return nil, err
		}
		add("mail", &channel.Mail{Server: server, From: cfg.SMTP.From, To: n.Mail.To, Log: log,
			Mark: func(id string) (string, string) { return proof.NoticeField, key.Notice(id) },
			ID:   func(id, domain string) string { return proof.MessageID("notice", id, domain) }})
	}
	for i, h := range n.Webhooks {
		add(fmt.Sprintf("webhook-%d", i+1), &channel.Webhook{Template: h.Template, URL: func() (string, error) {
			u, err := h.URL.Read()
			if err == nil && config.CheckURL(u) != "" {
				err = errors.New(config.CheckURL(u))
			}
			return u, err
		}})
	}
	if len(n.Command) > 0 {
		add("command", &channel.Command{Args: n.Command, Log: log})
	}
	return desk, nil
}

// own tells whether a mail is one of ours, and takes heartbeats down whose sender may
// trigger. remove: a canary that arrived is taken out of the mailbox.
func (t *telling) own(mailbox string, remove bool, by wiring.Sender) func(context.Context, mailwatch.Letter) mailwatch.Verdict {
	return func(ctx context.Context, l mailwatch.Letter) mailwatch.Verdict {
		t.mu.Lock()
		boxes := t.boxes
		t.mu.Unlock()
		what, tok := t.key.Whose(proof.Mail{Raw: l.Raw, Text: l.Text, Field: l.Field}, boxes)
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
			t.log.Warn("a mail of ours came back, or an answer to one: it triggers nothing", "mailbox", mailbox, "subject", shown(l.Subject), "received", l.Internal, "so_far", n)
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

// cameBack is how many mails of ours came back.
func (t *telling) cameBack() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.loops
}

// watched are the canaries of a mailbox, and none of another.
func (t *telling) watched(mailbox string) []*proof.Canary {
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

// state takes down whether a folder is watched and read to its end.
func (t *telling) state(b wiring.Box, s mailwatch.State) {
	switch {
	case !s.Connected:
		t.setUp(b, false)
	case s.Event == mailwatch.EventScanned:
		t.setUp(b, true)
	}
}

func (t *telling) setUp(b wiring.Box, up bool) {
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
func (t *telling) isUp(mailbox string) bool {
	for name, up := range t.up {
		if strings.HasPrefix(name, mailbox+"/") && !up {
			return false
		}
	}
	return true
}

// report adds canaries, heartbeats and dead channels to a report.
func (t *telling) report(r *status.Report) {
	t.mu.Lock()
	desk, canaries := t.desk, t.canaries
	t.mu.Unlock()
	for _, c := range canaries {
		c.Report(r)
	}
	t.beats.Report(r)
	if desk != nil {
		desk.Report(r)
	}
}

// removesCanaries reports whether canaries are taken out of a mailbox.
func removesCanaries(m *config.Mail) bool { return m.Canary != nil && m.Canary.Delete }

// problems are those of this moment.
func (w *watching) problems() []status.Problem { return w.status().Problems }
