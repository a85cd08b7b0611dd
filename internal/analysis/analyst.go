package analysis

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/confine"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/version"
)

// What an analysis may have. The unit's MemoryMax agrees: two reports, one first look,
// two looks over a host's records (contents.go), and the rest for the collector itself (configs/grab.service).
const (
	reportHard  = 512 << 20        // resident; what registration keeps of any logs stays below it
	reportSoft  = 200 << 20        // collects garbage more often from here on: reports of 2 GB of logs need less
	reportTime  = 5 * time.Minute  // 2 GB take one on two cores
	reportFiles = 512 << 20        // the three files, and the texts that are spooled for them
	exportFiles = 8 << 30          // packets of all that was logged
	reportTurns = 2                // reports at once
	turnTime    = 15 * time.Minute // waiting for one of them: longer, and the bundle goes without
	lookHard    = 384 << 20
	lookTurns   = 1
)

// An Analyst has logs analysed in processes of their own, a few at a time. Its fields are
// set before the first call.
type Analyst struct {
	Program confine.Program // zero: this program, as Command
	Limits  confine.Limits  // zero fields: as above

	reports, looks, contents chan struct{}
}

// New is an Analyst of this program.
func New() *Analyst {
	return &Analyst{reports: make(chan struct{}, reportTurns), looks: make(chan struct{}, lookTurns), contents: make(chan struct{}, contentsTurns)}
}

// A Job is logs that are to be analysed.
type Job struct {
	Manifest evidence.Manifest
	Path     func(host, family string) string // where a log lies: a folder of slices of package fetch, or a file
	Extra    func(name string) string         // where a file of the bundle below cucm/ lies; empty or nil: it is not there
	Scratch  string                           // folder for temporary files; what a crash leaves there ends in atomicfile.PartSuffix
}

// A Result is what an analysis made.
type Result struct {
	Registration *evidence.Registration
	Memory       *evidence.Memory // what later incidents should know
	Contents     *evidence.Contents
	Files        []string // in the folder Dir
	Dir          string
}

// Remove removes the files.
func (r *Result) Remove() {
	if r != nil && r.Dir != "" {
		os.RemoveAll(r.Dir) // what stays is garbage at the next start
	}
}

// Report makes the report of the logs. The result's files lie in the scratch folder until
// Remove, which the caller calls after errors too.
func (a *Analyst) Report(ctx context.Context, job Job) (*Result, error) {
	return a.take(ctx, a.reports, job, taskReport, confine.Limits{Memory: reportHard, Time: reportTime, Files: reportFiles})
}

// Export makes packets of the SIP messages in the logs.
func (a *Analyst) Export(ctx context.Context, job Job) (*Result, error) {
	return a.take(ctx, a.reports, job, taskExport, confine.Limits{Memory: reportHard, Time: reportTime, Files: exportFiles})
}

// Look reads what there is of the logs, for a first word on them; limit is its time, and
// the wait is ctx's.
func (a *Analyst) Look(ctx context.Context, job Job, limit time.Duration) (*evidence.Registration, error) {
	res, err := a.take(ctx, a.looks, job, taskLook, confine.Limits{Memory: lookHard, Time: limit, Files: reportFiles})
	defer res.Remove()
	if err != nil {
		return nil, err
	}
	return res.Registration, nil
}

// take waits for its turn and works.
func (a *Analyst) take(ctx context.Context, turns chan struct{}, job Job, task string, l confine.Limits) (*Result, error) {
	late := time.NewTimer(turnTime)
	defer late.Stop()
	select {
	case turns <- struct{}{}:
		defer func() { <-turns }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-late.C:
		return nil, fmt.Errorf("its turn did not come within %s", human.Span(turnTime))
	}
	dir, err := atomicfile.MkdirTemp(job.Scratch, "analysis-*"+atomicfile.PartSuffix)
	if err != nil {
		return nil, err
	}
	res := &Result{Dir: dir}
	l.Memory, l.Time, l.Files = cmp.Or(a.Limits.Memory, l.Memory), cmp.Or(a.Limits.Time, l.Time), cmp.Or(a.Limits.Files, l.Files)
	l.Answer = maxAnswer
	return res, a.ask(ctx, job, task, l, res)
}

// ask has a child do the task.
func (a *Analyst) ask(ctx context.Context, job Job, task string, l confine.Limits, res *Result) error {
	dir, err := filepath.Abs(res.Dir)
	if err != nil {
		return err
	}
	q := &request{Version: version.Version, Task: task, Manifest: job.Manifest, Soft: min(reportSoft, l.Memory/2), Hard: l.Memory}
	for _, h := range job.Manifest.Hosts {
		for _, f := range h.Files {
			if f.Path == "" {
				continue
			}
			path, err := filepath.Abs(job.Path(h.Host, f.Family))
			if err != nil {
				return err
			}
			q.Logs = append(q.Logs, logPlace{h.Host, f.Family, path})
		}
	}
	if err := q.addExtra(job); err != nil {
		return err
	}
	if err := q.save(dir); err != nil {
		return err
	}
	said, err := confine.Run(ctx, a.Program, dir, l, Command, dir)
	if err != nil {
		return err
	}
	var got answer
	d := json.NewDecoder(strings.NewReader(string(said)))
	d.DisallowUnknownFields()
	if err := d.Decode(&got); err != nil {
		return fmt.Errorf("its process answered what cannot be read: %s", evidence.Printable(err.Error(), 200))
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("its process answered more than was asked")
	}
	if err := got.check(q, dir); err != nil {
		return err
	}
	if confine.Size(dir) > l.Files {
		return confine.ErrFiles
	}
	res.Registration, res.Memory, res.Contents, res.Files = got.Registration, got.Memory, got.Contents, files(task)
	return nil
}
