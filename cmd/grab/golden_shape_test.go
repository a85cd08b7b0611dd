package main_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// A shape is what scripts know of a JSON document: the path of each value, elements
// of lists as "[]", of what has any keys as "{}", with its types and whether it may be
// missing where its parent is.
type shape map[string]*node

type node struct {
	types []string // sorted: array, bool, null, number, object, string, time
	maybe bool

	seen, objects int // of learn alone: how often it was there, and how often it was an object
}

// is adds types.
func (n *node) is(types ...string) {
	for _, t := range types {
		if i, found := slices.BinarySearch(n.types, t); !found {
			n.types = slices.Insert(n.types, i, t)
		}
	}
}

// at is the node of a path, made if it is not there.
func (s shape) at(path string) *node {
	if s[path] == nil {
		s[path] = &node{}
	}
	return s[path]
}

// String is the golden file: a line for each value.
func (s shape) String() string {
	var b strings.Builder
	for _, path := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(&b, "%s %s", path, strings.Join(s[path].types, "|"))
		if s[path].maybe {
			b.WriteString(" maybe")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// parseShape reads a golden file.
func parseShape(text string) shape {
	s := shape{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		s.at(f[0]).is(strings.Split(f[1], "|")...)
		s[f[0]].maybe = len(f) > 2
	}
	return s
}

// kindOf is the type of a value that was decoded.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "bool"
	case float64:
		return "number"
	case string:
		if _, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return "time"
		}
		return "string"
	case []any:
		return "array"
	}
	return "object"
}

// learn adds what a document shows.
func (s shape) learn(v any, path string) {
	n := s.at(path)
	n.is(kindOf(v))
	n.seen++
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			s.learn(e, path+"[]")
		}
	case map[string]any:
		n.objects++
		for k, e := range v {
			s.learn(e, path+"."+k)
		}
	}
}

// learnt ends learning: what was not in each of its parents may be missing.
func (s shape) learnt() {
	for path, n := range s {
		if parent, _, ok := keyOf(path); ok {
			n.maybe = n.seen < s[parent].objects
		}
	}
}

// keyOf takes a path apart; ok is false for the root and for elements.
func keyOf(path string) (parent, key string, ok bool) {
	i := strings.LastIndexByte(path, '.')
	if i < 0 || strings.ContainsAny(path[i:], "[{") {
		return "", "", false
	}
	return path[:i], path[i+1:], true
}

// judge says what of a document is not as the shape says.
func (s shape) judge(v any, path string) (faults []string) {
	n, kind := s[path], kindOf(v)
	if n == nil {
		return []string{path + " is new: " + kind}
	}
	if !slices.Contains(n.types, kind) && !(kind == "time" && slices.Contains(n.types, "string")) {
		return []string{fmt.Sprintf("%s is %s, not %s", path, kind, strings.Join(n.types, "|"))}
	}
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			faults = append(faults, s.judge(e, path+"[]")...)
		}
	case map[string]any:
		if s[path+"{}"] != nil {
			for _, e := range v {
				faults = append(faults, s.judge(e, path+"{}")...)
			}
			return faults
		}
		for k, e := range v {
			faults = append(faults, s.judge(e, path+"."+k)...)
		}
		for p, child := range s {
			if parent, key, ok := keyOf(p); ok && parent == path && !child.maybe {
				if _, there := v[key]; !there {
					faults = append(faults, p+" is missing")
				}
			}
		}
	}
	return faults
}

// nullLists are lists that are null where they are empty. All others are [] then; these
// have been so since the first version, and scripts cope.
var nullLists = []string{"$.registration.notes"}

// typed adds what a type of the program makes of itself as JSON.
func (s shape) typed(t reflect.Type, path string) {
	n := s.at(path)
	switch {
	case t == reflect.TypeFor[time.Time]():
		n.is("time")
		return
	case t.Kind() == reflect.Pointer:
		n.is("null")
		s.typed(t.Elem(), path)
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		n.is("object")
		s.fields(t, path)
	case reflect.Slice:
		n.is("array")
		if slices.Contains(nullLists, path) {
			n.is("null")
		}
		s.typed(t.Elem(), path+"[]")
	case reflect.Map:
		n.is("object")
		s.typed(t.Elem(), path+"{}")
	case reflect.String:
		n.is("string")
	case reflect.Bool:
		n.is("bool")
	case reflect.Interface:
		panic(path + " may be anything")
	default:
		n.is("number")
	}
}

func (s shape) fields(t reflect.Type, path string) {
	for i := range t.NumField() {
		f := t.Field(i)
		key, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case key == "-" || !f.IsExported() && !f.Anonymous:
			continue
		case key == "" && f.Anonymous:
			s.fields(f.Type, path)
			continue
		case key == "":
			key = f.Name
		}
		omitted := strings.Contains(opts, "omit")
		typ := f.Type
		if omitted && typ.Kind() == reflect.Pointer {
			typ = typ.Elem() // it is there, or left out
		}
		s.typed(typ, path+"."+key)
		s[path+"."+key].maybe = omitted
	}
}
