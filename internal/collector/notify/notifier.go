// Package notify decides what people are told by a running watch, and when: problems,
// and what becomes of incidents. It also keeps what the watch knows its own mails by.
//
// Each thing is told once by every channel, across restarts; what cannot be written down
// as told may be told again. How a channel sends is for package channel to know.
package notify

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/proof"
	"rtmtgrab/internal/wiring"
)

// Notifier is what a running watch sends to people: problems, and what becomes of
// incidents. Each is told once by every channel, across restarts.
type Notifier struct {
	log      *slog.Logger
	store    *incident.Store
	key      proof.Key
	tokens   *wiring.TokenSources
	problems func() []status.Problem // at this moment, of everything
	Every    time.Duration           // between two looks at them; zero: the dispatcher's own
	Analyst  *analysis.Analyst       // makes first looks
	News     incidentNews

	StoreEvery time.Duration // between two looks at what other processes sealed; zero: 30 s
	LookLimit  time.Duration // of a first look; zero: 20 s
	Turn       chan struct{} // of the first look that is at work

	mu         sync.Mutex
	dispatcher *channel.Dispatcher // nil: nobody is told

	stop context.CancelFunc // of what configure started
	wg   sync.WaitGroup
}

func New(store *incident.Store, key proof.Key, log *slog.Logger, shelf *wiring.TokenSources, problems func() []status.Problem) *Notifier {
	return &Notifier{log: log, store: store, key: key, tokens: shelf, problems: problems, Analyst: analysis.New(), stop: func() {}, Turn: make(chan struct{}, 1)}
}

// Configure sends by cfg until ctx ends or it is called again. What is wrong with what
// earlier runs left is logged and costs no more than that.
func (t *Notifier) Configure(ctx context.Context, cfg *config.Config) {
	t.Close()
	ctx, t.stop = context.WithCancel(ctx)
	dispatcher, err := NewDispatcher(cfg, t.store.Dir, t.key, t.tokens, t.log)
	if err != nil {
		t.log.Error("cannot send notifications", "err", err)
	}
	t.mu.Lock()
	t.dispatcher = dispatcher
	t.mu.Unlock()
	wanted := cfg.Notify != nil && slices.Contains(cfg.Notify.On, "incidents")
	if !wanted { // what is sealed until somebody wants to know again is not told then
		if err := t.store.Remove(toldFile(t.store)); err != nil {
			t.log.Warn("which incidents were told cannot be forgotten", "err", err)
		}
	}
	t.News.listen(dispatcher != nil && wanted)
	if dispatcher == nil {
		return
	}

	if slices.Contains(cfg.Notify.On, "problems") {
		dispatcher.Tracker = &channel.Tracker{After: cfg.Notify.After, File: filepath.Join(t.store.Dir, "notices.json")}
		dispatcher.Problems, dispatcher.Every = t.problems, t.Every
	}
	if err := settleQueues(filepath.Join(t.store.Dir, "outbox"), owners(cfg.Notify)); err != nil {
		t.log.Error("notifications that wait cannot be sorted by webhooks: they go to the one in the same place of notify.webhooks", "err", err)
	}
	if err := dispatcher.Open(); err != nil {
		t.log.Error("cannot read notifications of earlier runs", "err", err)
	}
	t.wg.Go(func() { dispatcher.Run(ctx) })
	if wake := t.News.wake; wake != nil {
		incidents := t.newIncidentNotifier(dispatcher)
		t.wg.Go(func() { incidents.run(ctx, wake) })
	}
}

// Close stops what configure started and waits for it.
func (t *Notifier) Close() {
	t.stop()
	t.wg.Wait()
}

// Report adds dead channels to a report.
func (t *Notifier) Report(r *status.Report) {
	t.mu.Lock()
	dispatcher := t.dispatcher
	t.mu.Unlock()
	if dispatcher != nil {
		dispatcher.Report(r)
	}
}

// NewDispatcher has the channels of a configuration; nil if there is none.
func NewDispatcher(cfg *config.Config, store string, key proof.Key, shelf *wiring.TokenSources, log *slog.Logger) (*channel.Dispatcher, error) {
	n := cfg.Notify
	if n == nil {
		return nil, nil
	}
	dispatcher := &channel.Dispatcher{Log: log, Mask: masking(cfg, store)}
	add := func(name string, c channel.Channel) {
		dispatcher.Boxes = append(dispatcher.Boxes, &channel.Outbox{Name: name, Dir: filepath.Join(store, "outbox", name), Channel: c, Log: log})
	}
	if len(n.Mail.To) > 0 {
		server, err := wiring.SMTPServer(cfg, shelf)
		if err != nil {
			return nil, err
		}
		add("mail", &channel.Mail{Server: server, From: cfg.SMTP.From, To: n.Mail.To, Log: log,
			Mark: func(id string) (string, string) { return proof.NoticeField, key.Notice(id) },
			ID:   func(id, domain string) string { return proof.MessageID("notice", id, domain) }})
	}
	for i, h := range n.Webhooks {
		add(webhookName(i), &channel.Webhook{Template: h.Template, URL: func() (string, error) {
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
	return dispatcher, nil
}
