package analysis

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"rtmtgrab/internal/evidence"
)

// What a child can be asked for.
const (
	taskReport = "report" // the three files, and what the manifest says of them
	taskLook   = "look"   // only what a manifest would say, of what was copied so far
	taskExport = "export" // the SIP messages as packets

	taskContents = "contents" // what one host's records say beside when
)

// A request is what a child is asked, in a file of its folder.
type request struct {
	Version  string            `json:"version"` // of the program that asks
	Task     string            `json:"task"`
	Manifest evidence.Manifest `json:"manifest"`
	Logs     []logPlace        `json:"logs"`
	Extra    map[string]string `json:"extra,omitempty"` // files below cucm/ of the bundle: where they lie
	Soft     int64             `json:"soft"`            // bytes of memory, see confine.Enter
	Hard     int64             `json:"hard"`
}

// A logPlace is where a log lies: a folder of slices of package fetch, or a plain file.
type logPlace struct {
	Host   string `json:"host"`
	Family string `json:"family"`
	Path   string `json:"path"`
}

// addExtra says where the files lie that came of CUCM.
func (q *request) addExtra(job Job) error {
	if job.Extra == nil || len(job.Manifest.CUCM) == 0 {
		return nil
	}
	names := []string{"cucm/partial-phones.json"}
	for _, c := range job.Manifest.CUCM {
		for _, n := range c.Nodes {
			for _, f := range n.Files {
				names = append(names, f.Path)
			}
		}
	}
	q.Extra = map[string]string{}
	for _, name := range names {
		at := job.Extra(name)
		if at == "" {
			continue
		}
		path, err := filepath.Abs(at)
		if err != nil {
			return err
		}
		q.Extra[name] = path
	}
	return nil
}

// openExtra opens one of them.
func (q *request) openExtra(name string) (io.ReadCloser, error) {
	if q.Extra[name] == "" {
		return nil, fmt.Errorf("%s: %w", name, os.ErrNotExist)
	}
	return os.Open(q.Extra[name])
}

// An answer is what a child says on its standard output. What it wrote lies in its folder.
type answer struct {
	Version      string                 `json:"version"`
	Error        string                 `json:"error,omitempty"`
	Registration *evidence.Registration `json:"registration,omitempty"`
	Memory       *evidence.Memory       `json:"memory,omitempty"` // of a report
	Contents     *evidence.Contents     `json:"contents,omitempty"`
}

// What may cross the border at most.
const (
	maxRequest = 64 << 20 // a manifest of many hosts and alerts
	maxAnswer  = 8 << 20  // report.Brief bounds what it names; this is many times that
)

const requestName = "request.json"

// errVersion says that the program's file is not the running program any more.
var errVersion = errors.New("the program's file is another version than the one that is running")

func (q *request) save(dir string) error {
	b, err := json.Marshal(q)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, requestName), b, 0o600)
}

func loadRequest(dir string) (*request, error) {
	f, err := os.Open(filepath.Join(dir, requestName))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	q := &request{}
	return q, json.NewDecoder(io.LimitReader(f, maxRequest)).Decode(q)
}

// files are those that a task leaves in the child's folder.
func files(task string) []string {
	switch task {
	case taskReport:
		return []string{PageName, CSVName, JSONName}
	case taskExport:
		return []string{ExportName}
	}
	return nil
}

// check is what the parent believes of an answer: a version, an error, and files that are
// files.
func (a *answer) check(q *request, dir string) error {
	switch {
	case a.Version != q.Version:
		return fmt.Errorf("%w: %s is asked by %s", errVersion, evidence.Printable(a.Version, 50), q.Version)
	case a.Error != "":
		return errors.New(evidence.Printable(a.Error, 400))
	case q.Task == taskContents:
		if a.Contents == nil {
			return errors.New("its process answered nothing")
		}
		if err := a.Contents.Check(); err != nil {
			return fmt.Errorf("its process answered what cannot be: %w", err)
		}
	case q.Task != taskExport && a.Registration == nil:
		return errors.New("its process answered nothing")
	}
	for _, name := range files(q.Task) {
		fi, err := os.Lstat(filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("its process left no %s", name)
		}
		if !fi.Mode().IsRegular() {
			return fmt.Errorf("its process left a %s that is no file", name)
		}
	}
	return nil
}
