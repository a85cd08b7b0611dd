package handover

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"rtmtgrab/bundle/seal/envelope"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/handover/sink"
)

// Terms are in what form a bundle goes to a destination.
type Terms struct {
	Format string   // zip, tar.zst or tar.gz; empty: as it is
	Mask   string   // a strength; empty or none: as it is
	Scope  string   // in which the same thing gets the same name
	Case   string   // whose scope that is; empty: it is the site's
	To     []string // recipients, or files of them; none: not encrypted
	Keys   []string // the recipients that these are now, as far as it is known
}

const unmasked = "none"

func (t Terms) masked() bool { return t.Mask != "" && t.Mask != unmasked }

// String tells terms apart.
func (t Terms) String() string {
	scope := t.Scope
	if t.Case != "" {
		scope += " " + t.Case
	}
	return fmt.Sprintf("format %s, mask %s %s, to %s %s", t.Format, t.Mask, scope, strings.Join(t.To, " "), strings.Join(t.Keys, " "))
}

// A Maker makes artefacts of bundles.
type Maker struct {
	// Verify says whether a job's bundle is whole, and the job's.
	Verify func(ctx context.Context, j Job) error
	// Mask writes a masked copy of the bundle src into the folder dir, under the name that it
	// is to have; nil: nothing can be masked.
	Mask func(ctx context.Context, src, dir string, j Job, t Terms) (path string, err error)
	// Convert writes the bundle src in another format as dst; nil: none can be converted.
	Convert func(ctx context.Context, src, dst, format string) error
	// Copy is Convert to w, for what is encrypted on its way: then it is never plain on the
	// disk; nil: it is converted first.
	Copy func(ctx context.Context, src string, w io.Writer, format string) error
	// Note is the answer that is in a bundle.
	Note func(path string) sink.Note
	// Room is an error if so many bytes are not to be written now.
	Room func(bytes int64) error
}

// formats are the endings of bundles.
var formats = []string{"zip", "tar.zst", "tar.gz"}

// formatOf splits a bundle's name.
func formatOf(name string) (base, format string) {
	for _, f := range formats {
		if b, ok := strings.CutSuffix(name, "."+f); ok {
			return b, f
		}
	}
	return name, ""
}

// make makes the artefact of a job, on disk and fsynced, or leaves nothing.
func (m Maker) make(ctx context.Context, j Job, t Terms, st Store) (a Artefact, err error) {
	dir, to := st.making(j.Name()), st.Outbox(j.Name())
	defer func() {
		if err != nil {
			err = errors.Join(local(err), os.RemoveAll(to))
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	if err := errors.Join(os.RemoveAll(dir), os.RemoveAll(to)); err != nil { // of an attempt that was killed
		return a, err
	}
	if m.Verify != nil {
		if err := m.Verify(ctx, j); err != nil {
			return a, err
		}
	}
	s := &stages{ctx: ctx, m: m, dir: dir, to: to, path: j.Bundle, fault: st.fault}
	s.name, s.format = formatOf(filepath.Base(j.Bundle))
	if err := s.room(t); err != nil {
		return a, err
	}
	for _, stage := range []func(Job, Terms) error{s.mask, s.convert, s.note, s.encrypt, s.measure} {
		if err := stage(j, t); err != nil {
			return a, err
		}
	}
	return s.made, nil
}

// local has an error be about the artefact here, and keeps whether it is permanent.
func local(err error) error {
	if errors.As(err, new(*sink.Error)) {
		return err
	}
	return &sink.Error{Cause: sink.Local, Permanent: errors.Is(err, os.ErrNotExist), Err: err}
}

// never is an error that no repetition mends.
func never(format string, args ...any) error {
	return &sink.Error{Cause: sink.Local, Permanent: true, Err: fmt.Errorf(format, args...)}
}

// stages lead from a bundle to its artefact: path is the file so far.
type stages struct {
	ctx    context.Context
	m      Maker
	dir    string // in which it is made
	to     string // where it is kept
	path   string
	onWay  bool   // it is converted while it is encrypted
	name   string // without its ending
	format string
	made   Artefact
	fault  func(step, name string) error
}

// room asks for the room of what is written, once before anything is.
func (s *stages) room(t Terms) error {
	steps := int64(0)
	for _, writes := range []bool{t.masked(), t.Format != "" && t.Format != s.format, len(t.To) > 0} {
		if writes {
			steps++
		}
	}
	st, err := os.Stat(s.path)
	if err != nil || steps == 0 {
		return err
	}
	if s.m.Room != nil {
		if err := s.m.Room(min(steps, 2) * st.Size()); err != nil {
			return err
		}
	}
	return atomicfile.MkdirAll(s.dir)
}

// next takes the file that a stage has written in place of the one before.
func (s *stages) next(path string) error {
	before := s.path
	s.path = path
	if filepath.Dir(before) != s.dir {
		return nil
	}
	return os.Remove(before)
}

func (s *stages) mask(j Job, t Terms) error {
	if !t.masked() {
		return nil
	}
	if s.m.Mask == nil {
		return never("it is to be masked (%s), and this grab cannot mask: nothing is sent. Set mask: none for this destination only if it may have everything", t.Mask)
	}
	if err := s.fault("mask", j.Name()); err != nil {
		return err
	}
	to, err := s.m.Mask(s.ctx, s.path, s.dir, j, t)
	if err != nil {
		return fmt.Errorf("mask: %w", err)
	}
	if filepath.Dir(to) != s.dir {
		return never("mask: it wrote %s, not into %s", to, s.dir)
	}
	s.name, s.format = formatOf(filepath.Base(to))
	return s.next(to)
}

func (s *stages) convert(j Job, t Terms) error {
	if t.Format == "" || t.Format == s.format {
		return nil
	}
	if s.m.Convert == nil && s.m.Copy == nil {
		return never("it is to go as %s, and this grab cannot convert %s", t.Format, s.format)
	}
	if err := s.fault("convert", j.Name()); err != nil {
		return err
	}
	if s.onWay = len(t.To) > 0 && s.m.Copy != nil; s.onWay {
		s.format = t.Format
		return nil
	}
	to := filepath.Join(s.dir, "converted."+t.Format)
	if err := s.m.Convert(s.ctx, s.path, to, t.Format); err != nil {
		return fmt.Errorf("convert to %s: %w", t.Format, err)
	}
	s.format = t.Format
	return s.next(to)
}

// note takes the answer from what is sent: of a masked bundle it is masked.
func (s *stages) note(Job, Terms) error {
	if s.m.Note != nil {
		s.made.Note = s.m.Note(s.path)
	}
	s.made.Name = s.name + "." + s.format
	return nil
}

func (s *stages) encrypt(j Job, t Terms) error {
	if len(t.To) == 0 {
		return nil
	}
	to, err := envelope.ReadRecipients(t.To...)
	if err != nil {
		return &sink.Error{Cause: sink.Local, Err: fmt.Errorf("recipients: %w", err)} // a file of them may be replaced at this moment
	}
	if err := s.fault("encrypt", j.Name()); err != nil {
		return err
	}
	sealed := filepath.Join(s.dir, "sealed"+envelope.Ending)
	if s.onWay {
		_, err = envelope.Write(sealed, to, func(w io.Writer) error { return s.m.Copy(s.ctx, s.path, w, s.format) })
	} else {
		_, err = envelope.Encrypt(s.ctx, s.path, sealed, to)
	}
	if err != nil {
		return fmt.Errorf("encrypt: %w", err)
	}
	s.made.Name += envelope.Ending
	return s.next(sealed)
}

// keep puts what was made into the outbox: nothing else ever lies there.
func (s *stages) keep() error {
	if err := atomicfile.MkdirAll(s.to); err != nil {
		return err
	}
	kept := filepath.Join(s.to, filepath.Base(s.path))
	if err := atomicfile.Rename(s.path, kept); err != nil {
		return err
	}
	s.path, s.made.File = kept, filepath.Base(kept)
	return atomicfile.SyncDir(filepath.Dir(s.to))
}

// measure reads what is going to be sent, from its beginning to its end.
func (s *stages) measure(Job, Terms) error {
	if filepath.Dir(s.path) == s.dir {
		if err := s.keep(); err != nil {
			return err
		}
	}
	f, err := os.Open(s.path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	s.made.Size, err = io.Copy(sum, sink.Reader(s.ctx, f))
	s.made.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return err
}
