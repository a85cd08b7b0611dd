// Package exporting is what a person does to have logs in another program's form: a bundle
// as another kind of archive, as an appliance's diagnostic archive, and the SIP messages for
// Wireshark.
//
// It guarantees that no input is overwritten, that what is written is whole or not there, and
// that a fault of the request is told before anything is read. It does not know how
// anything is found in logs.
package exporting

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/export"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/sources"
	"rtmtgrab/internal/version"
	"rtmtgrab/internal/wiring"
)

// Packets say which SIP messages are written, and where.
type Packets struct {
	File         string
	Phones       []string
	Since, Until string
	Raw          bool
}

// Written are the messages that were written.
type Written struct {
	File string `json:"file"`
	*export.Result

	zone *time.Location
}

// Warn says nothing: what went wrong that is no failure is among the notes.
func (w Written) Warn(io.Writer) {}

// Write says it for people.
func (w Written) Write(out io.Writer) error { return w.Result.Write(out, w.File, w.zone) }

// Write writes the messages of what args name. say hears how far it is.
func (p Packets) Write(ctx context.Context, args []string, say func(format string, args ...any)) (Written, error) {
	if err := p.check(args); err != nil {
		return Written{}, advice.Usage(err)
	}
	defer analysis.BoundMemory()()
	set, err := sources.Open(ctx, filepath.Dir(p.File), args...)
	if err != nil {
		return Written{}, err
	}
	defer set.Close()
	set.Announce(say)

	o := export.Options{Phones: p.Phones, Raw: p.Raw, Place: set.Place, Program: "grab " + version.Version}
	if o.Since, o.Until, err = p.span(set, say); err != nil {
		return Written{}, advice.Usage(err)
	}
	res, err := p.write(ctx, set, o)
	if err != nil {
		return Written{}, err
	}
	res.Notes = append(res.Notes, set.Notes()...)
	return Written{p.File, res, wiring.ZoneNamed(set.TimeZone)}, nil
}

// check looks at what can be wrong before anything is read: no input is overwritten.
func (p Packets) check(args []string) error {
	if p.File == "" {
		return errors.New("missing --pcapng: name the file to write, or give --format or --encrypt-to")
	}
	st, err := os.Stat(p.File)
	if err != nil {
		if _, err := os.Stat(filepath.Dir(p.File)); err != nil {
			return fmt.Errorf("--pcapng: %w", err)
		}
		return nil
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("--pcapng: %s is not a file", p.File)
	}
	for _, arg := range args {
		if in, err := os.Stat(arg); err == nil && os.SameFile(in, st) {
			return fmt.Errorf("--pcapng: %s is also an input", p.File)
		}
	}
	return nil
}

// span reads --since and --until. A time of day is the last such one before the
// end of the bundles' window, or before now.
func (p Packets) span(set *sources.Set, say func(format string, args ...any)) (since, until time.Time, err error) {
	now, site := time.Now(), wiring.ZoneNamed(set.TimeZone)
	if !set.Window.Empty() {
		now = set.Window.Until
	}
	for _, t := range []struct {
		name, text string
		to         *time.Time
	}{{"since", p.Since, &since}, {"until", p.Until, &until}} {
		if t.text == "" {
			continue
		}
		at, err := oneshot.ParseTime(t.text, now, site)
		if err != nil {
			return since, until, fmt.Errorf("--%s %q: %w", t.name, t.text, err)
		}
		*t.to = at
		say("%s %s", t.name, human.Clock{Zone: site}.At(at))
	}
	if !since.IsZero() && !until.IsZero() && !since.Before(until) {
		return since, until, errors.New("--since is not before --until")
	}
	return since, until, nil
}

// write writes the file, whole or not at all.
func (p Packets) write(ctx context.Context, set *sources.Set, o export.Options) (res *export.Result, err error) {
	err = atomicfile.Write(p.File, func(w io.Writer) error {
		res, err = export.PCAPNG(ctx, w, set.Sources, o)
		return err
	})
	switch {
	case errors.Is(err, export.ErrInfo):
		err = advice.WithHint(err, "log network.sip at DEBUG next time: Maintenance > Diagnostics > Advanced > Network Log configuration")
	case errors.Is(err, fs.ErrPermission):
		err = advice.WithHint(err, "name a file in a folder that this user can write to")
	case errors.Is(err, export.ErrNothing) && (len(o.Phones) > 0 || !o.Since.IsZero() || !o.Until.IsZero()):
		err = advice.WithHint(err, "check --phone, --since and --until: without them all messages are written")
	}
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", p.File, err)
	}
	return res, nil
}
