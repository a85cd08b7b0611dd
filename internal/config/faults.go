package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A Fault is one thing that is wrong with a configuration.
type Fault struct {
	File string `json:"file"`
	Line int    `json:"line"` // from 1; of the key, or of the nearest key above a missing one
	Path string `json:"path"` // as in sites[0].hosts[1].address; empty if it is the file as a whole
	What string `json:"what"`
}

func (f Fault) String() string {
	if f.Path == "" {
		return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.What)
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
		b.faults = append(b.faults, Fault{b.file, max(line, 1), path, fmt.Sprintf(format, args...)})
	case n == maxFaults:
		b.faults = append(b.faults, Fault{b.file, max(line, 1), "", "there are more faults: these are the first 1000"})
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
	best, least := "", 1+max(1, len(key)/3)
	var deeper string
	for f := range fields(t) {
		if d := distance(key, f.key); d < least {
			best, least = f.key, d
		}
		if f.typ.Kind() == reflect.Pointer || f.opt == "some" {
			f.typ = f.typ.Elem()
		}
		if f.typ.Kind() != reflect.Struct {
			continue
		}
		for g := range fields(f.typ) {
			if g.key == key && deeper == "" {
				deeper = f.key + "." + key
			}
		}
	}
	if deeper != "" {
		best = deeper
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// Nearest is the name that was probably meant by one that is none of them; "" if none
// is near.
func Nearest(name string, among []string) string {
	best, least := "", min(1+max(1, len(name)/3), len(name))
	for _, n := range among {
		if d := distance(name, strings.ToLower(strings.ReplaceAll(n, "-", "_"))); d < least {
			best, least = n, d
		}
	}
	return best
}

// distance is the number of letters to insert, delete, change or swap to make b
// of a; a long key is far from everything.
func distance(a, b string) int {
	a = strings.ToLower(strings.ReplaceAll(a, "-", "_"))
	if len(a) > 40 {
		return len(a)
	}
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
