package mra

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// traceFiles are a node's files and the truth about them. They are in memory.
type traceFiles struct {
	mu      sync.Mutex
	closed  []*traceFile // SDL, the oldest first
	open    *traceFile   // SDL; nil: none yet
	logs    []*traceFile // what is no SDL
	records []TraceRecord
}

// A traceFile holds what is stored of it; the newest SDL file has a gzip writer too.
type traceFile struct {
	kind, path string
	stored     bytes.Buffer
	zip        *gzip.Writer
	plain      int // bytes before compression
	day        string
	modified   time.Time
	first      int // index of its first record in the truth
}

// add writes one record of the SDL trace, text without its counter and time.
func (t *tracer) add(at time.Time, text string) {
	if d := t.cfg.Disorder; d > 0 {
		late := at.Add(time.Duration(t.rng.Int64N(int64(d) + 1)))
		t.site.time.At(late, func(time.Time) { t.write(at, text) })
		return
	}
	t.site.time.At(at, func(time.Time) { t.write(at, text) })
}

func (t *tracer) write(at time.Time, text string) {
	if at.Before(t.site.cfg.LogFrom) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	stamp := t.stamp(at)
	day := stamp.Format("2006-01-02")
	if f := t.open; f != nil && (f.plain+len(text) > t.cfg.FileSize || t.cfg.Midnight && day > f.day) {
		t.rotate()
	}
	if t.open == nil {
		t.begin(at, day)
	}
	t.append(at, stamp, text)
}

// append gives a record its counter and time and puts it in the newest file.
func (t *tracer) append(at, stamp time.Time, text string) {
	t.counter++
	line := fmt.Sprintf("%08d.%03d |%s |%s\n", t.counter, t.rng.IntN(4), stamp.Format("15:04:05.000"), text)
	f := t.open
	f.zip.Write([]byte(line)) // into memory
	f.plain += len(line)
	f.modified = stamp
	t.records = append(t.records, TraceRecord{Kind: SDL, File: f.name() + ".gz", Time: at, Stamp: stamp, Text: line})
}

func (f *traceFile) name() string {
	name := f.path[strings.LastIndexByte(f.path, '/')+1:]
	return strings.TrimSuffix(strings.TrimSuffix(name, ".gzo"), ".gz")
}

// begin opens a new SDL file. What opens it may be older than what follows: a file's
// head has the time of its first record.
func (t *tracer) begin(at time.Time, day string) {
	t.number++
	f := &traceFile{kind: SDL, path: fmt.Sprintf("%sSDL%03d_100_%06d.txt.gzo", SDLFolder, t.id, t.number), day: day, first: len(t.records)}
	f.zip = gzip.NewWriter(&f.stored)
	t.open = f
	if t.cfg.NoHead {
		return
	}
	stamp := t.stamp(at)
	t.append(at, stamp, fmt.Sprintf("FileHead |UTC:%s,Date: %s, AppName: CCM, AppId: 100, AppNodeId: %d, AppVersion: CUCM Install=14.0.1.13900-155 Build=14.0.1.13900-155 (1a2b3c) memlog=20, HostName: %s, HostIPAddress: %s, AppStartTime: 2026/11/01 03:12:28, FileNumber: %d, TraceVer: 3.0",
		stamp.Format("-07:00"), stamp.Format("2006/01/02"), t.id, t.short, t.ip, t.number))
}

// rotate closes the newest file and lets the oldest go if there are too many.
func (t *tracer) rotate() {
	f := t.open
	f.zip.Close() // into memory
	f.zip, t.open = nil, nil
	f.path = strings.TrimSuffix(f.path, "o")
	t.closed = append(t.closed, f)
	for len(t.closed) > t.cfg.Keep {
		gone := t.closed[0].name() + ".gz"
		for i := t.closed[0].first; i < len(t.records); i++ {
			if r := &t.records[i]; r.Kind == SDL && r.File == gone {
				r.Gone = true
			}
		}
		t.closed = t.closed[1:]
	}
}

// addLog writes a line to a file that is plain text.
func (t *tracer) addLog(at, stamp time.Time, kind, path, line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.logs, func(f *traceFile) bool { return f.path == path })
	if i < 0 {
		i = len(t.logs)
		t.logs = append(t.logs, &traceFile{kind: kind, path: path})
		if kind == AlertLog {
			t.logs[i].stored.WriteString(alertLogHead)
		}
	}
	f := t.logs[i]
	f.stored.WriteString(line)
	f.modified = t.stamp(at)
	t.records = append(t.records, TraceRecord{Kind: kind, File: f.name(), Time: at, Stamp: stamp, Text: line})
}

func (t *traceFiles) files() []*traceFile {
	out := slices.Clone(t.closed)
	if t.open != nil {
		t.open.zip.Flush() // into memory
		out = append(out, t.open)
	}
	return append(out, t.logs...)
}

func (t *tracer) list() []TraceFile {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []TraceFile
	for _, f := range t.files() {
		out = append(out, TraceFile{Node: t.node, Kind: f.kind, Path: f.path, Size: int64(f.stored.Len()), Modified: f.modified.Truncate(time.Second), Open: f.zip != nil || f.kind != SDL})
	}
	return out
}

// read takes a file by its path as it is now or was: one that was listed as a .gzo may
// be closed meanwhile.
func (t *tracer) read(path string) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.files() {
		if f.path == path {
			return bytes.Clone(f.stored.Bytes()), nil
		}
	}
	return nil, fmt.Errorf("read %s of %s: no such file", path, t.node)
}

func (t *tracer) all() []TraceRecord {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.records)
}
