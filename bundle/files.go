package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Files shows each file of a bundle that was verified to visit, in the archive's order, by
// its name inside the top folder. What visit leaves unread is passed over.
func (v *Verified) Files(ctx context.Context, visit func(name string, r io.Reader) error) error {
	next := 0
	err := walk(ctx, v.f, v.file, v.size, func(full string, body io.Reader, err error) error {
		if err == nil && (next == len(v.files) || full != Name(v.Manifest)+"/"+v.files[next].name) {
			err = errMeanwhile
		}
		if err == nil {
			err = visit(v.files[next].name, stoppable{ctx, body})
		}
		if err != nil {
			return fmt.Errorf("%s: %w", printable(full), err)
		}
		next++
		return nil
	})
	if err == nil && next < len(v.files) {
		err = errors.New("it ends too early")
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", v.path, err)
	}
	return nil
}

// Format is the one of Formats that the bundle is.
func (v *Verified) Format() string { return formats[v.f] }

// Unfolds is an error if the bundle holds more than the archive of logs ever does, with the
// name of its largest file. It is to be asked before any of it is written to the disk.
func (v *Verified) Unfolds() error { return unfolds(v.Result, v.size) }

func unfolds(res Result, size int64) error {
	if res.Size > max(size*unpackRatio, unpackAlways) {
		return fmt.Errorf("%s: %w: in all %d bytes of %d", res.largest(), errTooMuch, res.Size, size)
	}
	return nil
}

// Files shows each file of a bundle that this program has just written, as Verified.Files
// does.
func Files(ctx context.Context, path string, visit func(name string, r io.Reader) error) error {
	file, size, err := openBundle(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	defer file.Close()
	f, ok := sniff(path, file)
	if !ok {
		return fmt.Errorf("read %s: %s", path, noFormat)
	}
	err = walk(ctx, f, file, size, func(full string, body io.Reader, err error) error {
		_, name, nerr := splitTop(full)
		if err = errors.Join(err, nerr); err == nil {
			err = visit(name, stoppable{ctx, body})
		}
		if err != nil {
			return fmt.Errorf("%s: %w", printable(full), err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
