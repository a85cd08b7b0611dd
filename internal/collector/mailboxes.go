package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector/health"
	"rtmtgrab/internal/collector/notify"
	"rtmtgrab/internal/collector/rehearsal"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/triage"
	"rtmtgrab/internal/wiring"
	"rtmtgrab/mailwatch"
)

// mailboxes are those that are watched: what their watchers need, and what each said last.
type mailboxes struct {
	log      *slog.Logger
	journal  *triage.Journal
	metrics  *health.Metrics
	ownMails *notify.OwnMails
	tokens   *wiring.TokenSources                   // of OAuth2
	keys     wiring.KeyCache                        // of DKIM
	sign     func(store string, st mailwatch.State) // leaves a sign of life
	states   boxStates
	drills   *rehearsal.Mails
	reach    reach                // in place of TCP
	OnMail   func(mailwatch.Mail) // gets every fresh alert; may be nil
}

// watchAll watches every box until ctx ends. One that can never work is told of
// and left out; the error is theirs if none is left.
func (m *mailboxes) watchAll(ctx context.Context, cfg *config.Config) error {
	boxes := wiring.Boxes(cfg)
	m.states.begin(boxes)
	if len(boxes) == 0 { // alerts come by other ways
		<-ctx.Done()
		return nil
	}
	errs := make([]error, len(boxes))
	var wg sync.WaitGroup
	for i, b := range boxes {
		wg.Go(func() {
			errs[i] = m.watchBox(ctx, cfg, b)
			if errs[i] != nil && ctx.Err() == nil {
				m.log.Error("mailbox cannot be watched: its configuration cannot work", "name", b.Name(), "err", errs[i])
				m.states.note(b.Name(), func(s *boxState) { s.Never, s.State = true, mailwatch.State{Now: time.Now(), Err: errs[i]} })
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil || slices.Contains(errs, nil) {
		return nil
	}
	return errors.Join(errs...)
}

func (m *mailboxes) watchBox(ctx context.Context, cfg *config.Config, b wiring.Box) error {
	watcher, err := m.watcher(cfg, b)
	if err != nil {
		return fmt.Errorf("mailbox %s: %w", b.Name(), err)
	}
	return watcher.Run(ctx)
}

// watcher makes the watcher of a box.
func (m *mailboxes) watcher(cfg *config.Config, b wiring.Box) (*mailwatch.Watcher, error) {
	source, err := m.tokens.Source(cfg, b.Mail.OAuth, b.Mail.User)
	if err != nil {
		return nil, err
	}
	server, err := wiring.MailServer(b.Mail, source)
	if err != nil {
		return nil, err
	}
	cursor := atomicfile.JSON[mailwatch.Cursor]{Path: filepath.Join(cfg.Store, "cursors", wiring.CursorName(b.Mail, b.Folder))}
	if err := atomicfile.MkdirAll(filepath.Dir(cursor.Path)); err != nil {
		return nil, err
	}
	log := m.log
	if len(cfg.Mails) > 1 {
		log = log.With("name", b.Mail.Name)
	}
	sites := wiring.Sites(cfg)
	alive, in := watchdog(m.states.turning), &intake{
		journal: m.journal, metrics: m.metrics, log: m.log, onFresh: m.OnMail,
		mailbox: b.Mail.Name, judge: wiring.NewSender(cfg, m.keys.LookupTXT), drills: m.drills,
		draft: func(a evidence.Alert, truncated bool, seen time.Time) incident.AlertRecord {
			return triage.Draft(a, truncated, seen, sites, wiring.Policy(cfg))
		},
	}
	reader := wiring.AlertReader(cfg, b.Folder)
	removes := notify.RemovesCanaries(b.Mail)
	m.ownMails.SetUp(b, false)
	return &mailwatch.Watcher{
		Server: server, Mailbox: b.Folder, Poll: b.Mail.Poll, CatchUp: b.Mail.CatchUp, Mark: b.Mail.Mark, Log: log, Dial: m.reach,
		Reader:      reader,
		CursorStore: mailwatch.CursorStore{Load: func() (mailwatch.Cursor, bool, error) { return loadCursor(cursor, b.Mail.CatchUp, log) }, Save: cursor.Save},
		Intake: mailwatch.Intake{
			Handle: in.handle, Sync: in.sync,
			Flush: func(context.Context) error {
				_, err := m.journal.Decide(time.Now())
				return err
			},
		},
		Hint:     func(err error) string { return advice.ForMail(b.Mail, err) },
		Attempts: mailwatch.Attempts{Again: m.states.again(b.Name()), Refused: m.tokens.Refused("imap")},
		State: func(st mailwatch.State) {
			m.states.note(b.Name(), func(s *boxState) {
				if s.State = st; source != nil {
					s.TokenTill = source.Until()
				}
			})
			m.ownMails.State(b, st)
			m.sign(cfg.Store, st)
			alive(st)
		},
		Own: m.drills.Own(b, reader, m.ownMails.Own(b.Mail.Name, removes, in.judge)), Delete: removes,
	}, nil
}

// loadCursor reads the cursor of a mailbox. One that cannot be read is set aside, and the
// mailbox is looked at again like one that was renumbered: its last day, or catchUp where
// that is more. What was taken before is known again.
func loadCursor(file atomicfile.JSON[mailwatch.Cursor], catchUp time.Duration, log *slog.Logger) (cur mailwatch.Cursor, there bool, err error) {
	cur, there, damage, err := file.Renew(log)
	if damage != nil && err == nil {
		const day = 24 * time.Hour // that is gone back from LastInternal
		return mailwatch.Cursor{LastInternal: time.Now().UTC().Add(-max(catchUp-day, 0)), Began: true}, true, nil
	}
	return cur, there, err
}
