package collector

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"rtmtgrab/fetch"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/checkup"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/collector/control"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/version"
)

// maxWorks is how many grabs and checks the watcher does for others at once; those
// whose client is gone count too.
const maxWorks = 8

// answering is what a watcher needs to answer on its socket.
type answering struct {
	ctx   context.Context // ends with the watcher; what a client's leaving must not end runs under it
	works chan struct{}   // one for each work under way

	mu    sync.Mutex
	heard map[*follower]bool
}

// A follower is told the events of one of the watcher's own incidents.
type follower struct {
	key  string
	tell func(runner.Event)
}

// mux is what can be asked of a running watch.
func (w *Collector) mux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", w.serveHello)
	mux.HandleFunc("GET /status", w.serveStatus)
	mux.HandleFunc("POST /now", w.serveNow)
	mux.HandleFunc("POST /retry", w.serveRetry)
	mux.HandleFunc("POST /check", w.serveCheck)
	mux.HandleFunc("GET /bundle", w.serveBundle)
	mux.Handle("GET /pauses", w.pauseDesk())
	mux.Handle("POST /pause", w.pauseDesk())
	mux.Handle("POST /resume", w.pauseDesk())
	return mux
}

// answer opens the socket and answers on it until ctx ends and all that was asked for
// has come to its end, with wg. Without a socket the watcher watches all the same.
func (w *Collector) answer(ctx context.Context, wg *sync.WaitGroup) {
	w.local.ctx, w.local.works = ctx, make(chan struct{}, maxWorks)
	cfg := w.cfg.Load()
	path := cfg.Socket.Path
	switch path {
	case config.SocketNone:
		return
	case "":
		path = control.Path(os.Getenv("RUNTIME_DIRECTORY"), cfg.Store)
	}
	l, err := control.Listen(path, cfg.Socket.Group)
	if err != nil {
		w.log.Error("nobody can ask this watcher for anything: there is no socket", "err", err)
		return
	}
	if info, err := os.Stat(filepath.Dir(path)); cfg.Socket.Group != "" && err == nil && info.Mode().Perm()&0o011 == 0 {
		w.log.Warn("the members of socket.group cannot come to the socket: its folder is closed to them; name another one under socket.path", "folder", filepath.Dir(path))
	}
	w.log.Info("answering", "socket", path, "group", cfg.Socket.Group)
	wg.Go(func() {
		if err := control.Serve(ctx, l, w.mux(), w.log); err != nil {
			w.log.Error("the socket is closed", "err", err)
		}
		for range maxWorks { // each ends soon after ctx
			w.local.works <- struct{}{}
		}
	})
}

// work has do work at a request, unless too many are under way.
func (w *Collector) work(rw http.ResponseWriter, r *http.Request, what string, req any, do func(ctx context.Context, d *doing) (any, error)) {
	select {
	case w.local.works <- struct{}{}:
		defer func() { <-w.local.works }()
	default:
		control.Fail(rw, http.StatusServiceUnavailable, control.Failure{Message: "grab watch is ending, or does too much for others already", Hint: "try again in a minute", Exit: advice.Failed})
		return
	}
	by := control.PeerOf(r.Context()).String()
	control.Work(rw, r, req, func(ctx context.Context, j *control.Job) (result any, failure *control.Failure) {
		d := &doing{job: j, by: by, last: map[string]time.Time{}}
		w.log.Info("asked", "what", what, "by", by)
		defer func() {
			if v := recover(); v != nil {
				w.log.Error("panic: the request ends", "what", what, "panic", v, "stack", string(debug.Stack()))
				failure = &control.Failure{Message: fmt.Sprintf("internal error: %v", v), Exit: advice.Failed}
			}
		}()
		result, err := do(ctx, d)
		if err == nil {
			return result, nil
		}
		w.log.Warn("asked in vain", "what", what, "by", by, "err", err)
		return nil, w.failure(err)
	})
}

// failure is an error as its client is to end with it.
func (w *Collector) failure(err error) *control.Failure {
	f := &control.Failure{Message: err.Error(), Hint: advice.For(err), Exit: advice.Exit(err)}
	if w.local.ctx.Err() != nil && errors.Is(err, context.Canceled) {
		f.Message = strings.TrimSuffix(f.Message, ": "+context.Canceled.Error()) + ": grab watch was stopped"
		f.Hint = "what was begun goes on when it runs again: `grab list`"
	}
	return f
}

// Word is one word about progress, as it crosses the socket.
type Word struct {
	Say     string           `json:"say,omitempty"`
	Fetched *fetch.Progress  `json:"fetched,omitempty"`
	Event   *step            `json:"event,omitempty"`
	Finding *checkup.Finding `json:"finding,omitempty"`
	Columns int              `json:"columns,omitempty"` // of Finding: how wide the hosts' names are
}

// step is an runner.Event.
type step struct {
	What     string            `json:"what"`
	Incident string            `json:"incident,omitempty"`
	Host     string            `json:"host,omitempty"`
	Coverage evidence.Coverage `json:"coverage,omitempty"`
	Error    string            `json:"error,omitempty"`
}

// doing is a work for a client.
type doing struct {
	job *control.Job
	by  string

	mu   sync.Mutex
	last map[string]time.Time // when each host's bytes were told
}

func (d *doing) say(format string, args ...any) {
	d.job.Progress(Word{Say: fmt.Sprintf(format, args...)})
}

// fetchedEvery is how often a host's bytes are told.
const fetchedEvery = 200 * time.Millisecond

func (d *doing) fetched(p fetch.Progress) {
	d.mu.Lock()
	now := time.Now()
	tell := p.Done == 0 || p.Done >= p.Total || now.Sub(d.last[p.Host]) >= fetchedEvery
	if tell {
		d.last[p.Host] = now
	}
	d.mu.Unlock()
	if tell {
		d.job.Progress(Word{Fetched: &p})
	}
}

func (d *doing) event(e runner.Event) {
	s := step{What: e.What, Incident: e.Incident, Host: e.Host, Coverage: e.Coverage}
	if e.Err != nil {
		s.Error = e.Err.Error()
	}
	d.job.Progress(Word{Event: &s})
}

// effort is with what the watcher does it.
func (w *Collector) effort(d *doing) oneshot.Effort {
	return oneshot.Effort{Pool: w.warm.pool, Say: d.say, Fetched: d.fetched, Stop: d.job.Stop, By: d.by, Log: w.log, Event: func(e runner.Event) {
		w.event(e)
		d.event(e)
	}}
}

// follow tells f's events until the end is called.
func (a *answering) follow(f *follower) (end func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.heard == nil {
		a.heard = map[*follower]bool{}
	}
	a.heard[f] = true
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.heard, f)
	}
}

// event passes on what happens to an incident of the watcher's own.
func (a *answering) event(e runner.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for f := range a.heard {
		if f.key == e.Key {
			f.tell(e)
		}
	}
}

// Hello is who answers.
type Hello struct {
	Version string `json:"version"`
	Config  string `json:"config"`  // the configuration's file
	Store   string `json:"store"`   // the store's folder
	Bundles string `json:"bundles"` // the folder of finished bundles
}

func (w *Collector) serveHello(rw http.ResponseWriter, _ *http.Request) {
	cfg := w.cfg.Load()
	control.Answer(rw, Hello{version.Version, cfg.Path, cfg.Store, w.Store.Bundles()})
}

func (s *step) Event() runner.Event {
	e := runner.Event{What: s.What, Incident: s.Incident, Host: s.Host, Coverage: s.Coverage}
	if s.Error != "" {
		e.Err = errors.New(s.Error)
	}
	return e
}
