package exporting

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/handing"
)

// Made is what an export made: Written, Snapshot or handing.Exported.
type Made interface {
	Warn(errOut io.Writer)
	Write(out io.Writer) error
}

// Formats are those of --format.
func Formats() []string { return append(slices.Clone(bundle.Formats()), SnapshotFormat) }

// Bundle writes the bundle that args name in another format, encrypted, or both.
func Bundle(ctx context.Context, q handing.ExportRequest, args []string) (Made, error) {
	flag := "--format"
	if q.Format == "" {
		flag = "--encrypt-to"
	}
	switch {
	case len(args) != 1:
		return nil, advice.Usage(fmt.Errorf("%s takes one bundle, not %d arguments", flag, len(args)))
	case q.Format != "" && !slices.Contains(Formats(), q.Format):
		return nil, advice.Usage(fmt.Errorf("--format %q: want one of %s", q.Format, strings.Join(Formats(), ", ")))
	case q.Format == SnapshotFormat && len(q.To) > 0:
		return nil, advice.Usage(advice.WithHint(errors.New("--format snapshot makes no bundle, and --encrypt-to takes one"), "encrypt the texts with `age -r`"))
	}
	q.Path = args[0]
	if q.Format == SnapshotFormat {
		return WriteSnapshot(ctx, q.Path, q.Out, q.By)
	}
	return handing.Export(ctx, q)
}
