package filing

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"rtmtgrab/internal/config/prtconf"
	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/prt"
)

// lookEvery is between two looks for incidents, and for an address that could not be had.
const lookEvery = 30 * time.Second

// A Service receives and files reports as the configuration in force says. Configure and
// Run are for one goroutine each; the rest is safe for concurrent use.
type Service struct {
	store   *incident.Store
	reserve *diskspace.Reserve
	log     *slog.Logger
	poke    chan struct{} // size 1

	change   sync.Mutex // held while it begins or ends to listen
	mu       sync.Mutex
	conf     *prtconf.PRT // nil: off
	settings prt.Settings
	receiver *prt.Receiver
	server   *prt.Server
	err      error // why nothing is received
	ended    bool  // Run has
	since    time.Time
}

// New is a service of a store, which is off.
func New(store *incident.Store, reserve *diskspace.Reserve, log *slog.Logger) *Service {
	return &Service{store: store, reserve: reserve, log: log, poke: make(chan struct{}, 1)}
}

// Configure puts a configuration in force; nil is off. What goes wrong is tried again, and State tells it.
func (s *Service) Configure(conf *prtconf.PRT) {
	s.change.Lock()
	defer s.change.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.conf
	if s.ended {
		conf = nil
	}
	s.conf = conf
	if conf == nil {
		s.stop()
		s.err = nil
		return
	}
	s.settings = prt.Settings{Networks: conf.Prefixes(), Max: conf.Max, Bounds: prt.Bounds{Total: conf.Total, Count: conf.Count, Keep: conf.Keep}}
	if s.server != nil && old != nil && old.Listen == conf.Listen && sameTLS(old.TLS, conf.TLS) {
		return
	}
	s.stop()
	s.start()
}

func sameTLS(a, b *prtconf.TLS) bool { return a == b || a != nil && b != nil && *a == *b }

func (s *Service) stop() {
	server := s.server
	s.server = nil
	if server == nil {
		return
	}
	s.mu.Unlock() // uploads that are ending ask for the settings
	server.Close()
	s.mu.Lock()
}

// start tries to receive.
func (s *Service) start() {
	if err := s.listen(); err != nil {
		if s.err == nil {
			s.since = time.Now()
			s.log.Error("phones' problem reports are not received; retrying", "listen", s.conf.Listen, "err", err)
		}
		s.err = err
		return
	}
	s.err = nil
	s.log.Info("phones' problem reports are received", "listen", s.server.Addr, "tls", s.conf.TLS != nil, "networks", s.conf.Networks)
}

func (s *Service) listen() error {
	if s.receiver == nil {
		box, err := prt.OpenBox(s.store.Dir)
		if err != nil {
			return err
		}
		s.receiver = prt.NewReceiver(box, s.inForce, s.reserve, s.log, func(prt.Report) { s.wake() })
	}
	var cert *prt.Certificate
	if t := s.conf.TLS; t != nil {
		var err error
		if cert, err = prt.NewCertificate(t.CertFile, t.KeyFile); err != nil {
			return fmt.Errorf("prt.tls: %w", err)
		}
	}
	server, err := prt.Serve(s.conf.Listen, cert, s.receiver)
	if err != nil {
		return fmt.Errorf("prt.listen: %w", err)
	}
	s.server = server
	return nil
}

func (s *Service) inForce() prt.Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settings
}

func (s *Service) wake() {
	select {
	case s.poke <- struct{}{}:
	default: // it is going to look
	}
}

// Run files what comes until ctx ends; then it stops receiving.
func (s *Service) Run(ctx context.Context) {
	defer s.end()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var f *filer
	for {
		if box := s.ready(); box != nil {
			if f == nil {
				f = newFiler(s.store, box, s.reserve, s.log, time.Now)
			}
			f.look(ctx, s.inForce().Keep)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.poke:
		}
	}
}

// end stops receiving for good.
func (s *Service) end() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.Configure(nil)
}

// ready is the box of a service that is on, and tries again to listen where that failed.
func (s *Service) ready() *prt.Box {
	s.change.Lock()
	defer s.change.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conf == nil {
		return nil
	}
	if s.server == nil {
		s.start()
	}
	if s.receiver == nil {
		return nil
	}
	return s.receiver.Box
}

// A State is how it stands with a service.
type State struct {
	Listen  string // as configured; "": it is off
	Addr    string // where it listens
	TLS     bool
	Error   string // why it does not
	Since   time.Time
	Waiting []prt.Report // for an incident
	Bytes   int64        // of these
	Counts  prt.Counts
}

// State tells it.
func (s *Service) State() (st State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conf == nil {
		return st
	}
	st.Listen, st.TLS = s.conf.Listen, s.conf.TLS != nil
	if s.server != nil {
		st.Addr = s.server.Addr
	}
	if s.err != nil {
		st.Error, st.Since = s.err.Error(), s.since
	}
	if s.receiver != nil {
		st.Waiting, st.Counts = s.receiver.Box.Waiting(), s.receiver.Tally.Counts()
	}
	for _, r := range st.Waiting {
		st.Bytes += r.Bytes
	}
	return st
}
