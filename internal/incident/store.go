package incident

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/growth"
)

// A Store is the folder in which everything is kept:
//
//	watch.lock                      held by grab watch
//	plan.json                       the policy under which old decisions were made
//	mails/<alert ID>.eml            what came, byte for byte; written before the alert's record
//	mails/<alert ID>.json           the same of an alert that was no mail
//	alerts/<alert ID>.json          an alert and what was decided about it
//	incidents/<key>/incident.json
//	incidents/<key>/lock
//	incidents/<key>/rows/<host>.json      what was got of a host, with every attempt
//	incidents/<key>/hosts/<host>/         the puller's own
//	incidents/<key>/manifest-r<n>.json    as it goes into the bundle
//	incidents/<key>/phones.json           what later incidents should know of its phones
//	incidents/<key>/pin.json              it is not to be removed, see Pin
//	incidents/<key>/material.json         what came of CUCM and phones, see package material
//	incidents/<key>/cucm/, prt/           the files of it, as they will lie in the bundle
//	late/<key>.json                       something came that the newest bundle may not have
//	removing/<key>/                       an incident's folder, from when its removal is decided until it is gone
//	removing.lock                         held while that is decided, and while a pin is set
//	bundles/                        finished bundles
//	removed.jsonl                   what keep.age, keep.size or keep.free removed, see Removal
//	pauses.json                     maintenance by hand, written by grab pause
//	custody/<bundle>.jsonl          what was done with a bundle since it was sealed, see bundle/custody
//	seal.key, seal.pub              the key that signs bundles, see bundle/seal
//	mask/                           which names masked bundles have for what, see bundle/mask/mapfile
//	cucm-logins/, api-logins/       refused logins to CUCM and to Expressways' REST APIs, see package ledger
//	cucm-calls/                     when CUCM clusters were asked for phones in the last minute
//	growth.json                     how logs grow and clocks go, see package growth
//
// Reading works beside a running watch and needs no lock.
type Store struct {
	Dir string

	Fault     func(op, name string) error       // for tests: called before ("op") and after ("op done") each change; nil: nothing
	WriteFile func(name string, b []byte) error // for tests that need no fsync, and to try something out; nil: atomicfile.WriteBytes
}

// OpenStore makes the folders (0700) that are not there.
func OpenStore(dir string) (*Store, error) {
	s := &Store{Dir: dir}
	for _, d := range []string{dir, s.MailsDir(), s.AlertsDir(), s.incidentsDir(), s.Bundles()} {
		if err := atomicfile.MkdirAll(d); err != nil {
			return nil, fmt.Errorf("open store: %w", err)
		}
	}
	return s, nil
}

// Bundles is the folder of finished bundles.
func (s *Store) Bundles() string { return filepath.Join(s.Dir, "bundles") }

// Where the files of the store lie, see Store.
func (s *Store) MailsDir() string              { return filepath.Join(s.Dir, "mails") }
func (s *Store) AlertsDir() string             { return filepath.Join(s.Dir, "alerts") }
func (s *Store) incidentsDir() string          { return filepath.Join(s.Dir, "incidents") }
func (s *Store) IncidentDir(key string) string { return filepath.Join(s.incidentsDir(), key) }
func (s *Store) AlertPath(id string) string    { return filepath.Join(s.AlertsDir(), id+".json") }
func (s *Store) SlicesDir(key string) string   { return filepath.Join(s.IncidentDir(key), "hosts") }
func (s *Store) ResultsDir(key string) string  { return filepath.Join(s.IncidentDir(key), "rows") }

// MailPath is where what came of an alert lies, or would: a mail, or where another file is
// there what came by another way.
func (s *Store) MailPath(id string) string {
	stem := filepath.Join(s.MailsDir(), id)
	if other := stem + (evidence.Alert{Source: evidence.SourceWebhook}).FileEnding(); isThere(other) {
		return other
	}
	return stem + evidence.Alert{}.FileEnding()
}

func isThere(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// File is a state that is kept in a file of the store: what is saved there passes the
// store's seams.
func File[T any](s *Store, path string) atomicfile.JSON[T] {
	return atomicfile.JSON[T]{Path: path, Write: s.writeBytes}
}

func (s *Store) incidentFile(key string) atomicfile.JSON[Incident] {
	return File[Incident](s, filepath.Join(s.IncidentDir(key), "incident.json"))
}

func (s *Store) resultFile(key, host string) atomicfile.JSON[HostState] {
	return File[HostState](s, filepath.Join(s.ResultsDir(key), host+".json"))
}

// ManifestFile is where the manifest of a revision is kept.
func (s *Store) ManifestFile(key string, rev int) atomicfile.JSON[evidence.Manifest] {
	return File[evidence.Manifest](s, filepath.Join(s.IncidentDir(key), fmt.Sprintf("manifest-r%d.json", rev)))
}

// GrowthFile is where the history of logs and clocks is kept.
func (s *Store) GrowthFile() atomicfile.JSON[growth.State] {
	return File[growth.State](s, filepath.Join(s.Dir, "growth.json"))
}

// do makes one change to the disk, with the tests' faults around it.
func (s *Store) do(op, name string, change func() error) error {
	if s.Fault != nil {
		if err := s.Fault(op, name); err != nil {
			return err
		}
	}
	if err := change(); err != nil {
		return err
	}
	if s.Fault != nil {
		return s.Fault(op+" done", name)
	}
	return nil
}

func (s *Store) writeBytes(name string, b []byte) error {
	write := s.WriteFile
	if write == nil {
		write = atomicfile.WriteBytes
	}
	return s.do("write", name, func() error { return write(name, b) })
}

func (s *Store) Remove(name string) error {
	return s.do("remove", name, func() error { return os.RemoveAll(name) })
}

// Create makes an incident's folder, which must be new, with what is in it.
func (s *Store) Create(key string) error {
	return s.do("create", s.IncidentDir(key), func() error {
		if err := os.Mkdir(s.IncidentDir(key), 0o700); err != nil {
			return err
		}
		atomicfile.Adopt(s.IncidentDir(key))
		for _, d := range []string{s.SlicesDir(key), s.ResultsDir(key)} {
			if err := atomicfile.MkdirAll(d); err != nil {
				return err
			}
		}
		if s.WriteFile != nil {
			return nil
		}
		return errors.Join(atomicfile.SyncDir(s.IncidentDir(key)), atomicfile.SyncDir(s.incidentsDir()))
	})
}

// claim makes a new incident's folder and record, under its ID or a key like it that
// is free.
func (s *Store) claim(in Incident, now func() time.Time) (Incident, error) {
	in.Key = in.ID
	for n := 2; ; n++ {
		err := s.Create(in.Key)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) || n > 100 {
			return in, fmt.Errorf("claim incident %s: %w", in.ID, err)
		}
		in.Key = fmt.Sprintf("%s-k%d", in.ID, n) // a crash left an empty folder, or an incident's ID has moved on
	}

	in.Created = now().UTC().Round(0)
	if err := s.Save(in); err != nil {
		s.Remove(s.IncidentDir(in.Key)) // an empty folder is removed at the next start too
		return in, err
	}
	return in, nil
}

func (s *Store) Save(in Incident) error {
	if err := s.incidentFile(in.Key).Save(in); err != nil {
		return fmt.Errorf("save incident %s: %w", in.ID, err)
	}
	return nil
}

func (s *Store) Read(key string) (Incident, error) {
	file := s.incidentFile(key)
	in, err := file.Read()
	if err == nil && in.Key != key {
		err = &atomicfile.DamagedError{Path: file.Path, Err: fmt.Errorf("it says that its key is %q", in.Key)}
	}
	if err == nil && !in.State.known() {
		err = &atomicfile.UnreadableError{Path: file.Path, Err: fmt.Errorf("a later version of grab wrote it: its state is %q", in.State)}
	}
	s.place(&in)
	return in, err
}

func (s *Store) place(in *Incident) {
	in.Bundle = s.Placed(in.Bundle)
	for i, rev := range in.Revisions {
		in.Revisions[i].Bundle = s.Placed(rev.Bundle)
	}
}

// Placed is where a bundle lies that a record says to be at path. Records name it in full, but
// a store is moved, copied and restored as a whole: then it is the one in this store.
func (s *Store) Placed(path string) string {
	dir := filepath.Dir(path)
	if path == "" || dir == s.Bundles() {
		return path
	}
	own := filepath.Join(s.Bundles(), path[strings.LastIndexAny(path, `/\`)+1:])
	if isThere(own) && (filepath.Base(dir) == filepath.Base(s.Bundles()) || !isThere(path)) {
		return own
	}
	return path // somebody chose that folder
}

// Keys lists the folders of incidents; a store that is not there has none.
func (s *Store) Keys() ([]string, error) {
	entries, err := os.ReadDir(s.incidentsDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w incidents: %w", ErrList, err)
	}
	var keys []string
	for _, e := range entries {
		if e.IsDir() {
			keys = append(keys, e.Name())
		}
	}
	return keys, nil
}

// RemoveParts removes what a crash left half written in a folder of this store, but for
// what keep names; it may be nil.
func (s *Store) RemoveParts(dir string, keep func(name string) bool) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // not there: nothing is left over
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), atomicfile.PartSuffix) && (e.Type().IsRegular() || e.IsDir()) && (keep == nil || !keep(e.Name())) {
			os.RemoveAll(filepath.Join(dir, e.Name())) // garbage either way; the next start tries again
		}
	}
}

// Alert reads what is known of an alert.
func (s *Store) Alert(id string) (AlertRecord, error) {
	if !IsID(id) {
		return AlertRecord{}, fmt.Errorf("alert %q: not an alert's ID", id)
	}
	rec, err := s.alertFile(id).Read()
	if err == nil && rec.Alert.ID != id {
		err = &atomicfile.DamagedError{Path: s.AlertPath(id), Err: errors.New("it is of another alert")}
	}
	return rec, err
}

func (s *Store) alertFile(id string) atomicfile.JSON[AlertRecord] {
	return File[AlertRecord](s, s.AlertPath(id))
}

// SaveAlert replaces the record of an alert.
func (s *Store) SaveAlert(rec AlertRecord) error { return s.alertFile(rec.Alert.ID).Save(rec) }

// A Batch is several files of a store that become safe together, with the tests'
// faults around them. It is not safe for concurrent use.
type Batch struct {
	St *Store
	b  atomicfile.Batch
}

// WriteAlert adds an alert's record and what came, its mail say: both, or neither. Nothing is
// kept of what came if raw is nil.
func (b *Batch) WriteAlert(rec AlertRecord, raw []byte) error {
	before := b.b.Len()
	var err error
	if raw != nil || rec.Alert.IsMail() {
		err = b.write(filepath.Join(b.St.MailsDir(), rec.Alert.ID+rec.Alert.FileEnding()), raw)
	}
	if err == nil {
		err = b.WriteRecord(rec)
	}
	if err != nil {
		b.b.Cut(before)
	}
	return err
}

// WriteRecord adds an alert's record.
func (b *Batch) WriteRecord(rec AlertRecord) error {
	file := b.St.alertFile(rec.Alert.ID)
	file.Write = b.write
	return file.Save(rec)
}

// WriteFirst adds another file of the store, which is in a folder of its own and durable before any record.
func (b *Batch) WriteFirst(name string, contents []byte) error {
	return b.writeBy(b.b.WriteFirst, name, contents)
}

func (b *Batch) write(name string, contents []byte) error {
	return b.writeBy(b.b.Write, name, contents)
}

func (b *Batch) writeBy(write func(name string, contents []byte) error, name string, contents []byte) error {
	if b.St.WriteFile != nil {
		return b.St.writeBytes(name, contents)
	}
	return b.St.do("write", name, func() error { return write(name, contents) })
}

// Drop drops what was added and not committed.
func (b *Batch) Drop() { b.b.Drop() }

// Commit makes the files safe on disk. After an error they are dropped.
func (b *Batch) Commit() error {
	if b.b.Len() == 0 {
		return nil
	}
	if err := b.St.do("commit", b.St.Dir, b.b.Commit); err != nil {
		b.b.Drop()
		return err
	}
	return nil
}
