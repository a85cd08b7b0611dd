package fetch

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

// surveyed remembers what was said of a slice, to be said again while it does
// not change.
type surveyed struct {
	key    string
	file   evidence.File
	survey expressway.Survey
}

// row is the host's row as it stands: what is on disk, and what of asked is
// missing, because of err or for other reasons.
func (g *Grab) row(ctx context.Context, asked evidence.Window, err error) (evidence.Host, error) {
	h := evidence.Host{Host: g.Host.Name, Role: g.Host.Role, Address: g.Host.Address, ClockFrom: "none", BodiesLogged: "unknown"}
	if err != nil {
		h.Error = evidence.Printable(strings.ReplaceAll(err.Error(), "\n", "; "), 500)
	}
	if g.state == nil {
		return evidence.Lacking(h, g.Host.Families, asked, faultReason(err)), nil
	}
	h.HostKey, h.Notes = g.state.HostKey, slices.Clone(g.state.Notes)
	h.Transport = g.state.Transport
	h.Via, h.Legacy = slices.Clone(g.state.Via), slices.Clone(g.state.Legacy)
	if g.state.Clock != nil {
		ms := g.state.offset().Milliseconds()
		h.ClockOffsetMS, h.ClockFrom = &ms, "date"
	}
	h.WidenedMS = g.state.doubt().Round(time.Millisecond).Milliseconds()
	if !g.restless.IsZero() {
		h.Notes = append(h.Notes, fmt.Sprintf("the folder changed during each of %d listings", relist))
	}
	h.Ring = g.ring.costs
	var all expressway.Survey
	var fail error
	for _, name := range g.Host.Families {
		s, err2 := g.survey(ctx, name)
		if err2 != nil {
			fail = errors.Join(fail, err2)
		}
		f := g.state.family(name)
		s.file.Missing = f.missing(asked, err, g.holes(s.survey.Holes, asked))
		s.file.Coverage = evidence.Judge(asked, s.file.Missing)
		if s.file.Coverage != evidence.Lost || s.file.Bytes > 0 {
			s.file.Path = "hosts/" + g.Host.Name + "/" + name + ".txt"
		}
		f.Foresight.tell(&s.file, asked, g.state.offset())
		h.Files = append(h.Files, s.file)
		all.Join(&s.survey)
	}
	h.BodiesLogged, h.Credentials = all.BodiesLogged(), all.Credentials
	h.OwnAddresses, h.PeersNamed = all.Own(), all.Peers()
	h.Conclude()
	return h, fail
}

// survey reads a family's slice from disk: hashes, records, what they tell.
func (g *Grab) survey(ctx context.Context, name string) (surveyed, error) {
	f := g.state.family(name)
	pieces := f.sorted()
	key := ""
	for _, pc := range pieces {
		key += fmt.Sprintf("%s:%d:%d:%s;", pc.File, pc.Offset, pc.whole(), pc.Name)
	}
	if s, ok := g.surveyed[name]; ok && s.key == key {
		return s, nil
	}
	s := surveyed{key: key, file: evidence.File{Family: name, Sources: []evidence.Source{}}}
	r, err := f.open(g.Dir)
	if err != nil {
		return s, fmt.Errorf("read the slice of %s: %w", name, err)
	}
	defer r.Close()
	whole, ref := sha256.New(), expressway.Ref{Zone: g.Host.Zone}
	var parts []io.Reader
	hashes := make([]*countHash, len(pieces))
	for i, pc := range pieces {
		hashes[i] = &countHash{Hash: sha256.New()}
		parts = append(parts, io.TeeReader(r.(*joined).readers[i], hashes[i]))
		ref.MTime = pc.MTime
	}
	joined := io.MultiReader(parts...)
	if len(pieces) == 1 {
		whole = hashes[0].Hash // the same bytes
	} else {
		joined = io.TeeReader(joined, whole)
	}
	if err := s.survey.Add(stoppable{ctx, joined}, ref); err != nil {
		return s, fmt.Errorf("read the slice of %s: %w", name, err)
	}
	for i, pc := range pieces {
		s.file.Bytes += hashes[i].n
		s.file.Sources = append(s.file.Sources, evidence.Source{Name: evidence.Printable(pc.Name, 255), Offset: pc.Offset, Length: hashes[i].n,
			Size: pc.Size, MTime: pc.MTime.UTC(), SHA256: hex.EncodeToString(hashes[i].Sum(nil)), From: cmp.Or(pc.From, "host")})
	}
	s.file.SHA256, s.file.Records = hex.EncodeToString(whole.Sum(nil)), s.survey.Records
	if s.survey.Records > 0 {
		first, last := s.survey.First, s.survey.Last
		s.file.First, s.file.Last = &first, &last
	}
	g.surveyed[name] = s
	return s, nil
}

// reached is what is on disk for certain when copying stopped at part i, in the
// host's time: records that follow may be a little older than those before them.
func (g *Grab) reached(f *family, p *Plan, i int) evidence.Window {
	oldest, ok := p.Oldest()
	h := p.Files[i]
	until := h.First
	if h.Found != nil {
		from, to := h.Found.WithPreamble(true)
		lacks := f.lacking(h, from, to)
		switch {
		case len(lacks) == 0:
			until = g.lastOf(f, h)
		case lacks[0].piece != nil:
			until, _ = g.lastRecord(lacks[0].piece)
		}
	}
	if !ok || until.IsZero() {
		return evidence.Window{}
	}
	return evidence.Window{Since: oldest, Until: until.Add(-Disorder)}
}

// gaps notes what is missing of files that were listed and could not be held, of
// files that were cut off before they were read to the end, of files that came
// and went between two listings, and of stamps that can be read in two ways.
func (g *Grab) gaps(f *family, p *Plan, listed time.Time) {
	offset := g.state.offset()
	now := listed.Add(offset)
	for _, m := range g.missed {
		if expressway.FamilyOf(m.Name, g.Host.Families) == f.name && m.Size > 0 && !(m.Reason == evidence.ReasonVanished && p.Holds(m.Entry)) {
			f.gap(p.LastBefore(m.Entry), m.MTime.Add(time.Second), m.Reason, offset)
		}
	}
	g.cutOff(f, p, now)
	g.breaks = slices.DeleteFunc(g.breaks, func(b Break) bool {
		if b.Family == f.name && !p.ShowsAfter(b) {
			f.lose(g.lastOf(f, b.Before), b.After.First, evidence.ReasonRotated, offset)
		}
		return b.Family == f.name
	})
	if !g.restless.IsZero() {
		f.gap(g.restless, now, evidence.ReasonVanished, offset)
	}
	if from, to, ok := expressway.Doubled(g.Host.Zone, p.Cut.Since, p.Cut.Until); ok && p.SyslogDated() {
		f.gap(from, to, evidence.ReasonClock, offset)
	}
	g.ahead(p, now)
}

// ShowsAfter reports whether a later listing showed the file before the break: then
// all that is newer was there to be held.
func (p *Plan) ShowsAfter(b Break) bool {
	return b.Before.listed > b.round || slices.ContainsFunc(p.Files, func(h *File) bool {
		return h.listed > b.round && !h.Stale && sameFile(h, b.Before) && max(h.Unpacked, h.Size) >= b.Before.Size
	})
}

// LastBefore is the time of the last record known of before a file that is not
// there, or the start of the cut.
func (p *Plan) LastBefore(e hostconn.Entry) time.Time {
	since := p.Cut.Since
	for _, h := range p.Files {
		var last time.Time
		switch {
		case h.Found != nil && !h.Found.Last.IsZero():
			last = h.Found.Last
		case !h.Gzip:
			last = h.MTime
		}
		if last.Before(e.MTime) && last.After(since) {
			since = last
		}
	}
	return since
}

// GoesOn reports whether a file that was truncated is held under another name,
// with all that it had.
func (p *Plan) GoesOn(t *File) bool {
	return slices.ContainsFunc(p.Files, func(h *File) bool {
		return !h.Stale && sameFile(h, t) && max(h.Unpacked, h.Size) >= t.Size
	})
}

// FirstAfter is the time of the first record of the next file after t, or now.
func (p *Plan) FirstAfter(t, now time.Time) time.Time {
	for _, h := range p.Files {
		if h.First.After(t) && h.First.Before(now) {
			now = h.First
		}
	}
	return now
}

func (p *Plan) SyslogDated() bool {
	return slices.ContainsFunc(p.Files, func(h *File) bool {
		line, _, _ := bytes.Cut(h.Head, []byte("\n"))
		return expressway.SyslogDated(line)
	})
}

// Holds reports whether a file that was listed is among the parts, under whatever
// name. The live file may have grown before it was renamed; a file may have been
// compressed.
func (p *Plan) Holds(e hostconn.Entry) bool {
	return slices.ContainsFunc(p.Files, func(h *File) bool {
		return h.Size == e.Size && h.MTime.Equal(e.MTime) || e.Name == p.Family && h.Size >= e.Size && !h.MTime.Before(e.MTime) ||
			h.Gzip && h.MTime.Equal(e.MTime)
	})
}

// ahead notes by how much a clock that could not be measured is ahead for
// certain: the live file cannot have been written in the future.
func (g *Grab) ahead(p *Plan, now time.Time) {
	if g.state.Clock != nil {
		g.state.Ahead = 0
		return
	}
	for _, h := range p.Files {
		if d := h.MTime.Sub(now); h.Name == p.Family && d > g.state.Ahead {
			g.state.Ahead = d
		}
	}
	if g.state.Ahead > UnknownClock {
		g.note("the clock could not be measured and is at least %s ahead", g.state.Ahead.Round(time.Second))
	}
}
