package masking

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"

	"rtmtgrab/bundle/mask"
	"rtmtgrab/bundle/mask/mapfile"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/evidence"
)

// A job is one masking, on its way.
type job struct {
	*Masker
	ctx    context.Context // of this one call
	src    *source
	chart  *mapfile.Map
	table  *mask.Table
	masker *mask.Masker
	how    evidence.Masked
	made   map[string]written // by the name in the bundle that is masked
	work   string             // folder for temporary files
	files  int                // that were begun
	before []byte             // the mask report of a bundle that was masked before

	phones       *evidence.PartialPhones // what CUCM said of phones, if it can be read
	phonesMasked bool                    // its fields have been masked
}

// written is a file that was masked.
type written struct {
	path   string // on disk
	bytes  int64
	sha256 string
}

// begin has the masker and a place for temporary files.
func (m *Masker) begin(ctx context.Context, src *source, chart *mapfile.Map, q Request) (*job, error) {
	j := &job{Masker: m, ctx: ctx, src: src, chart: chart, made: map[string]written{}}
	j.how = evidence.Masked{Strength: string(q.Strength), Scope: chart.Scope.Kind, Map: chart.ID, RawHead: src.bundle.Chain().Hash, LeftOut: []evidence.LeftOut{}}
	var err error
	if j.table, err = tableOf(chart); err != nil {
		return nil, err
	}
	j.masker = mask.New(j.table, q.Strength)
	if was := src.manifest.Masked; was != nil {
		j.masker = mask.Again(j.table, q.Strength)
		j.how.RawHead, j.how.LeftOut = was.RawHead, append(j.how.LeftOut, was.LeftOut...)
	}
	if err := m.step("work"); err != nil {
		return nil, err
	}
	j.work, err = chart.Work()
	return j, err
}

// A part is what becomes of a file of a bundle.
type part int

const (
	anew   part = iota // it is made anew of what was masked
	masked             // it is masked
	other              // a file that this program does not write
)

// partOf is that of a file by its name, and its kind.
func partOf(name string) (part, mask.Kind) {
	dir, _, below := strings.Cut(name, "/")
	switch dir {
	case "hosts":
		return masked, mask.Log
	case "alerts":
		return masked, kindOf(name)
	case "report":
		if ours(name) {
			return anew, kindOf(name)
		}
		return other, kindOf(name)
	}
	if below {
		return other, kindOf(name)
	}
	return anew, kindOf(name)
}

// kindOf is the kind of a text by the ending of its name.
func kindOf(name string) mask.Kind {
	_, ending, _ := strings.Cut(name[strings.LastIndexByte(name, '/')+1:], ".")
	switch strings.ToLower(ending[strings.LastIndexByte(ending, '.')+1:]) {
	case "json":
		return mask.JSON
	case "jsonl":
		return mask.JSONL
	case "xml":
		return mask.XML
	case "csv":
		return mask.CSV
	case "html":
		return mask.HTML
	case "eml":
		return mask.Mail
	case "log", "txt", "pcapng":
		return mask.Log
	}
	return mask.Text
}

// learn reads all that is to be masked.
func (j *job) learn() error {
	if err := j.learnManifest(); err != nil {
		return err
	}
	return j.src.bundle.Files(j.ctx, func(name string, r io.Reader) error {
		j.src.packets = j.src.packets || name == "report/"+analysis.ExportName
		switch what, kind := partOf(name); what {
		case masked:
			return j.masker.Learn(name, kind, r)
		case anew:
			if name == maskReportName {
				return j.readReport(r)
			}
		case other:
			return j.learnOther(name, r)
		}
		return nil
	})
}

// write masks it into temporary files.
func (j *job) write() error {
	return j.src.bundle.Files(j.ctx, func(name string, r io.Reader) error {
		what, kind := partOf(name)
		switch what {
		case other:
			return j.writeOther(name, r)
		case anew:
			return nil
		}
		return j.maskFile(name, kind, r, j.masker.Mask)
	})
}

func (j *job) maskFile(name string, kind mask.Kind, r io.Reader, by func(string, mask.Kind, io.Writer, io.Reader) error) error {
	return j.writeFile(name, func(w io.Writer) error {
		lines := &lineReader{r: r}
		out := &lineWriter{w: w}
		if err := by(name, kind, out, lines); err != nil {
			return err
		}
		if kind == mask.Log && lines.n != out.n {
			return fmt.Errorf("internal error: it had %d lines and has %d", lines.n, out.n)
		}
		return nil
	})
}

// writeFile makes a temporary file for what a file becomes.
func (j *job) writeFile(name string, fill func(io.Writer) error) (err error) {
	path := filepath.Join(j.work, fmt.Sprint(j.files))
	j.files++
	if err := j.step("write " + name); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	m := &meter{w: f, hash: sha256.New()}
	err = errors.Join(fill(m), f.Close())
	j.made[name] = written{path, m.n, hex.EncodeToString(m.hash.Sum(nil))}
	return err
}

// keep makes the map durable.
func (j *job) keep() error {
	if err := j.step("map"); err != nil {
		return err
	}
	return keepTable(j.chart, j.table)
}

// tableOf is what a map has, or a new table.
func tableOf(chart *mapfile.Map) (*mask.Table, error) {
	if chart.Table == nil {
		return mask.NewTable(), nil
	}
	table, err := mask.Load(chart.Table)
	if err != nil {
		return nil, lostHint(&mapfile.LostError{Scope: chart.Scope, File: chart.File(), Err: err})
	}
	return table, nil
}

// keepTable makes a table durable, if it is not so already.
func keepTable(chart *mapfile.Map, table *mask.Table) error {
	b, err := table.Bytes()
	if err != nil {
		return err
	}
	var short bytes.Buffer
	if err := json.Compact(&short, b); err != nil {
		return err
	}
	if bytes.Equal(short.Bytes(), chart.Table) && chart.Known() {
		return nil
	}
	return chart.Save(b)
}

// leave writes down that something is not in the bundle.
func (j *job) leave(what, why string) error {
	name, err := j.masker.Name(what)
	j.how.LeftOut = append(j.how.LeftOut, evidence.LeftOut{What: name, Why: why})
	return err
}

// A meter counts and hashes what it passes on.
type meter struct {
	w    io.Writer
	hash hash.Hash
	n    int64
}

func (m *meter) Write(p []byte) (int, error) {
	n, err := m.w.Write(p)
	m.n += int64(n)
	m.hash.Write(p[:n])
	return n, err
}

// lineReader and lineWriter count line feeds.
type lineReader struct {
	r io.Reader
	n int64
}

func (l *lineReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	l.n += int64(bytes.Count(p[:n], []byte{'\n'}))
	return n, err
}

type lineWriter struct {
	w io.Writer
	n int64
}

func (l *lineWriter) Write(p []byte) (int, error) {
	l.n += int64(bytes.Count(p, []byte{'\n'}))
	return l.w.Write(p)
}
