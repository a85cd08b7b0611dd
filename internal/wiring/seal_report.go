package wiring

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident/runner"
)

// analysisOf is a job as the analysis sees it.
func analysisOf(job runner.SealJob) analysis.Job {
	extra := func(name string) string {
		for _, f := range job.Extra {
			if f.Name == name {
				return f.Path
			}
		}
		return ""
	}
	return analysis.Job{Manifest: job.Manifest, Path: job.Path, Extra: extra, Scratch: cmp.Or(job.Scratch, filepath.Dir(job.Base))}
}

// Contents is the Contents of a runner.
func Contents(analyst *analysis.Analyst) func(context.Context, runner.ContentsJob) (evidence.Contents, error) {
	return func(ctx context.Context, job runner.ContentsJob) (evidence.Contents, error) {
		return analyst.Contents(ctx, analysis.Job{Manifest: job.Manifest, Path: job.Path, Scratch: job.Scratch})
	}
}

// addReport adds to a bundle what the REGISTER messages in its logs show. What goes
// wrong with that costs the report and never the bundle: then a note says why, and
// the only error is that of a ctx that is done. The files lie in the job's scratch folder
// until remove is called.
func addReport(ctx context.Context, analyst *analysis.Analyst, job runner.SealJob, in *bundle.Input) (remove func(), noReport string, err error) {
	noReport = job.Plain
	if noReport == "" {
		res, err := analyst.Report(ctx, analysisOf(job))
		remove = res.Remove
		switch {
		case ctx.Err() != nil:
			return remove, "", ctx.Err()
		case err == nil:
			in.Manifest.Registration, in.Reports = res.Registration, parts(res)
			if job.Remember != nil && res.Memory != nil {
				err = job.Remember(*res.Memory)
			}
			return remove, "", err
		}
		noReport = evidence.Printable(err.Error(), 400)
	} else {
		remove = func() {}
	}
	in.Manifest.NoReport = noReport
	note(in, "no report on the REGISTER messages: %s; `grab retry %s` adds it, and `grab report` on this bundle makes one", noReport, job.Manifest.Incident)
	return remove, noReport, nil
}

// addExport adds to a bundle the SIP messages of its logs as packets, credentials
// replaced: the file is handed on more easily than the logs beside it. As with the
// report, what goes wrong costs the file and never the bundle.
func addExport(ctx context.Context, analyst *analysis.Analyst, job runner.SealJob, in *bundle.Input) (remove func(), err error) {
	if job.Plain != "" {
		note(in, "no report/%s: %s", analysis.ExportName, job.Plain)
		return func() {}, nil
	}
	res, err := analyst.Export(ctx, analysisOf(job))
	switch {
	case ctx.Err() != nil:
		return res.Remove, ctx.Err()
	case err != nil:
		note(in, "no report/%s: %v", analysis.ExportName, err)
	default:
		in.Reports = append(in.Reports, parts(res)...)
	}
	return res.Remove, nil
}

// parts are the files of an analysis in a bundle.
func parts(res *analysis.Result) (list []bundle.Part) {
	for _, name := range res.Files {
		path := filepath.Join(res.Dir, name)
		list = append(list, bundle.Part{Name: "report/" + name, Open: func() (io.ReadCloser, error) { return os.Open(path) }})
	}
	return list
}

// extraParts are what came of CUCM and phones.
func extraParts(job runner.SealJob) (list []bundle.Part) {
	for _, f := range job.Extra {
		list = append(list, bundle.Part{Name: f.Name, Open: func() (io.ReadCloser, error) { return os.Open(f.Path) }})
	}
	return list
}

// note adds a note to the manifest, which others have too.
func note(in *bundle.Input, format string, args ...any) {
	in.Manifest.Notes = append(slices.Clone(in.Manifest.Notes), evidence.Printable(fmt.Sprintf(format, args...), 800))
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
