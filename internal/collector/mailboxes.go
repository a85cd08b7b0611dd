package collector

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector/notify"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/wiring"
	"rtmtgrab/mailwatch"
)

// A boxState is what a box's watcher said last.
type boxState struct {
	Name      string // as of box
	Mail      string // as of config.Mail
	Folder    string
	Server    string
	State     mailwatch.State // the zero State until the watcher has spoken
	Never     bool            // it can never work as it is configured: State.Err says why, nobody watches it
	TokenTill time.Time       // OAuth2: the access token lasts until then; zero without
	again     chan struct{}   // what its watcher is told by retry
}

// boxStates holds the newest state of each box that is configured.
type boxStates struct {
	mu   sync.Mutex
	list []boxState // in the order of the configuration
}

// all is a copy.
func (s *boxStates) all() []boxState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list)
}

// begin makes the list anew after a start or a reload; what is known of a box
// that stays is kept.
func (s *boxStates) begin(boxes []wiring.Box) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.list
	s.list = make([]boxState, len(boxes))
	for i, b := range boxes {
		s.list[i] = boxState{Name: b.Name(), Mail: b.Mail.Name, Folder: b.Folder, Server: b.Mail.Server, again: make(chan struct{}, 1)}
		if k := slices.IndexFunc(was, func(o boxState) bool { return o.Name == b.Name() }); k >= 0 {
			s.list[i].State = was[k].State
		}
		s.list[i].State.Now = time.Now()
	}
}

// note changes the state of a box.
func (s *boxStates) note(name string, change func(*boxState)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.list {
		if s.list[i].Name == name {
			change(&s.list[i])
		}
	}
}

// retry lets a mailbox that is down be tried at once, with all its folders: a login that
// was refused is otherwise waited with for up to an hour.
func (s *boxStates) retry(mail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.list {
		if b.Mail == mail && !b.State.Connected {
			select {
			case b.again <- struct{}{}:
			default:
			}
		}
	}
}

// again is where the watcher of a box hears of retry.
func (s *boxStates) again(name string) (c <-chan struct{}) {
	s.note(name, func(b *boxState) { c = b.again })
	return c
}

// turning reports whether every watcher that can work gave a sign of life lately.
func (s *boxStates) turning(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !slices.ContainsFunc(s.list, func(b boxState) bool { return !b.Never && now.Sub(b.State.Now) > 2*time.Minute })
}

// watchAll watches every box until ctx ends. One that can never work is told of
// and left out; the error is theirs if none is left.
func (w *Collector) watchAll(ctx context.Context) error {
	cfg := w.cfg.Load()
	boxes := wiring.Boxes(cfg)
	w.boxes.begin(boxes)
	errs := make([]error, len(boxes))
	var wg sync.WaitGroup
	for i, b := range boxes {
		wg.Go(func() {
			errs[i] = w.watchBox(ctx, cfg, b)
			if errs[i] != nil && ctx.Err() == nil {
				w.log.Error("mailbox cannot be watched as it is configured", "name", b.Name(), "err", errs[i])
				w.boxes.note(b.Name(), func(s *boxState) { s.Never, s.State = true, mailwatch.State{Now: time.Now(), Err: errs[i]} })
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil || slices.Contains(errs, nil) {
		return nil
	}
	return errors.Join(errs...)
}

func (w *Collector) watchBox(ctx context.Context, cfg *config.Config, b wiring.Box) error {
	watcher, err := w.watcher(cfg, b)
	if err != nil {
		return fmt.Errorf("mailbox %s: %w", b.Name(), err)
	}
	return watcher.Run(ctx)
}

// watcher makes the watcher of a box.
func (w *Collector) watcher(cfg *config.Config, b wiring.Box) (*mailwatch.Watcher, error) {
	source, err := w.tokens.Source(cfg, b.Mail.OAuth, b.Mail.User)
	if err != nil {
		return nil, err
	}
	server, err := wiring.MailServer(b.Mail, source)
	if err != nil {
		return nil, err
	}
	cursor := filepath.Join(cfg.Store, "cursors", wiring.CursorName(b.Mail, b.Folder))
	if err := atomicfile.MkdirAll(filepath.Dir(cursor)); err != nil {
		return nil, err
	}
	log := w.log
	if len(cfg.Mails) > 1 {
		log = log.With("name", b.Mail.Name)
	}
	alive, in := w.alive(), &intake{w: w, mailbox: b.Mail.Name, judge: wiring.NewSender(cfg, w.keys.LookupTXT)}
	removes := notify.RemovesCanaries(b.Mail)
	w.OwnMails.SetUp(b, false)
	return &mailwatch.Watcher{
		Server: server, Mailbox: b.Folder, Poll: b.Mail.Poll, CatchUp: b.Mail.CatchUp, Mark: b.Mail.Mark, Log: log,
		Reader: wiring.AlertReader(cfg, b.Folder),
		Load: func() (c mailwatch.Cursor, ok bool, err error) {
			err = atomicfile.ReadJSON(cursor, &c)
			if errors.Is(err, fs.ErrNotExist) {
				return c, false, nil
			}
			return c, err == nil, err
		},
		Save:   func(c mailwatch.Cursor) error { return atomicfile.WriteJSON(cursor, c) },
		Handle: in.handle, Sync: in.sync,
		Flush: func(context.Context) error {
			_, err := w.journal.Decide(time.Now())
			return err
		},
		Hint:  func(err error) string { return advice.ForMail(b.Mail, err) },
		Again: w.boxes.again(b.Name()),
		State: func(st mailwatch.State) {
			w.boxes.note(b.Name(), func(s *boxState) {
				if s.State = st; source != nil {
					s.TokenTill = source.Until()
				}
			})
			w.OwnMails.State(b, st)
			w.health.Sign.Leave(cfg.Store, st)
			alive(st)
		},
		Own: w.OwnMails.Own(b.Mail.Name, removes, in.judge), Delete: removes,
	}, nil
}
