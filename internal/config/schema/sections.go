package schema

import (
	"reflect"
	"regexp"
	"time"

	"rtmtgrab/internal/config"
)

// A Section is a mapping of grab.yaml, which may stand at several places.
type Section struct {
	Type  reflect.Type
	Paths []string // ssh, sites[].hosts[].ssh; "": the file itself
	Keys  []Entry
}

// An Entry is one key of a section.
type Entry struct {
	Key
	Field   config.Field
	Section bool // there is a mapping below it, or a list of them; else a value
}

// Sections are all mappings of the file in the order in which one reads it: the file itself,
// then what is below each key.
func Sections() []Section {
	w := walker{words: words(), at: map[reflect.Type]int{}, above: map[reflect.Type]bool{}}
	w.walk(reflect.TypeFor[config.Config](), "")
	return w.all
}

// A walker goes through the types of the configuration.
type walker struct {
	words map[string]Key
	all   []Section
	at    map[reflect.Type]int  // where in all
	above map[reflect.Type]bool // in these it is
}

// walk notes a section that stands at path, and what is below it.
func (w *walker) walk(t reflect.Type, path string) {
	if w.above[t] {
		return // a type that holds itself ends here
	}
	w.above[t] = true
	defer delete(w.above, t)

	own, known := w.at[t]
	if !known {
		own = len(w.all)
		w.at[t], w.all = own, append(w.all, Section{Type: t})
	}
	w.all[own].Paths = append(w.all[own].Paths, path)

	var next []func()
	for f := range config.Fields(t) {
		below, at := f.Type, f.Key
		if path != "" {
			at = path + "." + at
		}
		for below.Kind() == reflect.Pointer || below.Kind() == reflect.Slice {
			if below.Kind() == reflect.Slice {
				at += "[]"
			}
			below = below.Elem()
		}
		section := below.Kind() == reflect.Struct && !leaf(below)
		if !known {
			w.all[own].Keys = append(w.all[own].Keys, Entry{Key: w.words[name(t, f)], Field: f, Section: section})
		}
		if section {
			next = append(next, func() { w.walk(below, at) })
		}
	}
	for _, walk := range next {
		walk()
	}
}

// leaf reports whether a struct is one value in the file.
func leaf(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[config.Secret](), reflect.TypeFor[config.Key](), reflect.TypeFor[config.Address](), reflect.TypeFor[config.Value](), reflect.TypeFor[config.Proxy](), reflect.TypeFor[regexp.Regexp](), reflect.TypeFor[time.Location]():
		return true
	}
	return false
}
