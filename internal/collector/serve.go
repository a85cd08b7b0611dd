package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/delivery"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/collector/control"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/collector/rehearsal"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/redact"
	"rtmtgrab/internal/version"
)

// server answers on the control socket.
type server struct {
	ctx   context.Context // ends with the watcher; what a client's leaving must not end runs under it
	works slots           // of those under way

	cfg       func() *config.Config // in force
	store     *incident.Store
	runner    *runner.Runner
	followers *followers // of what the runner works at
	pool      *hostconn.Pool
	log       *slog.Logger
	status    func() status.Report
	drills    *rehearsal.Runner
	event     func(runner.Event)                 // told of what is grabbed for a client
	looked    func(host string, d logset.Depths) // told of the logs that a check has seen
	mailWorks func(name string)                  // told of a mailbox where a check could log in
	reload    func(context.Context) (Reloaded, error)
	handing
}

// handing is who hands bundles over, and where the case of an open incident stands.
type handing struct {
	deliveries *delivery.Dispatcher
	table      *incident.Table
}

// mux is what can be asked of a running watch.
func (s *server) mux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", s.serveHello)
	mux.HandleFunc("GET /status", s.serveStatus)
	mux.HandleFunc("POST /reload", s.serveReload)
	mux.HandleFunc("POST /now", s.serveNow)
	mux.HandleFunc("POST /retry", s.serveRetry)
	mux.HandleFunc("POST /check", s.serveCheck)
	mux.HandleFunc("POST /drill", s.serveDrill)
	mux.HandleFunc("GET /bundle", s.serveBundle)
	mux.HandleFunc("POST /send", s.serveSend)
	mux.HandleFunc("GET /deliveries", s.serveDeliveries)
	mux.HandleFunc("POST /case", s.serveCase)
	mux.Handle("POST /pin", pinner{s.store, s.log})
	pauses := Pauser{Store: s.store, Cfg: s.cfg}
	mux.Handle("GET /pauses", pauses)
	mux.Handle("POST /pause", pauses)
	mux.Handle("POST /resume", pauses)
	return mux
}

// listen opens the socket and answers on it until the watcher ends and all that was asked for
// has come to its end, with wg. Without a socket the watcher watches all the same.
func (s *server) listen(wg *sync.WaitGroup) {
	cfg := s.cfg()
	path := cfg.Socket.Path
	switch path {
	case config.SocketNone:
		return
	case "":
		path = control.Path(os.Getenv("RUNTIME_DIRECTORY"), cfg.Store)
	}
	l, err := control.Listen(path, cfg.Socket.Group)
	if err != nil {
		s.log.Error("control socket unavailable", "err", err)
		return
	}
	if info, err := os.Stat(filepath.Dir(path)); cfg.Socket.Group != "" && err == nil && info.Mode().Perm()&0o011 == 0 {
		s.log.Warn("members of socket.group cannot reach the socket: no search permission on its directory; set socket.path to another one", "folder", filepath.Dir(path))
	}
	s.log.Info("control socket open", "socket", path, "group", cfg.Socket.Group)
	wg.Go(func() {
		if err := control.Serve(s.ctx, l, s.mux(), s.log); err != nil {
			s.log.Error("control socket closed", "err", err)
		}
		s.works.close() // each ends soon after s.ctx
	})
}

// work has do work at a request, unless too many are under way.
func (s *server) work(rw http.ResponseWriter, r *http.Request, what string, req any, do func(ctx context.Context, d *operation) (any, error)) {
	peer := control.PeerOf(r.Context())
	by := peer.String()
	admit := func() (func(), *control.Failure) {
		leave, err := s.works.enter(peer)
		if err == nil {
			return leave, nil
		}
		s.log.Warn("request refused", "what", what, "by", by, "err", err)
		return nil, &control.Failure{Message: err.Error(), Hint: "try again in a minute", Exit: advice.Failed}
	}
	control.Work(rw, r, req, admit, func(ctx context.Context, j *control.Job) (result any, failure *control.Failure) {
		d := &operation{progress: j.Progress, stop: j.Stop, by: by, last: map[string]time.Time{}}
		s.log.Info("request", "what", what, "by", by)
		defer func() {
			if v := recover(); v != nil {
				s.log.Error("panic in a request", "what", what, "panic", v, "stack", string(debug.Stack()))
				failure = &control.Failure{Message: fmt.Sprintf("internal error: %v", v), Exit: advice.Failed}
			}
		}()
		result, err := do(ctx, d)
		if err == nil {
			return result, nil
		}
		s.log.Warn("request failed", "what", what, "by", by, "err", err)
		return nil, s.failure(err)
	})
}

// failure is an error as its client is to end with it.
func (s *server) failure(err error) *control.Failure {
	f := &control.Failure{Message: redact.Text(err.Error()), Hint: redact.Text(advice.For(err)), Exit: advice.Exit(err)}
	if s.ctx.Err() != nil && errors.Is(err, context.Canceled) {
		f.Message = strings.TrimSuffix(f.Message, ": "+context.Canceled.Error()) + ": grab watch was stopped"
		f.Hint = "open incidents go on when it runs again: `grab list`"
	}
	return f
}

// effort is with what the watcher does it.
func (s *server) effort(d *operation) oneshot.Effort {
	return oneshot.Effort{Pool: s.pool, Growth: s.runner.Growth, Beside: s.runner.Beside, Say: d.say, Fetched: d.fetched, Stop: d.stop, By: d.by, Log: s.log, Event: func(e runner.Event) {
		s.event(e)
		d.event(e)
	}}
}

// Hello is who answers.
type Hello struct {
	Version string `json:"version"`
	Config  string `json:"config"`  // the configuration's file
	Store   string `json:"store"`   // the store's folder
	Bundles string `json:"bundles"` // the folder of finished bundles
}

func (s *server) serveStatus(rw http.ResponseWriter, _ *http.Request) {
	control.Answer(rw, s.status())
}

func (s *server) serveHello(rw http.ResponseWriter, _ *http.Request) {
	cfg := s.cfg()
	control.Answer(rw, Hello{version.Version, cfg.Path, cfg.Store, s.store.Bundles()})
}
