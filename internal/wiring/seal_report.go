package wiring

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/report"
)

// reportLimit is the most time that a report may take of a bundle.
const reportLimit = 15 * time.Minute

// addReport adds to a bundle what the REGISTER messages in its logs show. What goes
// wrong with that costs the report and never the bundle: then a note says why, and
// the only error is that of a ctx that is done. The files lie beside the bundle
// until remove is called.
func addReport(ctx context.Context, job runner.SealJob, in *bundle.Input) (remove func(), err error) {
	var files []string
	remove = func() {
		for _, f := range files {
			os.Remove(f) // a ".part" in the store is garbage at its next start
		}
	}
	limited, cancel := context.WithTimeoutCause(ctx, reportLimit, fmt.Errorf("it took more than %v", reportLimit))
	defer cancel()
	reg, parts, err := sealReport(limited, job, &files)
	if err != nil {
		if ctx.Err() != nil {
			return remove, ctx.Err()
		}
		if limited.Err() != nil {
			err = context.Cause(limited)
		}
		in.Manifest.Notes = append(slices.Clone(in.Manifest.Notes), evidence.Printable(fmt.Sprintf(
			"no report on the REGISTER messages: %v; `grab report` on this bundle tries again", err), 500))
		return remove, nil
	}
	in.Manifest.Registration, in.Reports = reg, parts
	return remove, nil
}

// sealReport analyses the slices and writes the three files beside the bundle; it
// appends their names to files as soon as they are there.
func sealReport(ctx context.Context, job runner.SealJob, files *[]string) (reg *evidence.Registration, parts []bundle.Part, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error in the analysis: %v", p)
		}
	}()
	set := jobSources(ctx, job)
	defer func() { err = errors.Join(err, set.Close()) }()
	rep, err := analysis.Analyze(ctx, set, nil, 0)
	if err != nil {
		return nil, nil, err
	}
	writers := analysis.ReportFiles(set, rep)
	for _, name := range []string{analysis.PageName, analysis.CSVName, analysis.JSONName} {
		path, err := writeTemp(ctx, job.Base, writers[name], files)
		if err != nil {
			return nil, nil, fmt.Errorf("write %s: %w", name, err)
		}
		parts = append(parts, bundle.Part{Name: "report/" + name, Open: func() (io.ReadCloser, error) { return os.Open(path) }})
	}
	return report.Brief(rep), parts, nil
}

// writeTemp fills a new file beside the bundle.
func writeTemp(ctx context.Context, base string, fill func(io.Writer) error, files *[]string) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(base), filepath.Base(base)+".report-*"+atomicfile.PartSuffix)
	if err != nil {
		return "", err
	}
	*files = append(*files, f.Name())
	err = fill(UntilDone(ctx, f))
	return f.Name(), errors.Join(err, f.Close())
}

// UntilDone writes to w until ctx is done.
func UntilDone(ctx context.Context, w io.Writer) io.Writer { return cancelled{ctx, w} }

// cancelled writes until ctx is done.
type cancelled struct {
	ctx context.Context
	w   io.Writer
}

func (c cancelled) Write(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(b)
}
