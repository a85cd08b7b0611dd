package logset

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/klauspost/compress/gzip"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

const (
	inspectTail = 256 << 10 // of the network log, for what it tells of the peer
	inspectHead = 256 << 10 // of a file whose first 4 KiB hold no record start; as stored
	sipFamily   = "network_log"
)

// Depths is what a look at a host's logs shows. All times are the host's own.
type Depths struct {
	HostKey    string        // "SHA256:…"
	Transport  string        // evidence.Transport…; empty if the Conn does not say
	Clock      time.Duration // host minus collector; of no meaning if ClockErr is set
	ClockDoubt time.Duration // by how much Clock may be wrong either way
	ClockErr   error         // why the clock was not measured
	Families   []Depth       // in the order of Host.Families

	BodiesLogged string   // yes, no, mixed, unknown: in the network log's last 256 KiB
	Own, Peers   []string // addresses that these 256 KiB name; see expressway.Survey
	Name, Role   string   // of the host, as these 256 KiB tell; see expressway.Survey
	Notes        []string // what could not be read, and why
}

// Depth is how far back one family goes.
type Depth struct {
	Family  string
	Files   int       // that could be opened
	Bytes   int64     // of them as stored, compressed or not
	Gzip    int       // how many of them are compressed
	Missed  int       // files that were listed and could not be opened
	Oldest  time.Time // of the oldest record; zero if none was found
	Written time.Time // the newest file's modification time; zero without files
	PerMin  int64     // bytes a minute, uncompressed, over the time that the plain files cover; 0 if unknown
}

// Inspect connects, opens the logs as a Grab does, reads the files' heads and at
// most the last 256 KiB of the network log, and lets go. It changes nothing and
// writes nothing, here or there. After an error the Depths hold what was found
// up to it; a folder that is not there is a Fault with ReasonAbsent.
func Inspect(ctx context.Context, host hostconn.Host) (d Depths, err error) {
	h := &Holder{Host: host}
	if _, err := h.Connect(ctx); err != nil {
		return d, err
	}
	conn := h.conn
	defer context.AfterFunc(ctx, func() { conn.Close(true) })() // cancelling must not wait for the peer
	defer func() { h.Drop(err != nil && !ofTheHost(err)) }()
	d.HostKey = conn.HostKey()
	if t, ok := conn.(interface{ Transport() string }); ok {
		d.Transport = t.Transport()
	}
	if err := h.Hold(ctx, time.Time{}); err != nil {
		return d, inspectError(ctx, err)
	}
	for _, family := range host.Families {
		depth, err := h.Set(family).depth(h.note)
		if err != nil {
			return d, inspectError(ctx, err)
		}
		d.Families = append(d.Families, depth)
	}
	if err := h.Set(sipFamily).surveyTail(&d); err != nil {
		return d, inspectError(ctx, err)
	}
	d.Clock, d.ClockDoubt, d.ClockErr = conn.Clock(ctx)
	d.Notes = slices.Clone(h.Notes)
	return d, inspectError(ctx, nil)
}

// ofTheHost tells a host's answer from a lost connection.
func ofTheHost(err error) bool {
	_, fault := errors.AsType[*hostconn.Fault](err)
	return fault || hostconn.IsAnswer(err)
}

func inspectError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	return err
}

// depth sums a family's held files up, and sorts them, the oldest first. Files that cannot
// be read are noted.
func (s *Set) depth(note func(format string, args ...any)) (Depth, error) {
	d := Depth{Family: s.Family, Missed: len(s.Missed)}
	errs := make([]error, len(s.Files))
	eachOf(s.Files, func(i int) { s.Files[i].First, errs[i] = s.Files[i].firstRecord(s.Zone) })
	for i, f := range s.Files {
		switch {
		case errs[i] != nil && !hostconn.IsAnswer(errs[i]):
			return d, errs[i]
		case errs[i] != nil:
			note("%s could not be read: %v", evidence.Printable(f.Name, 80), errs[i])
		}
		d.Files++
		d.Bytes += f.Size
		if f.Gzip {
			d.Gzip++
		}
		if !f.First.IsZero() && (d.Oldest.IsZero() || f.First.Before(d.Oldest)) {
			d.Oldest = f.First
		}
		if f.MTime.After(d.Written) {
			d.Written = f.MTime
		}
	}
	slices.SortStableFunc(s.Files, filesInTime)
	d.PerMin = rate(s.Files, d.Written)
	return d, nil
}

// rate is bytes a minute over the plain files that stand after the last
// compressed one, whose true size is not known.
func rate(sorted []*File, until time.Time) int64 {
	var since time.Time
	var n int64
	for _, f := range slices.Backward(sorted) {
		if f.Gzip {
			break
		}
		n += f.Size
		if !f.First.IsZero() {
			since = f.First
		}
	}
	span := until.Sub(since)
	if since.IsZero() || span < time.Second {
		return 0
	}
	return int64(float64(n) / span.Minutes())
}

// firstRecord is the time of a file's first record: out of the head that is
// known already, else out of the file's first inspectHead bytes as stored.
func (f *File) firstRecord(zone *time.Location) (time.Time, error) {
	if f.ShowFirst(zone); !f.First.IsZero() {
		return f.First, nil
	}
	raw := make([]byte, min(f.Size, inspectHead))
	if err := hostconn.ReadFull(f.Handle, raw, 0); err != nil {
		if errors.Is(err, hostconn.ErrShort) { // truncated meanwhile: its records are gone
			err = nil
		}
		return time.Time{}, err
	}
	var r io.Reader = bytes.NewReader(raw)
	if f.Gzip {
		z, err := gzip.NewReader(r)
		if err != nil {
			return time.Time{}, nil // no gzip file after all: no records
		}
		r = io.LimitReader(z, 4*inspectHead)
	}
	lines := expressway.NewLineReader(r, 0, expressway.Ref{MTime: f.MTime, Zone: zone})
	for {
		line, err := lines.Next()
		if err != nil { // the end of what was read, which cuts a gzip file off
			return time.Time{}, nil
		}
		if line.Head {
			return line.Time, nil
		}
	}
}

// surveyTail looks over the end of the network log: of the newest files, for the
// live one may have been rotated a moment ago. depth has sorted them.
func (s *Set) surveyTail(d *Depths) error {
	d.BodiesLogged = "unknown"
	var survey expressway.Survey
	left := int64(inspectTail)
	for _, f := range slices.Backward(s.Files) {
		if f.Gzip || left <= 0 {
			break
		}
		n := min(f.Size, left)
		left -= n
		tail := make([]byte, n)
		if err := hostconn.ReadFull(f.Handle, tail, f.Size-n); err != nil {
			if errors.Is(err, hostconn.ErrShort) || hostconn.IsAnswer(err) {
				continue
			}
			return err
		}
		if n < f.Size { // not from the file's start: from the next line's
			tail = tail[expressway.LineBreak(tail)+1:]
		}
		if err := survey.Add(bytes.NewReader(tail), s.Ref(f.MTime)); err != nil {
			return err
		}
	}
	d.BodiesLogged, d.Own, d.Peers = survey.BodiesLogged(), survey.Own(), survey.Peers()
	d.Name, d.Role = survey.Name(), survey.Role()
	return nil
}
