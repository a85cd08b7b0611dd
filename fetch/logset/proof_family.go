package logset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

// proveFamily opens the files of a family that an alert would need, and finds its newest
// record.
func (p *Prover) proveFamily(ctx context.Context, h *Holder, name string) FamilyProof {
	found := FamilyProof{Family: name}
	var mine []hostconn.Entry // in opening order: the live one first, then the newest
	for _, e := range h.listing {
		if expressway.FamilyOf(e.Name, h.Host.Families) == name {
			mine = append(mine, e)
			found.Size += e.Size
		}
	}
	since := p.since(h)
	if found.Err = oddFile(h, name, since); found.Err != nil {
		return found
	}
	if len(mine) == 0 {
		found.Err = &hostconn.Fault{Why: evidence.ReasonAbsent, Err: fmt.Errorf("no file of %s in %s", name, h.Host.Dir)}
		return found
	}
	if found.Size == 0 {
		found.Err = &hostconn.Fault{Why: evidence.ReasonAbsent, Err: fmt.Errorf("every file of %s in %s is empty", name, h.Host.Dir)}
		return found
	}

	newest := mine[:min(len(mine), proofFiles)]
	if found.Newest, found.Err = newestRecord(ctx, h, name, newest); found.Err == nil {
		found.Err = canOpen(ctx, h, needed(mine, since)[len(newest):])
	}
	return found
}

// since is the host's time from which on an alert would want records.
func (p *Prover) since(h *Holder) (t time.Time) {
	for _, e := range h.listing {
		t = evidence.Later(t, e.MTime)
	}
	if p.Reach == nil {
		return t
	}
	return t.Add(-p.Reach())
}

// needed are the first of a family's files: the newest, those that were written since then,
// and the one before.
func needed(mine []hostconn.Entry, since time.Time) []hostconn.Entry {
	n := min(len(mine), proofFiles)
	for n < min(len(mine), proofMost) && !mine[n-1].MTime.Before(since) {
		n++
	}
	return mine[:n]
}

// oddFile is an error if something that is no regular file stands where a grab would look.
func oddFile(h *Holder, family string, since time.Time) error {
	for _, e := range h.irregular {
		if expressway.FamilyOf(e.Name, h.Host.Families) == family && (e.Name == family || OddTime(e.MTime) || !e.MTime.Before(since)) {
			return &hostconn.Fault{Why: evidence.ReasonRead, Err: fmt.Errorf("%s is no regular file: a grab does not read it", evidence.Printable(e.Name, 80))}
		}
	}
	return nil
}

// newestRecord is the time of the newest record in files of a family; all of them are opened.
func newestRecord(ctx context.Context, h *Holder, family string, files []hostconn.Entry) (newest time.Time, err error) {
	opened, mute := 0, "" // a file that should have told it
	for _, e := range files {
		t, silent, err := newestIn(ctx, h, e, newest.IsZero())
		switch {
		case rotatedAway(err):
			continue
		case err != nil:
			return newest, unreadable(e, err)
		case silent >= inspectTail: // a grab looks no further either
			return t, noRecord(e.Name)
		case silent > 0 && mute == "":
			mute = e.Name
		}
		opened++
		newest = evidence.Later(newest, t)
	}
	switch {
	case opened == 0:
		return newest, &hostconn.Fault{Why: evidence.ReasonVanished, Err: fmt.Errorf("no file of %s in %s could be opened: each was gone", family, h.Host.Dir)}
	case newest.IsZero() && mute != "":
		return newest, noRecord(mute)
	}
	return newest, nil
}

// rotatedAway reports whether a file that was listed is another one now.
func rotatedAway(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, hostconn.ErrShort)
}

func unreadable(e hostconn.Entry, err error) error {
	return fmt.Errorf("%s cannot be read: %w", evidence.Printable(e.Name, 80), err)
}

func noRecord(name string) error {
	return &hostconn.Fault{Why: evidence.ReasonRead, Err: fmt.Errorf("no record can be found at the end of %s", evidence.Printable(name, 80))}
}

// canOpen is an error if one of the files cannot be opened.
func canOpen(ctx context.Context, h *Holder, files []hostconn.Entry) error {
	errs := make([]error, len(files))
	each(len(files), func(i int) {
		handle, err := h.conn.Open(ctx, path.Join(h.Host.Dir, files[i].Name))
		if err == nil {
			handle.Close()
		} else if !rotatedAway(err) {
			errs[i] = unreadable(files[i], err)
		}
	})
	return cmp.Or(errs...)
}

// newestIn is the time of the last record of a listed file, if that is wanted; without one
// silent is how many bytes the file has that should have told it.
func newestIn(ctx context.Context, h *Holder, e hostconn.Entry, wanted bool) (t time.Time, silent int64, err error) {
	handle, err := h.conn.Open(ctx, path.Join(h.Host.Dir, e.Name))
	if err != nil {
		return t, 0, err
	}
	defer handle.Close()
	if !wanted || e.Size == 0 || strings.HasSuffix(e.Name, ".gz") {
		return t, 0, nil
	}
	size, mtime, err := handle.Stat()
	if err != nil {
		return t, 0, err
	}
	ref := h.setOf(e.Name).Ref(mtime)
	for n := int64(proofTail); ; n *= 8 {
		n = min(n, size, inspectTail)
		tail := make([]byte, max(n, 0))
		if err := hostconn.ReadFull(handle, tail, size-n); err != nil {
			return t, 0, err
		}
		if t = lastHead(tail, size-n, ref); !t.IsZero() {
			return t, 0, nil
		}
		if n == min(size, inspectTail) {
			return t, size, nil
		}
	}
}

// lastHead is the time of the last record that begins in b, which stands at from in its
// file; zero if none does.
func lastHead(b []byte, from int64, ref expressway.Ref) (t time.Time) {
	if from > 0 {
		b = b[expressway.LineBreak(b)+1:]
	}
	lines := expressway.NewLineReader(strings.NewReader(string(b)), from, ref)
	for {
		line, err := lines.Next()
		if err != nil {
			return t
		}
		if line.Head {
			t = line.Time
		}
	}
}
