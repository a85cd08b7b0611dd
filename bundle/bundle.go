// Package bundle turns the slices of one incident into one archive for an
// analyst, and tells whether such an archive is still what was written.
//
// It guarantees that the same input gives the same bytes, that a bundle appears
// under its name only after it was written, fsynced and read back without a
// fault, that every log in it has the length and the hash that its manifest
// states, and that Verify finds every changed, missing or added byte. The sums show
// damage, not a forger who computes all of them anew: the signature does (package seal).
//
// It knows nothing of networks, mails or incidents: slices and mails come as
// readers, everything else is in the manifest. Nothing large is held in memory.
package bundle

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"rtmtgrab/bundle/seal"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
)

// An Input is all that goes into a bundle.
type Input struct {
	// Manifest is written as it is: coverage concluded, Timing.Sealed set.
	// Alerts[i].File names a part of Mails, or is empty.
	Manifest evidence.Manifest
	// Mails have names of the form "alerts/<id>.eml"; what came by another way than mail ends in .json.
	Mails []Part
	// Log opens the slice of each Hosts[].Files[] that has a Path. What it
	// gives must have the length and the hash of the manifest.
	Log func(host, family string) (io.ReadCloser, error)
	// Extra have names below "cucm/", "prt/" or "diagnostics/". What Manifest.CUCM and Manifest.PRTs name
	// must be among them, and be as they say.
	Extra []Part
	// Reports have names of the form "report/<name>".
	Reports []Part
	// MaskReport is mask-report.txt of a masked bundle.
	MaskReport []byte
	// Key signs the bundle, and makes Manifest.SignedBy; nil: it is not signed.
	Key *seal.Key
	// Zone is the site's, for README.txt; nil is UTC.
	Zone *time.Location

	create func(path string) (partFile, error) // nil is createPart; tests inject faults here
}

// A Part is a file of a bundle whose hash the manifest does not hold. It is
// opened twice, once to be hashed and once to be written.
type Part struct {
	Name string // in the bundle, slashes, without the top folder
	Open func() (io.ReadCloser, error)
}

// Info describes a bundle that was written.
type Info struct {
	Path   string
	Bytes  int64
	SHA256 string // of the whole archive, hex
}

// Name is the name of a bundle and of its top folder:
// the incident, and from the second revision on "-r<revision>".
func Name(m evidence.Manifest) string {
	if m.Revision > 1 {
		return fmt.Sprintf("%s-r%d", m.Incident, m.Revision)
	}
	return m.Incident
}

// FileName is the stem of a bundle's file: its name, and of a masked one that it is masked,
// so that it takes no other's place.
func FileName(m evidence.Manifest) string {
	if m.Masked != nil {
		return Name(m) + "-masked"
	}
	return Name(m)
}

type partFile interface {
	io.Writer
	Sync() error
	Close() error
}

// createPart makes a new file. A leftover of a crash is removed first, so that
// neither its mode nor, if it is a link, its target matters.
func createPart(path string) (partFile, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		atomicfile.Adopt(path)
	}
	return f, err
}

// Write makes the bundle path, which ends in one of Formats; a file of
// that name is replaced. The bundle grows beside it as path + ".part" (mode
// 0600), is fsynced, verified by reading it back and renamed, then the folder is
// fsynced.
//
// After an error, a cancelled ctx or a full disk (atomicfile.Full) among them,
// the ".part" is gone and what was at path is untouched: a bundle can always be made
// again from its slices, and on a full disk its room is worth more. The one
// exception is a failed fsync of the folder, after which the verified bundle
// may or may not survive a power cut.
func Write(ctx context.Context, path string, in Input) (info Info, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write bundle %s: %w", filepath.Base(path), err)
		}
	}()
	f, ok := formatOf(path)
	if !ok {
		return Info{}, errors.New("its name must end in .zip, .tar.zst or .tar.gz")
	}
	pl, err := newPlan(ctx, in)
	if err != nil {
		return Info{}, err
	}
	part := path + atomicfile.PartSuffix
	defer func() {
		if err != nil {
			os.Remove(part)
		}
	}()
	sealed, err := writePart(part, in.create, pl.archive(ctx, f))
	if err != nil {
		return Info{}, err
	}
	if _, err := readBack(ctx, part, f, sealed, holding(pl.files), in.Key); err != nil {
		if ctx.Err() != nil {
			return Info{}, err
		}
		return Info{}, cmp.Or(pl.whose(ctx), err)
	}
	if err := atomicfile.Rename(part, path); err != nil {
		return Info{}, err
	}
	return Info{Path: path, Bytes: sealed.bytes, SHA256: sealed.whole}, nil
}

// writePart makes a file of what write writes, fsynced.
func writePart(part string, create func(string) (partFile, error), write func(io.Writer) (sealed, error)) (s sealed, err error) {
	if create == nil {
		create = createPart
	}
	file, err := create(part)
	if err != nil {
		return sealed{}, err
	}
	closed := false
	defer func() {
		if !closed {
			file.Close()
		}
	}()
	buf := bufio.NewWriterSize(file, 256<<10)
	if s, err = write(buf); err != nil {
		return sealed{}, err
	}
	if err := buf.Flush(); err != nil {
		return sealed{}, err
	}
	if err := file.Sync(); err != nil {
		return sealed{}, err
	}
	closed = true
	return s, file.Close()
}

func (p *plan) archive(ctx context.Context, f format) func(io.Writer) (sealed, error) {
	return func(w io.Writer) (sealed, error) {
		return writeArchive(w, f, p.top, p.time, func(c container) error { return p.writeTo(ctx, c) })
	}
}

// writeArchive writes an archive and its seal. fill gives it its files.
func writeArchive(w io.Writer, f format, top string, t time.Time, fill func(container) error) (sealed, error) {
	sw := newSealWriter(f, w)
	c := newContainer(f, sw, top, t)
	defer c.abandon()
	if err := fill(c); err != nil {
		return sealed{}, err
	}
	if err := c.close(); err != nil {
		return sealed{}, err
	}
	return sw.finish()
}

// holding is how much an archive of these files unpacks to at the most, with what is around them.
func holding(files []planned) int64 {
	n := int64(1 << 20)
	for _, f := range files {
		n += f.size + 4<<10
	}
	return n
}

// readBack verifies what lies on disk, and that it is what was written.
func readBack(ctx context.Context, part string, f format, want sealed, holds int64, key *seal.Key) (Result, error) {
	var keys []seal.PublicKey
	if key != nil {
		keys = append(keys, key.Public)
	}
	res, got, err := verifyFile(ctx, part, f, holds, keys...)
	switch {
	case err != nil:
		return res, fmt.Errorf("read back: %w", err)
	case !res.OK:
		return res, fmt.Errorf("read back: %s: %s", res.Bad[0].File, res.Bad[0].What)
	case got != want.seal:
		return res, fmt.Errorf("read back: the archive has SHA-256 %s, written was %s", got, want.seal)
	}
	return res, nil
}
