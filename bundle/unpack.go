package bundle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"rtmtgrab/bundle/seal"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/diskspace"
)

// Bounds on what is written to the disk of an archive that somebody sent: narrower than
// those on what is only read.
const (
	unpackRatio  = 200
	unpackAlways = 64 << 20
	unpackLeaves = 64 << 20 // of the disk, free
)

// WorkName begins the names of folders in which something is unpacked.
const WorkName = "grab-open"

// Unpack verifies a bundle as Verify does, and only if all is well unpacks it into a folder
// of its own below dir, which is returned; one of that name must not be there. It appears
// under its name when all of it is on disk; until then it grows in a folder beside it, which
// the next Unpack there removes if this one is killed. Files are 0600, folders 0700.
func Unpack(ctx context.Context, path, dir string, keys ...seal.PublicKey) (res Result, folder string, err error) {
	res, err = Verify(ctx, path, keys...)
	if err != nil || !res.OK {
		return res, "", err
	}
	folder = filepath.Join(dir, Name(res.Manifest))
	if err := unpack(ctx, path, folder, res); err != nil {
		return res, "", fmt.Errorf("unpack %s: %w", path, err)
	}
	return res, folder, nil
}

func unpack(ctx context.Context, path, folder string, res Result) (err error) {
	total := res.Size
	if _, err := os.Lstat(folder); err == nil {
		return fmt.Errorf("%s: %w", folder, fs.ErrExist)
	}
	file, size, err := openBundle(path)
	if err != nil {
		return err
	}
	defer file.Close()
	f, ok := sniff(path, file)
	if !ok {
		return errors.New(noFormat)
	}
	if err := unfolds(res, size); err != nil {
		return err
	}
	if err := atomicfile.MkdirAll(filepath.Dir(folder)); err != nil {
		return err
	}
	work, remove, err := atomicfile.TempDir(filepath.Dir(folder), WorkName)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	part := filepath.Join(work, filepath.Base(folder))
	if err := atomicfile.MkdirAll(part); err != nil {
		return err
	}
	if space, err := diskspace.Measure(part); err == nil && space.Free-unpackLeaves < total {
		return fmt.Errorf("%d bytes are free on the disk of %s, and the bundle needs %d", space.Free, filepath.Dir(folder), total)
	}
	u := &unpacker{ctx: ctx, dir: part, names: nameSet{}, left: &budget{}, syncs: newSyncer()}
	u.left.left.Store(total)
	if err := u.all(f, file, size); err != nil {
		return err
	}
	return atomicfile.Rename(part, folder)
}

// Extract verifies a bundle as Verify does, and only if all is well writes those of its files
// that want says yes to into the folder dir, below their names in the bundle. After an error some may be there.
func Extract(ctx context.Context, path, dir string, want func(name string) bool) (Result, error) {
	res, err := Verify(ctx, path)
	if err != nil || !res.OK {
		return res, err
	}
	file, size, err := openBundle(path)
	if err != nil {
		return res, err
	}
	defer file.Close()
	f, ok := sniff(path, file)
	if !ok {
		return res, errors.New(noFormat)
	}
	u := &unpacker{ctx: ctx, dir: dir, names: nameSet{}, left: &budget{}, want: want, syncs: newSyncer()}
	u.left.left.Store(res.Size)
	if err := u.all(f, file, size); err != nil {
		return res, fmt.Errorf("unpack %s: %w", path, err)
	}
	return res, nil
}

// largest is the name of the largest file.
func (r Result) largest() string {
	if len(r.files) == 0 {
		return ""
	}
	return slices.MaxFunc(r.files, func(a, b planned) int { return cmp.Compare(a.size, b.size) }).name
}

// An unpacker writes what Verify has found good. It trusts no name all the same: the file
// may have been changed in between.
type unpacker struct {
	ctx   context.Context
	dir   string
	names nameSet
	left  *budget
	want  func(name string) bool // nil: all
	syncs *syncer
}

// all unpacks, until all of it is on disk.
func (u *unpacker) all(f format, r io.ReaderAt, size int64) error {
	err := walk(u.ctx, f, r, size, u.visit)
	return errors.Join(err, u.syncs.wait())
}

func (u *unpacker) visit(full string, body io.Reader, err error) error {
	_, name, nerr := splitTop(full)
	if err = errors.Join(err, nerr); err == nil {
		err = u.names.add(name)
	}
	if err == nil && (u.want == nil || u.want(name)) {
		err = u.write(filepath.Join(u.dir, filepath.FromSlash(name)), body)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", printable(full), err)
	}
	return nil
}

func (u *unpacker) write(path string, body io.Reader) error {
	if err := atomicfile.MkdirAll(filepath.Dir(path)); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := copyTo(u.ctx, f, charged{u.left, body}); err != nil {
		return errors.Join(err, f.Close())
	}
	u.syncs.take(f)
	return nil
}
