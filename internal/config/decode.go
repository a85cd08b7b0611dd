package config

import (
	"iter"
	"reflect"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"rtmtgrab/internal/config/scalar"
	"rtmtgrab/internal/evidence"
)

const maxScalar = 4096 // bytes of a value

// A decoder walks a tree of YAML and the structs that it fills side by side. It
// sets what the file gives and leaves the rest as it finds it. It does what
// yaml.Node.Load cannot: name the path of each fault, go on after all of them, and
// quote nothing of a secret.
type decoder struct {
	book
	base string  // folder for relative paths
	cfg  *Config // what is filled, for what hosts begin as; nil: there are no hosts
}

// A Field is one key of a section, a field of its struct: `yaml:"name,opt"`.
type Field struct {
	Key   string
	Opt   string // path, size, clock, or some: a list that may be written as its one element
	Index []int  // as of reflect
	Type  reflect.Type
}

// Fields are the keys that may stand in a section of type t, in the order in which they
// are read; those of embedded structs are the struct's own.
func Fields(t reflect.Type) iter.Seq[Field] {
	return func(yield func(Field) bool) {
		for _, f := range reflect.VisibleFields(t) {
			key, opt, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if key != "" && !yield(Field{key, opt, f.Index, f.Type}) {
				return
			}
		}
	}
}

// value decodes n into v. opt is the option of v's field: path, size, some or clock.
func (d *decoder) value(n *yaml.Node, path string, v reflect.Value, opt string) {
	switch {
	case marked(n):
		d.misfits(path, "text that starts with &, * or ! needs quotes: anchors, aliases and tags are not allowed")
		return
	case isNull(n):
		d.misfits(path, "the key has no value: add one or remove the key")
		return
	}
	switch p := v.Addr().Interface().(type) {
	case *Secret:
		*p = d.secret(n, path)
	case *Key:
		*p = d.key(n, path, "{file: NAME}, {env: NAME} or {agent: KEY}", "file", "env", "agent")
	case *Address:
		d.address(n, path, p)
	case *Value:
		d.textOrSecret(n, path, p)
	case *Proxy:
		d.proxy(n, path, p)
	case *time.Duration:
		if opt == "clock" {
			text(d, n, path, p, scalar.Clock)
		} else {
			text(d, n, path, p, scalar.Duration)
		}
	case *time.Weekday:
		text(d, n, path, p, scalar.Weekday)
	case **regexp.Regexp:
		text(d, n, path, p, scalar.Pattern)
	case **time.Location:
		text(d, n, path, p, scalar.Zone)
	case *int64:
		text(d, n, path, p, scalar.Size)
	case *int:
		text(d, n, path, p, scalar.Count)
	case *bool:
		d.bool(n, path, p)
	case *string:
		d.string(n, path, p, opt)
	default:
		d.compound(n, path, v, opt)
	}
}

func (d *decoder) compound(n *yaml.Node, path string, v reflect.Value, opt string) {
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(n, path, v)
	case reflect.Slice:
		d.list(n, path, v, opt == "some")
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		begin(p.Interface(), d.cfg)
		d.value(n, path, p.Elem(), "")
		v.Set(p)
	default:
		panic("config: no way to decode " + v.Type().String()) // a defect here, found by any test
	}
}

// mapping decodes in the order of v's fields, so that the last may begin as the
// others say.
func (d *decoder) mapping(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.misfits(path, "expected a mapping, got %s", kind(n))
		return
	}
	given := d.keys(n, path, v.Type())
	for f := range Fields(v.Type()) {
		if val := given[f.Key]; val != nil {
			d.value(val, join(path, f.Key), v.FieldByIndex(f.Index), f.Opt)
		}
	}
}

// keys is what a mapping gives for the fields of t.
func (d *decoder) keys(n *yaml.Node, path string, t reflect.Type) map[string]*yaml.Node {
	known := map[string]bool{}
	for f := range Fields(t) {
		known[f.Key] = true
	}
	given := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content) && len(d.faults) <= maxFaults; i += 2 {
		k := n.Content[i]
		at := join(path, evidence.Printable(k.Value, 40))
		switch {
		case k.Kind != yaml.ScalarNode || k.Value == "" || marked(k):
			d.badAt(k.Line, path, "a key must be plain text")
		case !known[k.Value]:
			d.badAt(k.Line, at, "unknown key%s", meant(k.Value, t))
		case given[k.Value] != nil:
			d.badAt(k.Line, at, "duplicate key, first given in line %d", d.lines[at])
		default:
			given[k.Value], d.lines[at] = n.Content[i+1], k.Line
		}
	}
	return given
}

// list decodes a list or, if that is allowed, a lone element that is written without
// a list around it; the element then stands at the list's own path.
func (d *decoder) list(n *yaml.Node, path string, v reflect.Value, lone bool) {
	elements := n.Content
	at := func(i int) string { return indexed(path, i) }
	switch {
	case n.Kind == yaml.SequenceNode:
		for i, e := range elements {
			d.lines[at(i)] = e.Line
		}
	case lone:
		elements = []*yaml.Node{n}
		at = func(int) string { return path }
	default:
		d.misfits(path, "expected a list, got %s", kind(n))
		return
	}
	out := reflect.MakeSlice(v.Type(), len(elements), len(elements))
	for i, e := range elements {
		begin(out.Index(i).Addr().Interface(), d.cfg)
		d.value(e, at(i), out.Index(i), "")
	}
	v.Set(out)
}

// scalar is the text of a single value as it was written.
func (d *decoder) scalar(n *yaml.Node, path string) (string, bool) {
	switch {
	case n.Kind != yaml.ScalarNode:
		d.bad(path, "expected a single value, got %s; text that starts with [ or { needs quotes", kind(n))
	case n.ShortTag() == "!!bool":
		d.bad(path, "expected text, got true or false; if the word is meant, put it in quotes")
	case len(n.Value) > maxScalar:
		d.bad(path, "the value is longer than 4096 bytes")
	default:
		return n.Value, true
	}
	return "", false
}

// text decodes a single value by parse, whose error is the fault.
func text[T any](d *decoder, n *yaml.Node, path string, to *T, parse func(string) (T, error)) {
	s, ok := d.scalar(n, path)
	if !ok {
		return
	}
	v, err := parse(s)
	if err != nil {
		d.bad(path, "%s", err)
		return
	}
	*to = v
}

func (d *decoder) string(n *yaml.Node, path string, to *string, opt string) {
	s, ok := d.scalar(n, path)
	switch {
	case !ok:
	case strings.ContainsFunc(s, isControl):
		d.bad(path, "the value contains a line break or another control character")
	case strings.TrimSpace(s) == "" && opt == "path":
		d.bad(path, "the value is empty")
	case opt == "path":
		*to = d.path(s)
	default:
		*to = s
	}
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }

func (d *decoder) bool(n *yaml.Node, path string, to *bool) {
	if n.ShortTag() != "!!bool" {
		d.bad(path, "expected true or false, got %s", kind(n))
		return
	}
	*to = strings.EqualFold(n.Value, "true")
}

// marked reports whether n is an alias or has an anchor or a tag.
func marked(n *yaml.Node) bool {
	return n.Kind == yaml.AliasNode || n.Anchor != "" || n.Tag == "!" || n.Style&yaml.TaggedStyle != 0
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// kind names what a node is, never what it says: it may be a secret.
func kind(n *yaml.Node) string {
	switch n.ShortTag() {
	case "!!map":
		return "a mapping"
	case "!!seq":
		return "a list"
	case "!!bool":
		return "true or false"
	case "!!int", "!!float":
		return "a number"
	}
	return "text"
}
