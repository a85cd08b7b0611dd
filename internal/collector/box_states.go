package collector

import (
	"reflect"
	"slices"
	"sync"
	"time"

	"rtmtgrab/internal/collector/rehearsal"
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
	as        config.Mail     // as it is configured
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

// folders are all of them, as a drill asks for them.
func (s *boxStates) folders() (list []rehearsal.Box) {
	for _, b := range s.all() {
		list = append(list, rehearsal.Box{Name: b.Name, Mailbox: b.Mail, State: b.State})
	}
	return list
}

// begin makes the list anew after a start or a reload; what is known of a box
// that stays as it was is kept.
func (s *boxStates) begin(boxes []wiring.Box) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.list
	s.list = make([]boxState, len(boxes))
	for i, b := range boxes {
		s.list[i] = boxState{Name: b.Name(), Mail: b.Mail.Name, Folder: b.Folder, Server: b.Mail.Server, as: *b.Mail, again: make(chan struct{}, 1)}
		if k := slices.IndexFunc(was, func(o boxState) bool { return o.Name == b.Name() && reflect.DeepEqual(o.as, *b.Mail) }); k >= 0 {
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
