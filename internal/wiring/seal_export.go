package wiring

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/export"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/sources"
	"rtmtgrab/internal/version"
)

// exportName is the file of the SIP messages in a bundle's report/.
const exportName = "sip.pcapng"

// addExport adds to a bundle the SIP messages of its logs as packets, credentials
// replaced: the file is handed on more easily than the logs beside it. As with the
// report, what goes wrong costs the file and never the bundle.
func addExport(ctx context.Context, job runner.SealJob, in *bundle.Input) (remove func(), err error) {
	var files []string
	remove = func() {
		for _, f := range files {
			os.Remove(f)
		}
	}
	limited, cancel := context.WithTimeoutCause(ctx, reportLimit, fmt.Errorf("it took more than %v", reportLimit))
	defer cancel()
	path, err := sealExport(limited, job, &files)
	if err != nil {
		if ctx.Err() != nil {
			return remove, ctx.Err()
		}
		if limited.Err() != nil {
			err = context.Cause(limited)
		}
		in.Manifest.Notes = append(slices.Clone(in.Manifest.Notes), evidence.Printable(fmt.Sprintf("no report/%s: %v", exportName, err), 500))
		return remove, nil
	}
	in.Reports = append(in.Reports, bundle.Part{Name: "report/" + exportName, Open: func() (io.ReadCloser, error) { return os.Open(path) }})
	return remove, nil
}

// sealExport writes the file beside the bundle.
func sealExport(ctx context.Context, job runner.SealJob, files *[]string) (path string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error in the export: %v", p)
		}
	}()
	set := jobSources(ctx, job)
	defer func() { err = errors.Join(err, set.Close()) }()
	return writeTemp(ctx, job.Base, func(w io.Writer) error {
		_, err := export.PCAPNG(ctx, w, set.Sources, export.Options{Place: set.Place, Program: "grab " + version.Version})
		return err
	}, files)
}

// jobSources are the slices of a job that is being sealed.
func jobSources(ctx context.Context, job runner.SealJob) *sources.Set {
	var mu sync.Mutex // a job opens one slice at a time
	return sources.Of(ctx, filepath.Dir(job.Base), job.Manifest, func(host, family string) (io.ReadCloser, error) {
		mu.Lock()
		defer mu.Unlock()
		return job.Open(host, family)
	})
}
