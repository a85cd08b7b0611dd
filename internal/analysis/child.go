package analysis

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"rtmtgrab/fetch"
	"rtmtgrab/internal/confine"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/export"
	"rtmtgrab/internal/registration"
	"rtmtgrab/internal/report"
	"rtmtgrab/internal/sources"
	"rtmtgrab/internal/version"
)

// Command is the hidden command under which the program is a child: Serve.
const Command = "analyze-confined"

// Serve does in this process what the request in the folder dir asks for, and answers on
// out. exit ends the process.
func Serve(dir string, out io.Writer, exit func(code int)) error {
	q, err := loadRequest(dir)
	if err != nil {
		return err
	}
	confine.Enter(q.Soft, q.Hard, exit)
	a := answer{Version: version.Version}
	if q.Version == version.Version {
		if err = q.work(dir, &a); err != nil {
			a.Error = err.Error()
		}
	}
	return json.NewEncoder(out).Encode(a)
}

// work does the task. A defect of the analysis is an error like any other.
func (q *request) work(dir string, a *answer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error in the analysis: %v", p)
		}
	}()
	ctx := context.Background() // the parent's limits end it
	switch q.Task {
	case taskContents:
		if len(q.Manifest.Hosts) != 1 {
			return errors.New("not one host")
		}
		a.Contents, err = q.contentsOf(&q.Manifest.Hosts[0])
		return err
	case taskLook: // the rows are not sealed: nobody has looked over them yet
		for i := range q.Manifest.Hosts {
			h := &q.Manifest.Hosts[i]
			c, err := q.contentsOf(h)
			if err != nil {
				return err
			}
			c.Tell(h)
		}
	}
	set := sources.Of(ctx, dir, q.Manifest, q.open)
	set.AddCUCM(q.Manifest, "", q.openExtra)
	defer func() { err = errors.Join(err, set.Close()) }()
	switch q.Task {
	case taskExport:
		return writeFile(dir, ExportName, func(w io.Writer) error {
			_, err := export.PCAPNG(ctx, w, set.Sources, export.Options{Place: set.Place, Program: "grab " + version.Version})
			return err
		})
	case taskLook:
		rep, err := registration.Analyze(ctx, set.Sources, registration.Options{Window: set.Window, Alerts: set.Alerts, PhonesNamed: set.PhonesNamed, Peers: set.Peers, Before: set.Before, Hops: 1,
			Traces: set.Traces, Names: set.Names, Taken: set.Taken, PhonePage: set.PhonePage})
		if err == nil {
			a.Registration = report.Brief(rep)
		}
		return err
	case taskReport:
		a.Registration, a.Memory, err = writeReport(ctx, set, dir)
		return err
	}
	return fmt.Errorf("no task %q", q.Task)
}

// writeReport writes the three files.
func writeReport(ctx context.Context, set *sources.Set, dir string) (*evidence.Registration, *evidence.Memory, error) {
	rep, err := Analyze(ctx, set, nil, 0)
	if err != nil {
		return nil, nil, err
	}
	writers := ReportFiles(set, rep)
	for _, name := range files(taskReport) {
		if err := writeFile(dir, name, writers[name]); err != nil {
			return nil, nil, fmt.Errorf("write %s: %w", name, err)
		}
	}
	memory := report.Memory(rep)
	return report.Brief(rep), &memory, nil
}

// open opens a log of the request.
func (q *request) open(host, family string) (io.ReadCloser, error) {
	for _, l := range q.Logs {
		if l.Host != host || l.Family != family {
			continue
		}
		fi, err := os.Stat(l.Path)
		if err != nil {
			return nil, err
		}
		if fi.IsDir() {
			return fetch.OpenSlice(l.Path, family)
		}
		return os.Open(l.Path)
	}
	return nil, fmt.Errorf("no log %s of host %s", family, host)
}

// writeFile fills a new file of the child's folder.
func writeFile(dir, name string, fill func(io.Writer) error) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(f, 64<<10)
	err = fill(b)
	if err == nil {
		err = b.Flush()
	}
	return errors.Join(err, f.Close())
}
