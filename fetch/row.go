package fetch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/redact"
)

// counted remembers what was said of a slice, to be said again while it does not change.
type counted struct {
	key    string
	file   evidence.File
	tally  expressway.Tally
	defect string // why the records could not be counted, though their bytes were read
}

// row is the host's row as it stands: what is on disk, and what of asked is
// missing, because of err or for other reasons. What the records say it leaves open, but
// for their times: evidence.Contents is found out elsewhere.
func (g *Grab) row(ctx context.Context, asked evidence.Window, err error) (evidence.Host, error) {
	h := evidence.Host{Host: g.Host.Name, Role: g.Host.Role, Address: g.Host.Address, ClockFrom: "none", BodiesLogged: "unknown"}
	if err != nil {
		h.Error = redact.Foreign(human.OneLine(err), 500)
	}
	if g.store == nil {
		return evidence.Lacking(h, g.Host.Families, asked, faultReason(err)), nil
	}
	s, clock := g.store.state, g.store.state.clock()
	h.HostKey, h.Notes, h.Transport = s.HostKey, slices.Clone(s.Notes), s.Transport
	h.Via, h.Legacy = slices.Clone(s.Via), slices.Clone(s.Legacy)
	if clock.Known {
		ms := clock.Offset.Milliseconds()
		h.ClockOffsetMS, h.ClockFrom = &ms, "date"
	}
	h.ClockSteps = slices.Clone(s.Leaps)
	h.WidenedMS = clock.Uncertainty().Round(time.Millisecond).Milliseconds()
	if !g.holder.Restless.IsZero() {
		h.Notes = append(h.Notes, fmt.Sprintf("the folder changed during each of %d listings", logset.Relistings))
	}
	h.Ring = g.ring.costs
	var fail error
	for _, name := range g.Host.Families {
		s, err2 := g.fileRow(ctx, name, asked, err)
		fail = errors.Join(fail, err2)
		h.Files = append(h.Files, s.file)
		if s.defect != "" {
			h.Notes = append(h.Notes, fmt.Sprintf("the records of %s could not be read (%s): they are here as they were copied, and what they cover is not known", name, s.defect))
		}
	}
	h.Conclude()
	return h, fail
}

// fileRow is what was got of one family, and what of asked is missing.
func (g *Grab) fileRow(ctx context.Context, name string, asked evidence.Window, err error) (counted, error) {
	s, fail := g.count(ctx, name)
	f := g.store.state.family(name)
	spans := g.holes(s.tally.Holes, asked)
	if s.defect != "" {
		spans = []evidence.Span{{Since: asked.Since, Until: asked.Until, Reason: evidence.ReasonRead}}
	}
	s.file.Missing = f.missing(asked, err, spans)
	s.file.Coverage = evidence.Judge(asked, s.file.Missing)
	if s.file.Coverage != evidence.Lost || s.file.Bytes > 0 {
		s.file.Path = "hosts/" + g.Host.Name + "/" + name + ".txt"
	}
	tellRetention(f.Retention, &s.file, asked, g.store.state.clock().Offset)
	return s, fail
}

// tellRetention writes how long a family's records last into its row. The minutes that
// were asked for begin to be overwritten when they are as old as the oldest record; of a
// log that has not rotated yet nobody knows.
func tellRetention(r *logset.Retention, f *evidence.File, asked evidence.Window, offset time.Duration) {
	if r == nil {
		return
	}
	oldest, gone := evidence.Clamp(r.Oldest.Add(-offset)).UTC(), evidence.Clamp(asked.Since.Add(r.Depth())).UTC()
	f.Oldest, f.DepthS, f.BytesPerMinute = &oldest, int64(r.Depth().Seconds()), r.PerMin
	if !r.Young {
		f.Overwritten = &gone
	}
}

// countRecords reads what r gives, to its end. What strangers wrote may find a defect in
// that: it costs what would have been told of the records, not their bytes.
func countRecords(r io.Reader, ref expressway.Ref) (t expressway.Tally, defect string, err error) {
	defer func() {
		if v := recover(); v != nil {
			t, defect = expressway.Tally{}, "internal error: "+evidence.Printable(fmt.Sprint(v), 200)
			_, err = io.Copy(io.Discard, r)
		}
	}()
	err = t.Add(r, ref)
	return t, "", err
}

// count reads a family's slice from disk: hashes, and how many records of which times.
func (g *Grab) count(ctx context.Context, name string) (counted, error) {
	f := g.store.state.family(name)
	pieces := f.sorted()
	key := ""
	for _, e := range pieces {
		key += fmt.Sprintf("%s:%d:%d:%s;", e.File, e.Offset, e.whole(), e.Name)
	}
	if s, ok := g.counted[name]; ok && s.key == key {
		return s, nil
	}
	s := counted{key: key, file: evidence.File{Family: name, Sources: []evidence.Source{}}}
	r, err := f.open(g.Dir)
	if err != nil {
		return s, fmt.Errorf("read the slice of %s: %w", name, err)
	}
	defer r.Close()
	whole, ref := sha256.New(), g.store.ref(time.Time{})
	var parts []io.Reader
	hashes := make([]*countHash, len(pieces))
	for i, e := range pieces {
		hashes[i] = &countHash{Hash: sha256.New()}
		parts = append(parts, io.TeeReader(r.readers[i], hashes[i]))
		ref.MTime = e.MTime
	}
	joined := io.MultiReader(parts...)
	if len(pieces) == 1 {
		whole = hashes[0].Hash // the same bytes
	} else {
		joined = io.TeeReader(joined, whole)
	}
	if s.tally, s.defect, err = countRecords(stoppable{ctx, joined}, ref); err != nil {
		return s, fmt.Errorf("read the slice of %s: %w", name, err)
	}
	for i, e := range pieces {
		s.file.Bytes += hashes[i].n
		s.file.Sources = append(s.file.Sources, evidence.Source{Name: redact.Foreign(e.Name, 255), Offset: e.Offset, Length: hashes[i].n,
			Size: e.Size, MTime: e.MTime.UTC(), SHA256: hex.EncodeToString(hashes[i].Sum(nil)), From: cmp.Or(e.From, evidence.FromHost), Collector: e.By})
	}
	s.file.SHA256, s.file.Records = hex.EncodeToString(whole.Sum(nil)), s.tally.Records
	if s.tally.Records > 0 {
		first, last := s.tally.First, s.tally.Last
		s.file.First, s.file.Last = &first, &last
	}
	g.counted[name] = s
	return s, nil
}
