package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"rtmtgrab/internal/human"
)

// A Fault is one thing that is wrong with a configuration.
type Fault struct {
	File string `json:"file"`
	Line int    `json:"line"` // from 1; of the key, or of the nearest key above a missing one
	Path string `json:"path"` // as in sites[0].hosts[1].address; empty if it is the file as a whole
	What string `json:"what"`

	excerpt string // of a syntax error: the line and a caret; may be empty
}

func (f Fault) String() string {
	if f.Path == "" {
		text := fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.What)
		if f.excerpt != "" {
			text += "\n" + f.excerpt
		}
		return text
	}
	return fmt.Sprintf("%s:%d: %s: %s", f.File, f.Line, f.Path, f.What)
}

// Faults is everything that is wrong with a configuration, in the order of lines.
type Faults []Fault

// Error is one line per fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].String()
	}
	return strings.Join(lines, "\n")
}

// maxFaults bounds what is said of a file that has nothing but faults.
const maxFaults = 1000

// book collects faults while a file is read and checked.
type book struct {
	file   string
	faults Faults
	lines  map[string]int  // path -> line of its key
	failed map[string]bool // paths with a fault at or below them
	misfit map[string]bool // paths whose value is of another kind than wanted
}

func newBook(file string) book {
	return book{file: file, lines: map[string]int{}, failed: map[string]bool{}, misfit: map[string]bool{}}
}

// bad records a fault at the line of path, or of the nearest path above it. Below a
// misfit there are none: what is missing there is no fault of its own.
func (b *book) bad(path, format string, args ...any) {
	if !b.lost(path) {
		b.badAt(b.line(path), path, format, args...)
	}
}

func (b *book) badAt(line int, path, format string, args ...any) {
	switch n := len(b.faults); {
	case n < maxFaults:
		b.faults = append(b.faults, Fault{File: b.file, Line: max(line, 1), Path: path, What: fmt.Sprintf(format, args...)})
	case n == maxFaults:
		b.faults = append(b.faults, Fault{File: b.file, Line: max(line, 1), What: "there are more faults: these are the first 1000"})
	}
	for p := path; p != ""; p = parent(p) {
		b.failed[p] = true
	}
}

// misfits is bad of a value that could not be taken at all.
func (b *book) misfits(path, format string, args ...any) {
	b.bad(path, format, args...)
	b.misfit[path] = true
}

// has reports whether the file gives a value, right or wrong, for path.
func (b *book) has(path string) bool {
	_, ok := b.lines[path]
	return ok
}

// sound reports whether the values at all of the paths may be judged: no fault
// so far at or below them, and no misfit above.
func (b *book) sound(paths ...string) bool {
	return !slices.ContainsFunc(paths, func(p string) bool { return b.failed[p] || b.lost(p) })
}

// lost reports whether path lies at or below a misfit.
func (b *book) lost(path string) bool {
	for p := path; p != ""; p = parent(p) {
		if b.misfit[p] {
			return true
		}
	}
	return b.misfit[""]
}

func (b *book) line(path string) int {
	for p := path; p != ""; p = parent(p) {
		if n, ok := b.lines[p]; ok {
			return n
		}
	}
	return 1
}

// sorted is the faults in the order of lines, or nil.
func (b *book) sorted() error {
	if len(b.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(b.faults, func(a, c Fault) int { return cmp.Compare(a.Line, c.Line) })
	return b.faults
}

// parent cuts the last key or index off a path.
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// meant finds the key that was probably meant: a near one here, or the same one
// a level deeper. It returns "" or "; did you mean …?".
func meant(key string, t reflect.Type) string {
	var known []string
	var deeper string
	for f := range Fields(t) {
		known = append(known, f.Key)
		if f.Type.Kind() == reflect.Pointer || f.Opt == "some" {
			f.Type = f.Type.Elem()
		}
		if f.Type.Kind() != reflect.Struct {
			continue
		}
		for g := range Fields(f.Type) {
			if g.Key == key && deeper == "" {
				deeper = f.Key + "." + key
			}
		}
	}
	best := deeper
	if best == "" {
		best = human.Nearest(key, known...)
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}
