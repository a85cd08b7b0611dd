package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Files shows each file of a bundle to visit, in the archive's order, by its name inside
// the top folder. It verifies no sums. What has no place in a bundle, cannot be read, is
// there twice or would unpack to more than logs ever do is an error that names it, at
// the latest when it is come upon.
func Files(ctx context.Context, path string, visit func(name string, r io.Reader) error) error {
	file, size, err := openBundle(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	defer file.Close()
	f, ok := sniff(path, file)
	if !ok {
		return fmt.Errorf("read %s: neither a zip nor a tar.zst", path)
	}
	names, left := nameSet{}, &budget{}
	left.left.Store(unpacksTo(size))
	err = walk(ctx, f, file, size, func(full string, body io.Reader, err error) error {
		_, name, nerr := splitTop(full)
		if err = errors.Join(err, nerr); err == nil {
			err = names.add(name)
		}
		if err == nil && len(names) > maxEntries {
			err = fmt.Errorf("it has more than %d files", maxEntries)
		}
		if err == nil {
			err = visit(name, stopped{ctx, charged{left, body}})
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

// unpacksTo is the most that an archive of a size may unpack to on the disk.
func unpacksTo(size int64) int64 { return max(size*unpackRatio, unpackAlways) }

// stopped reads until ctx is done.
type stopped struct {
	ctx context.Context
	r   io.Reader
}

func (s stopped) Read(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(b)
}

// Ending is what a bundle's file is, as its name should end: ".zip".
func Ending(path string) (string, error) {
	file, _, err := openBundle(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	f, ok := sniff(path, file)
	if !ok {
		return "", fmt.Errorf("%s: neither a zip nor a tar.zst", path)
	}
	return endings[f], nil
}

// endings are how files' names end, by format.
var endings = [...]string{".zip", ".tar.zst"}

// EndingOf is how the name of a bundle's file ends, "" if none is called so.
func EndingOf(path string) string {
	if f, ok := formatOf(path); ok {
		return endings[f]
	}
	return ""
}
