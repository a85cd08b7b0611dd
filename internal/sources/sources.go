// Package sources turns what a person has of an incident into logs that package
// registration can read: bundles, folders, loose files, and the archives that an
// appliance's diagnostic log comes in.
//
// It guarantees that nothing is held whole in memory, that nothing of an archive
// becomes a path, that what is unpacked goes into one temporary file of bounded
// size, and that a record's place is given as a file that a person can find and
// the offset in that file. It does not read records but to tell logs from other
// files and to order them.
package sources

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"rtmtgrab/bundle/seal/envelope"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
	"rtmtgrab/internal/registration"
)

// families are the logs of an appliance, as they are named there.
var families = []string{"network_log", "messages", "developer_log"}

// ErrNoLog says that something that was named holds no log.
var ErrNoLog = errors.New("no Expressway log")

// A Set is logs that were found, and what is known beside them. Its Sources may be
// opened more than once, and several at a time, until Close.
type Set struct {
	Sources     []registration.Source
	Window      evidence.Window // of the bundles; empty if there is none
	TimeZone    string          // IANA name of the bundles' site, empty if there is none
	Alerts      []evidence.Alert
	PhonesNamed []string
	Before      []evidence.PastPhone // what bundles before these left open
	PhonePage   string               // CUCM's page of phones; empty: not known
	Peers       []string             // Expressways that logs name and that have no log here
	CUCM

	// Opened, if it is set, hears of each log when it is first read. It is called
	// from whatever goroutine reads.
	Opened func(file string)

	ctx   context.Context // ends what is read in the background
	spool spool
	roots []*os.Root
	names map[string]place
	notes notes
}

// CUCM is what that says: the traces of its nodes, and its answers about phones.
type CUCM struct {
	Traces []registration.TraceSource
	Names  []evidence.ClusterPhones
	Taken  registration.Taken // what became of asking, and what bundles have beside logs
}

// A search fills a Set with what is found.
type search struct {
	set   *Set
	found []*found // files that are no Source yet: group makes logs of siblings
}

// Open finds the logs in bundles, folders and files. What has to be unpacked goes
// into a temporary file in the folder dir, "" is the system's. After an error
// nothing is left open.
func Open(ctx context.Context, dir string, args ...string) (s *Set, err error) {
	s = newSet(ctx, dir)
	defer func() {
		if err != nil {
			s.Close()
			s = nil
		}
	}()
	look := &search{set: s}
	for _, arg := range args {
		before := len(look.found) + len(s.Sources) + len(s.Traces)
		if err := look.add(arg, len(args) > 1); err != nil {
			return s, err
		}
		if len(look.found)+len(s.Sources)+len(s.Traces) == before {
			return s, fmt.Errorf("%s: %w in it", arg, ErrNoLog)
		}
	}
	look.addTraces()
	look.group()
	return s, nil
}

func newSet(ctx context.Context, dir string) *Set {
	return &Set{ctx: ctx, spool: spool{dir: dir}, names: map[string]place{}}
}

// add finds out what arg is. With several arguments the logs of a bundle bear its name.
func (s *search) add(arg string, several bool) error {
	st, err := os.Stat(arg)
	switch {
	case err != nil:
		return err
	case st.IsDir():
		return s.addFolder(arg, several)
	case !st.Mode().IsRegular():
		return fmt.Errorf("%s: %w: it is neither a file nor a folder", arg, ErrNoLog)
	}
	name := filepath.Base(arg)
	if several {
		name = filepath.ToSlash(filepath.Clean(arg))
	}
	return s.addFile(arg, name, several, st)
}

// addFile takes a bundle, an archive or a log. The logs of a bundle bear its name
// if there are other sources.
func (s *search) addFile(path, name string, several bool, st fs.FileInfo) error {
	if envelope.IsEncrypted(path) {
		return &envelope.EncryptedError{Path: path}
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	kind, err := sniff(f)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if kind == kindZip || kind == kindZstd || kind == kindGzip {
		prefix := ""
		if several {
			prefix = filepath.Base(path) + "/"
		}
		if s.addBundle(path, prefix) {
			return nil
		}
	}
	if kind == kindZip {
		return wrap(path, s.unzip(f, st, name))
	}
	if kind != kindPlain {
		if ok, err := s.untar(f, st, name); ok || err != nil {
			return wrap(path, err)
		}
	}
	fo := &found{dir: filepath.Dir(path), base: filepath.Base(path), name: name, mtime: st.ModTime(), open: opener(path), size: st.Size(), named: true}
	if ok, err := fo.look(); err != nil || !ok {
		if err == nil {
			err = fmt.Errorf("%w: %s", ErrNoLog, fo.why)
		}
		return wrap(path, err)
	}
	s.found = append(s.found, fo)
	return nil
}

func wrap(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", path, err)
}

// Announce says each log when it is first read.
func (s *Set) Announce(say func(format string, args ...any)) {
	var mu sync.Mutex
	s.Opened = func(file string) {
		mu.Lock()
		defer mu.Unlock()
		say("reading %s", evidence.Printable(file, 300))
	}
}

// Notes says what was passed over, and what ended early. It is complete when the
// sources were read.
func (s *Set) Notes() []string { return s.notes.sorted() }

// Close removes what was unpacked. The sources cannot be read any more.
func (s *Set) Close() error {
	errs := []error{s.spool.close()}
	for _, r := range s.roots {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}

// source adds a log. Its name is made one that no other has.
func (s *Set) source(src registration.Source, l *logFile) {
	for i := 2; ; i++ {
		if _, taken := s.names[src.File]; !taken {
			break
		}
		src.File = fmt.Sprintf("%s (%d)", strings.TrimSuffix(src.File, fmt.Sprintf(" (%d)", i-1)), i)
	}
	l.set, l.file, l.many = s, src.File, len(l.parts) > 1
	src.Open = func() (io.ReadCloser, error) { return l.records(expressway.Ref{MTime: src.MTime, Zone: src.Zone}) }
	s.names[src.File] = place{log: l}
	if l.many {
		for i, p := range l.parts {
			for s.taken(p.name) {
				p.name += "'"
			}
			s.names[p.name] = place{l, i}
		}
	}
	s.Sources = append(s.Sources, src)
}

func (s *Set) taken(name string) bool { _, ok := s.names[name]; return ok }

// latest is the later of two times.
func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
