package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// ReadFile gives the file of that name inside the top folder to read, while the
// bundle is open. It verifies nothing. The error is fs.ErrNotExist if there is no
// such file.
func ReadFile(ctx context.Context, path, name string, read func(io.Reader) error) error {
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
		if _, inside, nerr := splitTop(full); nerr != nil || inside != name {
			return nil
		}
		if err == nil {
			err = read(body)
		}
		if err != nil {
			return err
		}
		return errFound
	})
	switch {
	case errors.Is(err, errFound):
		return nil
	case err == nil:
		err = fs.ErrNotExist
	}
	return fmt.Errorf("read %s of %s: %w", name, path, err)
}
