package logset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
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

	found.Newest, found.Err = newestRecord(ctx, h, name, needed(mine, since))
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

// newestRecord is the time of the newest record in the first files of a family; all files are
// opened, in one flight.
func newestRecord(ctx context.Context, h *Holder, family string, files []hostconn.Entry) (newest time.Time, err error) {
	handles, errs := make([]hostconn.Handle, len(files)), make([]error, len(files))
	each(len(files), func(i int) { handles[i], errs[i] = h.conn.Open(ctx, path.Join(h.Host.Dir, files[i].Name)) })
	defer each(len(files), func(i int) {
		if handles[i] != nil {
			handles[i].Close()
		}
	})

	opened, mute := 0, "" // a file that should have told it
	for i, e := range files {
		var t time.Time
		var silent int64
		err := errs[i]
		if err == nil && newest.IsZero() && i < proofFiles {
			t, silent, err = newestIn(handles[i], e, h.setOf(e.Name).Ref)
		}
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

// newestIn is the time of the last record of a file that was listed a moment ago; without one
// silent is how many bytes the file has that should have told it.
func newestIn(handle hostconn.Handle, e hostconn.Entry, ref func(mtime time.Time) expressway.Ref) (t time.Time, silent int64, err error) {
	if e.Size == 0 || strings.HasSuffix(e.Name, ".gz") {
		return t, 0, nil
	}
	n := min(e.Size, proofTail)
	tail, size, mtime, err := tailAndStat(handle, e.Size, n)
	for err == nil {
		if t = lastHead(tail, size-n, ref(mtime)); !t.IsZero() {
			return t, 0, nil
		}
		most := min(size, inspectTail)
		if n == most {
			return t, size, nil
		}
		n = min(n*8, most)
		tail = make([]byte, n)
		err = hostconn.ReadFull(handle, tail, size-n)
	}
	return t, 0, err
}

// tailAndStat reads the last n bytes of a file's first size ones and looks how large it is, both
// in one flight; where a read is a command one after the other, for it knows then where to look.
func tailAndStat(handle hostconn.Handle, size, n int64) (tail []byte, now int64, mtime time.Time, err error) {
	tail = make([]byte, n)
	var wg sync.WaitGroup
	var readErr error
	read := func() { readErr = hostconn.ReadFull(handle, tail, size-n) }
	if hostconn.Unit(handle, 0) == 0 {
		wg.Go(read)
	}
	now, mtime, err = handle.Stat()
	if wg.Wait(); hostconn.Unit(handle, 0) != 0 && err == nil {
		read()
	}
	if err == nil && now < size { // another file's, or what is left of it
		err = hostconn.ErrShort
	}
	return tail, size, mtime, cmp.Or(err, readErr)
}

// lastHead is the time of the last record that begins in b, which stands at from in its
// file; zero if none does.
func lastHead(b []byte, from int64, ref expressway.Ref) (t time.Time) {
	if from > 0 {
		b = b[expressway.LineBreak(b)+1:]
	}
	lines := expressway.LinesOf(b, from, ref)
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
