// Package outbox is where alerts wait, on disk, until the hub of the fleet has them.
//
// It guarantees that a letter that is safe on disk is there until the hub has acknowledged the
// message that was made of it, whatever happens to the process; that the message then is in the
// stream once, however often and however late it is sent again, but for a kill between the
// hub's two answers that lasts longer than the stream's own window: the same alert is there
// twice then, which its ID tells; and that letters take no more room than a bound. It does not
// know which alerts go where, and not what becomes of them there.
package outbox

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/incident"
)

// Bounds of what waits.
const (
	maxLetters = 10_000
	maxBytes   = 128 << 20
	maxRaw     = 256 << 10 // bytes of a mail that go with its alert
	maxLetter  = 4 << 20   // of one that is read
)

// ErrFull says that there is no room for another letter.
var ErrFull = errors.New("too many alerts wait for the hub of the fleet")

const ending = ".json"

// An Outbox is safe for concurrent use.
type Outbox struct {
	Room func() // there is room again; may be nil

	st    *incident.Store
	dir   string
	log   *slog.Logger
	kick  chan struct{}
	fault func(step string) error // tests: called before each step of sending; nil: nothing

	mu     sync.Mutex
	list   map[string]waiting // by file name
	bytes  int64
	bounds bounds
	full   time.Time // since when letters were refused; zero: there is room
	aside  int       // letters that cannot be read or sent, in this run
}

type bounds struct {
	letters int
	bytes   int64
}

// waiting is one letter.
type waiting struct {
	size  int64
	since time.Time
	safe  bool // it is on disk, as far as anybody knows
	tries int  // in vain
}

// Open finds what waits in a store.
func Open(st *incident.Store, log *slog.Logger) (*Outbox, error) {
	o := &Outbox{st: st, dir: filepath.Join(st.Dir, "fleet", "outbox"), log: log, kick: make(chan struct{}, 1), list: map[string]waiting{}, bounds: bounds{maxLetters, maxBytes}}
	st.RemoveParts(o.dir, nil)
	entries, err := os.ReadDir(o.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open outbox: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !strings.HasSuffix(e.Name(), ending) {
			continue
		}
		o.list[e.Name()] = waiting{size: info.Size(), since: info.ModTime(), safe: true}
		o.bytes += info.Size()
	}
	return o, nil
}

// Letter is the file by which an alert waits, and what is in it. raw is what came, of which as
// much goes along as there may be; cut says that it is not all. When it is safe, or never will
// be, Posted is due. ErrFull: there is no room.
func (o *Outbox) Letter(a fleet.Alert, raw []byte, cut bool) (name string, contents []byte, err error) {
	a.Raw, a.Cut = raw[:min(len(raw), maxRaw)], cut || len(raw) > maxRaw
	contents, err = json.Marshal(a)
	if err != nil {
		return "", nil, fmt.Errorf("write alert %.12s to the fleet: %w", a.Alert.ID, err)
	}
	name = FileName(a.Site, a.Alert.ID)
	size := int64(len(contents))

	o.mu.Lock()
	defer o.mu.Unlock()
	was := o.list[name]
	if err := atomicfile.MkdirAll(o.dir); err != nil {
		return "", nil, err
	}
	if was.since.IsZero() && len(o.list) >= o.bounds.letters || o.bytes-was.size+size > o.bounds.bytes {
		if o.full.IsZero() {
			o.full = time.Now()
			o.log.Error("too many alerts wait for the hub of the fleet: further ones stay in the journal until there is room", "waiting", len(o.list), "bytes", o.bytes)
		}
		return "", nil, ErrFull
	}
	o.bytes += size - was.size
	if was.since.IsZero() {
		was.since = time.Now()
	}
	was.size = size
	o.list[name] = was
	return filepath.Join(o.dir, name), contents, nil
}

// FileName is that of the letter about an alert to a site. Sites whose names differ in their
// capitals alone have different ones where files do not, and none is that of a device.
func FileName(site, alert string) string {
	sum := sha256.Sum256([]byte(site))
	return alert + "-" + hex.EncodeToString(sum[:12]) + ending
}

// Posted says that all letters so far are safe on disk, or never will be.
func (o *Outbox) Posted() {
	o.mu.Lock()
	for name, w := range o.list {
		if !w.safe {
			w.safe = true
			o.list[name] = w
		}
	}
	o.mu.Unlock()
	select {
	case o.kick <- struct{}{}:
	default:
	}
}

// State is how it stands.
type State struct {
	Waiting int
	Bytes   int64
	Oldest  time.Time // since when the oldest waits; zero: none does
	Full    time.Time // since when letters were refused; zero: there is room
	Aside   int       // letters that could not be read or sent, since the start
}

// State says how it stands now.
func (o *Outbox) State() State {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := State{Waiting: len(o.list), Bytes: o.bytes, Full: o.full, Aside: o.aside}
	for _, w := range o.list {
		if s.Oldest.IsZero() || w.since.Before(s.Oldest) {
			s.Oldest = w.since
		}
	}
	return s
}

// due are some of the letters that wait, those first that failed least often, and of them the
// oldest: one that cannot be sent stands in nobody's way.
func (o *Outbox) due(most int) (names []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, w := range o.list {
		if w.safe {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(o.list[a].tries, o.list[b].tries), o.list[a].since.Compare(o.list[b].since), strings.Compare(a, b))
	})
	return names[:min(len(names), most)]
}

// read reads a letter. gone: it is not there.
func (o *Outbox) read(name string) (a fleet.Alert, gone bool, err error) {
	f, err := os.Open(filepath.Join(o.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return a, true, nil
	}
	if err != nil {
		return a, false, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxLetter+1))
	if err != nil {
		return a, false, err
	}
	if len(b) > maxLetter {
		return a, false, &unreadableError{fmt.Errorf("it is longer than %d bytes", maxLetter)}
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return a, false, &unreadableError{err}
	}
	if FileName(a.Site, a.Alert.ID) != name || !incident.IsID(a.Alert.ID) {
		return a, false, &unreadableError{errors.New("it is of another alert or site")}
	}
	return a, false, nil
}

// unreadableError says that a letter will never be read or sent.
type unreadableError struct{ error }

// failed notes that a letter could not be sent.
func (o *Outbox) failed(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if w, there := o.list[name]; there {
		w.tries++
		o.list[name] = w
	}
}

// remove removes a letter that has arrived.
func (o *Outbox) remove(name string) error {
	if err := o.st.Remove(filepath.Join(o.dir, name)); err != nil {
		return fmt.Errorf("remove an alert from the outbox that has arrived: %w", err)
	}
	o.forget(name)
	return nil
}

func (o *Outbox) forget(name string) {
	o.mu.Lock()
	o.bytes -= o.list[name].size
	delete(o.list, name)
	room := !o.full.IsZero() && len(o.list) <= o.bounds.letters-o.bounds.letters/8 && o.bytes <= o.bounds.bytes-o.bounds.bytes/8
	if room {
		o.full = time.Time{}
	}
	o.mu.Unlock()
	if room {
		o.log.Info("there is room again for alerts that wait for the hub of the fleet")
		if o.Room != nil {
			o.Room()
		}
	}
}

// setAside takes a letter that can never be sent out of the way, for a person to look at.
func (o *Outbox) setAside(name string, why error) error {
	aside, err := atomicfile.SetAside(filepath.Join(o.dir, name))
	if err != nil {
		return fmt.Errorf("set a letter aside that cannot be sent: %w", err)
	}
	o.log.Error("an alert for another collector cannot be sent: it is kept aside", "file", aside, "err", why)
	o.mu.Lock()
	o.aside++
	o.mu.Unlock()
	o.forget(name)
	return nil
}
