package bundle

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"rtmtgrab/internal/atomicfile"
)

// A Verified is a bundle that was found intact. What is read of it is held against what was
// found, so that a file which is changed meanwhile does no harm.
type Verified struct {
	Result
	path string
	file *os.File
	size int64
	f    format
}

// OpenVerified verifies a bundle, and keeps it open if all is well; else the result says
// what is wrong, and there is none.
func OpenVerified(ctx context.Context, path string) (*Verified, Result, error) {
	v, res, err := openVerified(ctx, path)
	if err != nil {
		return nil, res, fmt.Errorf("verify %s: %w", path, err)
	}
	return v, res, nil
}

func openVerified(ctx context.Context, path string) (v *Verified, res Result, err error) {
	file, size, err := openBundle(path)
	if err != nil {
		return nil, Result{}, err
	}
	defer func() {
		if v == nil {
			file.Close()
		}
	}()
	f, ok := sniff(path, file)
	if !ok {
		return nil, notBundle(path), nil
	}
	res, _, err = verify(ctx, printable(filepath.Base(path)), f, file, size, budgetOf(size, 0))
	if err != nil || !res.OK {
		return nil, res, err
	}
	return &Verified{res, path, file, size, f}, res, nil
}

// Close lets go of the file.
func (v *Verified) Close() error { return v.file.Close() }

// CopyTo writes the bundle to w as another kind of archive, one of Formats: with the same
// files in the same order, byte for byte, so that its sums and its signature are good for
// both. The same bundle gives the same bytes. Unlike Write it reads nothing back.
func (v *Verified) CopyTo(ctx context.Context, w io.Writer, ending string) error {
	f, ok := formatOf("." + ending)
	if !ok {
		return fmt.Errorf("%q is none of %v", ending, Formats())
	}
	if _, err := v.archive(ctx, w, f); err != nil {
		return fmt.Errorf("convert %s: %w", v.path, err)
	}
	return nil
}

// errMeanwhile is that a bundle is not any more what was verified.
var errMeanwhile = errors.New("it was changed while it was read")

func (v *Verified) archive(ctx context.Context, w io.Writer, f format) (sealed, error) {
	return writeArchive(w, f, Name(v.Manifest), stamp(v.Manifest), func(c container) error {
		next := 0
		err := walk(ctx, v.f, v.file, v.size, func(full string, body io.Reader, err error) error {
			if err == nil && (next == len(v.files) || full != Name(v.Manifest)+"/"+v.files[next].name) {
				err = errMeanwhile
			}
			if err == nil {
				file := v.files[next]
				file.open = func() (io.ReadCloser, error) { return io.NopCloser(body), nil }
				err = writeFile(ctx, c, file)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", printable(full), err)
			}
			next++
			return nil
		})
		if err == nil && next < len(v.files) {
			err = fmt.Errorf("%s: %w", v.files[next].name, errMeanwhile)
		}
		return err
	})
}

// Convert writes the bundle as the file to, as CopyTo does, in the way of Write: one that is
// there is replaced when the new one was read back and holds the same. After an error
// nothing is left.
func (v *Verified) Convert(ctx context.Context, to, ending string) (info Info, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", to, err)
		}
	}()
	f, ok := formatOf("." + ending)
	if !ok {
		return Info{}, fmt.Errorf("%q is none of %v", ending, Formats())
	}
	part := to + "." + rand.Text() + atomicfile.PartSuffix // another may write the same file at this moment
	defer func() {
		if err != nil {
			os.Remove(part)
		}
	}()
	sealed, err := writePart(part, nil, func(w io.Writer) (sealed, error) { return v.archive(ctx, w, f) })
	if err != nil {
		return Info{}, err
	}
	back, err := readBack(ctx, part, f, sealed, holding(v.files), nil)
	if err != nil {
		return Info{}, err
	}
	if !slices.EqualFunc(back.files, v.files, func(a, b planned) bool { return a.name == b.name && a.sha256 == b.sha256 }) {
		return Info{}, errors.New("read back: its files are not those of the bundle")
	}
	if err := atomicfile.Rename(part, to); err != nil {
		return Info{}, err
	}
	return Info{Path: to, Bytes: sealed.bytes, SHA256: sealed.whole}, nil
}
