// Package folder delivers bundles into a folder: a local one, or a network share that is
// mounted.
//
// It guarantees that a file appears under its name only whole, fsynced, and after its bytes
// were read back and had the SHA-256 of the artefact; that an attempt which was killed is
// gone on with where its bytes are right; and that a repeat of a delivery which came
// through writes nothing. It makes no folder: a share that is not mounted is no empty disk.
// It does not know whether what a share says it has written survives a power cut there.
package folder

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/handover/sink"
)

// A Folder is a destination.
type Folder struct {
	Dir string // absolute; it must be there

	fault func(step string) error // for tests: called before each step; nil: nothing
}

// New is the sink of a folder.
func New(dir string) *Folder { return &Folder{Dir: dir} }

func (f *Folder) step(name string) error {
	if f.fault == nil {
		return nil
	}
	return f.fault(name)
}

// Deliver implements sink.Sink.
func (f *Folder) Deliver(ctx context.Context, a sink.Artifact) (r sink.Receipt, err error) {
	defer func() { err = classify(ctx, err) }()
	if a.Name == "" || filepath.Base(a.Name) != a.Name || !filepath.IsLocal(a.Name) {
		return r, &sink.Error{Cause: sink.Rejected, Permanent: true, Err: fmt.Errorf("%q is no file name", a.Name)}
	}
	r = sink.Receipt{Place: filepath.Join(f.Dir, a.Name), Verified: sink.BySHA256}
	if err := f.reachable(); err != nil {
		return r, err
	}
	f.sweep(a)
	switch there, err := f.there(ctx, r.Place, a); {
	case err != nil:
		return r, err
	case there:
		os.Remove(f.temp(a)) // of an attempt that was killed between; the sweep removes it else
		r.Resumed = a.Size
		return r, atomicfile.SyncDir(f.Dir) // the attempt before may have been killed just ahead of it
	}
	if r.Resumed, r.Sent, err = f.write(ctx, a); err != nil {
		return r, err
	}
	if err := f.readBack(ctx, f.temp(a), a); err != nil {
		if errors.As(err, new(*sink.Error)) {
			os.Remove(f.temp(a)) // what is wrong in it is not gone on with
		}
		return r, err
	}
	if err := f.step("rename"); err != nil {
		return r, err
	}
	if err := atomicfile.Rename(f.temp(a), r.Place); err != nil {
		return r, err
	}
	return r, f.step("renamed")
}

func (f *Folder) reachable() error {
	info, err := os.Stat(f.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &sink.Error{Cause: sink.Unreachable, Err: fmt.Errorf("the folder %s is not there: is the share mounted?", f.Dir)}
	case err != nil:
		return err
	case !info.IsDir():
		return &sink.Error{Cause: sink.Rejected, Permanent: true, Err: fmt.Errorf("%s is not a folder", f.Dir)}
	}
	return nil
}

// temp is the file under which an artefact is written: hidden, and of this delivery alone.
func (f *Folder) temp(a sink.Artifact) string {
	return filepath.Join(f.Dir, "."+a.Name+"."+a.ID+atomicfile.PartSuffix)
}

var tempRE = regexp.MustCompile(`^\..+\.[0-9a-f]{32}\.part$`)

// leftAfter is how old a temporary file of another delivery is before it is removed: that
// one was given up, or its bundle was superseded.
const leftAfter = 48 * time.Hour

// sweep removes what deliveries left behind that will not come back.
func (f *Folder) sweep(a sink.Artifact) {
	entries, _ := os.ReadDir(f.Dir) // the next delivery looks again
	for _, e := range entries {
		if !tempRE.MatchString(e.Name()) || !e.Type().IsRegular() || e.Name() == filepath.Base(f.temp(a)) {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > leftAfter {
			os.Remove(filepath.Join(f.Dir, e.Name()))
		}
	}
}

// there reports whether the artefact is there already: an earlier attempt came through and
// could not say so.
func (f *Folder) there(ctx context.Context, place string, a sink.Artifact) (bool, error) {
	info, err := os.Lstat(place)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case info.IsDir():
		return false, &sink.Error{Cause: sink.Rejected, Permanent: true, Err: fmt.Errorf("%s is a folder", place)}
	case !info.Mode().IsRegular() || info.Size() != a.Size:
		return false, nil // something else; the rename replaces it
	}
	err = f.readBack(ctx, place, a)
	if e := (*sink.Error)(nil); errors.As(err, &e) && e.Cause == sink.Mismatch {
		return false, nil
	}
	return err == nil, err
}

// readBack reads a file and compares its SHA-256 with the artefact's.
func (f *Folder) readBack(ctx context.Context, name string, a sink.Artifact) error {
	if err := f.step("read back"); err != nil {
		return err
	}
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, sink.Alive(ctx, in))
	if err != nil {
		return err
	}
	if n != a.Size || hex.EncodeToString(sum.Sum(nil)) != a.SHA256 {
		return &sink.Error{Cause: sink.Mismatch, Err: fmt.Errorf("what was read back from %s is not what was written", filepath.Dir(name))}
	}
	return nil
}

// write brings the artefact to its temporary file, fsynced; what is right in that already
// stays.
func (f *Folder) write(ctx context.Context, a sink.Artifact) (resumed, sent int64, err error) {
	if err := f.step("open"); err != nil {
		return 0, 0, err
	}
	in, err := os.Open(a.Path)
	if err != nil {
		return 0, 0, &sink.Error{Cause: sink.Local, Permanent: errors.Is(err, fs.ErrNotExist), Err: err}
	}
	defer in.Close()
	out, err := f.open(f.temp(a))
	if err != nil {
		return 0, 0, err
	}
	defer func() {
		if cerr := out.Close(); err == nil {
			err = cerr
		}
		if err != nil && (atomicfile.Full(err) || isLocal(err)) {
			os.Remove(out.Name()) // others need the room, or nothing can be gone on with
		}
	}()
	sum := sha256.New()
	if resumed, err = same(ctx, in, out, sum); err != nil {
		return resumed, 0, err
	}
	if err := out.Truncate(resumed); err != nil {
		return resumed, 0, err
	}
	if _, err := out.Seek(resumed, io.SeekStart); err != nil {
		return resumed, 0, err
	}
	if err := f.step("write"); err != nil {
		return resumed, 0, err
	}
	if sent, err = io.Copy(out, io.TeeReader(local{sink.Reader(ctx, in)}, sum)); err != nil {
		return resumed, sent, err
	}
	if resumed+sent != a.Size || hex.EncodeToString(sum.Sum(nil)) != a.SHA256 {
		return resumed, sent, &sink.Error{Cause: sink.Local, Permanent: true, Err: fmt.Errorf("%s has changed since it was prepared", a.Path)}
	}
	if err := f.step("sync"); err != nil {
		return resumed, sent, err
	}
	return resumed, sent, out.Sync()
}

// open opens the temporary file; what stands there and is no file goes. Whoever may read
// the folder may read it.
func (f *Folder) open(name string) (*os.File, error) {
	if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
		if err := os.Remove(name); err != nil {
			return nil, err
		}
	}
	if err := f.step("create"); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(f.Dir) // a link that somebody puts there now leads nowhere else
	if err != nil {
		return nil, err
	}
	defer root.Close()
	out, err := root.OpenFile(filepath.Base(name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("folder %s: %w", f.Dir, err)
	}
	if dir, err := os.Stat(f.Dir); err == nil {
		out.Chmod(0o600 | dir.Mode().Perm()&0o044) // a share may have other ideas
	}
	return out, nil
}

// local marks errors of the artefact here.
type local struct{ r io.Reader }

func (l local) Read(b []byte) (int, error) {
	n, err := l.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.As(err, new(*sink.Error)) && errors.As(err, new(*fs.PathError)) {
		err = &sink.Error{Cause: sink.Local, Err: err}
	}
	return n, err
}

func isLocal(err error) bool {
	var e *sink.Error
	return errors.As(err, &e) && e.Cause == sink.Local && e.Permanent
}

// same is how many bytes at the beginning of both files are the same; they go into sum, and
// in stands behind them.
func same(ctx context.Context, in, out *os.File, sum hash.Hash) (n int64, err error) {
	a, b := make([]byte, 256<<10), make([]byte, 256<<10)
	for {
		if ctx.Err() != nil {
			return n, context.Cause(ctx)
		}
		have, berr := io.ReadFull(out, b)
		want, aerr := io.ReadFull(in, a[:have])
		if aerr != nil && !errors.Is(aerr, io.EOF) && !errors.Is(aerr, io.ErrUnexpectedEOF) {
			return n, &sink.Error{Cause: sink.Local, Err: aerr}
		}
		sink.Moved(ctx, 0)
		if want < have || !bytes.Equal(a[:want], b[:have]) || have == 0 || berr != nil {
			m := common(a[:want], b[:have])
			sum.Write(a[:m])
			n += int64(m)
			if _, err := in.Seek(n, io.SeekStart); err != nil {
				return n, &sink.Error{Cause: sink.Local, Err: err}
			}
			if berr != nil && !errors.Is(berr, io.EOF) && !errors.Is(berr, io.ErrUnexpectedEOF) {
				return n, berr
			}
			return n, nil
		}
		sum.Write(a[:want])
		n += int64(want)
	}
}

// common is the length of the common beginning.
func common(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// Check implements sink.Sink.
func (f *Folder) Check(ctx context.Context) (err error) {
	defer func() { err = classify(ctx, err) }()
	if err := f.reachable(); err != nil {
		return err
	}
	out, err := os.CreateTemp(f.Dir, ".grab-check-*"+atomicfile.PartSuffix)
	if err != nil {
		return err
	}
	_, err = out.Write([]byte("a file of grab check; it may be removed\n"))
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close(), os.Remove(out.Name()))
}
