package gather

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/cucmtrace"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident/material"
)

// names of the cut files in a bundle, below cucm/<node>/.
var cutName = map[string]string{cucm.LogSDL: "sdl.txt", cucm.LogSystem: "system.txt", cucm.LogApplication: "application.txt", cucm.LogAlerts: "alertlog.csv"}

var errRoom = errors.New("no room on this machine's disk")

// kind fetches one kind of logs, file by file, and cuts the window out of them.
func (f *fetching) kind(ctx context.Context, kind string) (file evidence.File, in []material.Incoming, err error) {
	listed, err := f.entry.Cluster.Files(ctx, f.node, kind, f.window)
	if err != nil {
		return lostFile(kind, f.asked, err), nil, err
	}
	if kind == cucm.LogAlerts && len(listed) == 0 {
		return file, nil, nil // one node of a cluster has it
	}
	folder := material.Of(f.g.Store, f.key)
	name := "cucm/" + f.name + "/" + cutName[kind] // not cleaned: a name that leads elsewhere is refused
	out, err := folder.Create(name)
	if err != nil {
		return lostFile(kind, f.asked, err), nil, err
	}
	file = evidence.File{Family: kind, Path: name, Sources: []evidence.Source{}}
	var parts []cucmtrace.Part
	for _, l := range listed {
		part, whole, source, failed := f.file(ctx, kind, l, out)
		err = errors.Join(err, failed)
		if whole != nil {
			in = append(in, *whole)
		}
		parts = append(parts, part)
		file.Records += part.Records
		if part.Records > 0 {
			file.First, file.Last = earlier(file.First, f.ours(part.CutFirst)), later(file.Last, f.ours(part.CutLast))
			file.Sources = append(file.Sources, source)
		}
	}
	quiet := time.Duration(0)
	if kind == cucm.LogSDL {
		quiet = cucmtrace.Quiet
	}
	var missing []evidence.Span
	for _, s := range cucmtrace.Missing(parts, f.window, quiet) {
		missing = append(missing, evidence.Span{Since: s.Since.Add(-f.ahead), Until: s.Until.Add(-f.ahead), Reason: s.Reason})
	}
	file.Missing = evidence.Merge(f.asked, missing)
	file.Coverage = evidence.Judge(f.asked, file.Missing)
	done, failed := out.Finish()
	if failed != nil {
		return lostFile(kind, f.asked, failed), in, errors.Join(err, failed)
	}
	file.Bytes, file.SHA256 = done.Bytes, done.SHA256
	return file, append(in, done), err
}

// ours is a time of the node by this machine's clock.
func (f *fetching) ours(t time.Time) *time.Time {
	t = t.Add(-f.ahead).UTC()
	return &t
}

func earlier(a, b *time.Time) *time.Time {
	if a == nil || b.Before(*a) {
		return b
	}
	return a
}

func later(a, b *time.Time) *time.Time {
	if a == nil || b.After(*a) {
		return b
	}
	return a
}

// file fetches one file to the disk, and cuts it from there.
func (f *fetching) file(ctx context.Context, kind string, l cucm.File, out io.Writer) (part cucmtrace.Part, whole *material.Incoming, source evidence.Source, err error) {
	open := l.Growing() || kind != cucm.LogSDL
	part = cucmtrace.Part{Name: l.Name, Open: open}
	spool, fetched := f.spool(ctx, l)
	if err := fetched; err != nil {
		part.Failed = reasonOf(err)
		if errors.Is(err, errRoom) {
			part.Failed = evidence.ReasonDisk
		} else if errors.Is(err, errMax) {
			part.Failed = evidence.ReasonTooLarge
		}
		if spool == nil {
			return part, nil, source, fmt.Errorf("%s: %w", l.Name, err)
		}
	}
	defer spool.remove()
	failed := part.Failed
	part.Stretch, err = f.cut(ctx, kind, l, spool, out)
	if fetched != nil {
		err = errors.Join(fmt.Errorf("%s: %w", l.Name, fetched), err)
	}
	switch {
	case failed != "":
		part.Failed = failed
	case err != nil:
		part.Failed = evidence.ReasonDisk
	case errors.Is(part.Err, errUnpacks):
		part.Failed = evidence.ReasonTooLarge
		err = fmt.Errorf("%s: %w", l.Name, part.Err)
	case part.Err != nil, part.CutOff && !open:
		part.Failed = evidence.ReasonRead
		err = fmt.Errorf("%s is damaged, or was cut off on its way: %w", l.Name, cmpErr(part.Err, io.ErrUnexpectedEOF))
	}
	if part.Taken = f.g.now().Add(f.ahead); part.CutOff {
		part.Taken = time.Time{}
	}
	source = evidence.Source{Name: l.Name, Offset: part.Offset, Length: part.Bytes, Size: spool.size, MTime: l.Modified, From: evidence.FromHost}
	if f.entry.Whole && evidence.CheckFileName(l.Name) == nil && failed == "" {
		if in, copied := f.keep(l, spool); copied == nil {
			whole = &in
		}
	}
	return part, whole, source, err
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// cut writes the records of the window that a spooled file holds.
func (f *fetching) cut(ctx context.Context, kind string, l cucm.File, s *spooled, out io.Writer) (cucmtrace.Stretch, error) {
	open := func() (io.ReadCloser, error) { return s.open(ctx) }
	place := cucmtrace.Place{Modified: l.Modified, Zone: f.zone}
	if kind != cucm.LogSDL {
		text, err := open()
		if err != nil {
			return cucmtrace.Stretch{Err: err}, nil
		}
		return cucmtrace.Cut(out, cucmtrace.Whole(cucmtrace.NewLineReader(text, lineKinds[kind], place)), f.window)
	}
	place, _, err := cucmtrace.Anchor(open, place)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return cucmtrace.Stretch{Err: err}, nil
	}
	text, err := open()
	if err != nil {
		return cucmtrace.Stretch{Err: err}, nil
	}
	return cucmtrace.Cut(out, cucmtrace.Whole(cucmtrace.NewReader(text, place)), f.window)
}

var lineKinds = map[string]cucmtrace.LineKind{cucm.LogSystem: cucmtrace.System, cucm.LogApplication: cucmtrace.Application, cucm.LogAlerts: cucmtrace.AlertLog}

// A spooled file is one that was fetched, as it came.
type spooled struct {
	f    *os.File
	size int64
}

// open is the file's text from its beginning, as long as ctx lasts.
func (s *spooled) open(ctx context.Context) (io.ReadCloser, error) {
	text, err := cucm.Plain(io.NewSectionReader(s.f, 0, s.size), false)
	if err != nil {
		return io.NopCloser(broken{err}), nil
	}
	return io.NopCloser(&unpacking{ctx: ctx, r: text, left: max(unpackAlways, unpackRatio*s.size)}), nil
}

// What a trace unpacks to at most: text of logs is 10 to 40 times its packed size.
const (
	unpackRatio  = 100
	unpackAlways = 128 << 20
)

var errUnpacks = errors.New("it unpacks to more than a trace ever does")

// unpacking is a file's text: a small file may unpack to hours of work, and more than the disk holds.
type unpacking struct {
	ctx  context.Context
	r    io.Reader
	left int64
}

func (u *unpacking) Read(b []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	n, err := u.r.Read(b)
	if u.left -= int64(n); u.left < 0 {
		return 0, errUnpacks
	}
	return n, err
}

// broken is a packed file of which not even the beginning is there.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) {
	if b.err == io.EOF {
		return 0, io.ErrUnexpectedEOF
	}
	return 0, b.err
}

func (s *spooled) remove() {
	s.f.Close()
	os.Remove(s.f.Name())
}

// errMax: the incident has taken what it may.
var errMax = errors.New("more traces than cucm.max allows an incident")

// spool fetches a file. What came of it before an error is returned too.
func (f *fetching) spool(ctx context.Context, l cucm.File) (*spooled, error) {
	switch {
	case f.left.Load() < max(l.Size, 0) || f.left.Load() <= 0:
		return nil, errMax
	case f.g.Room != nil && f.g.Room(12*max(l.Size, 0)) != nil: // with what is cut of it, unpacked
		return nil, errRoom
	}
	body, err := f.entry.Cluster.OpenFile(ctx, f.node, l)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	dir := f.g.Store.IncidentDir(f.key)
	to, err := os.CreateTemp(dir, material.Spool)
	if err != nil {
		return nil, errRoom
	}
	s := &spooled{f: to}
	s.size, err = io.Copy(to, &paced{ctx: ctx, f: f, r: body})
	if errors.Is(err, errMax) {
		return s, err
	}
	if err != nil && atomicfile.Full(err) {
		err = errRoom
	}
	return s, err
}

// paced reads at the rate that is allowed, and no more than is allowed.
type paced struct {
	ctx context.Context
	f   *fetching
	r   io.Reader
}

func (p *paced) Read(b []byte) (int, error) {
	b = b[:min(len(b), 16<<10)]
	n, err := p.r.Read(b)
	p.f.took += int64(n)
	if p.f.left.Add(-int64(n)) < 0 {
		return n, errMax
	}
	if p.f.limiter != nil && n > 0 {
		if wait := p.f.limiter.WaitN(p.ctx, n); wait != nil {
			return n, wait
		}
	}
	return n, err
}

// keep keeps a file whole.
func (f *fetching) keep(l cucm.File, s *spooled) (material.Incoming, error) {
	w, err := material.Of(f.g.Store, f.key).Create("cucm/" + f.name + "/whole/" + l.Name)
	if err != nil {
		return material.Incoming{}, err
	}
	if _, err := io.Copy(w, io.NewSectionReader(s.f, 0, s.size)); err != nil {
		w.Abort()
		return material.Incoming{}, err
	}
	return w.Finish()
}
