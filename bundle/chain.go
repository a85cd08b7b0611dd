package bundle

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"rtmtgrab/bundle/custody"
)

// ChainOf is a bundle's name, and where its chain of custody ends, without verifying
// anything else: Result.Chain of one that is intact.
func ChainOf(ctx context.Context, path string) (name string, head custody.Head, err error) {
	m, err := ReadManifest(path)
	if err != nil {
		return "", head, err
	}
	err = ReadFile(ctx, path, custodyName, func(r io.Reader) (err error) {
		head, err = custody.Walk(r, custody.Head{}, nil)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) { // of a version without one
		err = ReadFile(ctx, path, sumsName, func(r io.Reader) error {
			m := newMeter()
			err := copyTo(ctx, m, r)
			head.Hash = m.sum()
			return err
		})
	}
	return Name(m), head, err
}
