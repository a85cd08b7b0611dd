package config

import (
	"fmt"
	"iter"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"rtmtgrab/internal/evidence"
)

// A decoder walks a tree of YAML and the structs that it fills side by side. It
// sets what the file gives and leaves the rest as it finds it.
type decoder struct {
	book
	base  string                         // folder for relative paths
	blank map[reflect.Type]reflect.Value // what a new element of a list, or a pointer's target, begins as
	later ast.Node                       // the value of the field marked "later"
	quiet bool                           // inside a secret: nothing of the file may be quoted
}

// field is one key of a struct: `yaml:"key,opt"`.
type field struct {
	key, opt string
	index    int
	typ      reflect.Type
}

func fields(t reflect.Type) iter.Seq[field] {
	return func(yield func(field) bool) {
		for i := range t.NumField() {
			key, opt, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
			if key != "" && !yield(field{key, opt, i, t.Field(i).Type}) {
				return
			}
		}
	}
}

// value decodes n into v. opt is the option of v's field: path, size, some or later.
func (d *decoder) value(n ast.Node, path string, v reflect.Value, opt string) {
	if opt == "later" {
		d.later = n
		return
	}
	switch n.(type) {
	case nil, *ast.NullNode:
		d.misfits(path, "no value is given: fill it in or remove the key")
		return
	case *ast.AliasNode, *ast.AnchorNode, *ast.TagNode:
		d.misfits(path, "anchors (&), aliases (*) and tags (!) are not allowed; put text that begins so in quotes")
		return
	}
	if opt == "some" {
		d.some(n, path, v)
		return
	}
	switch p := v.Addr().Interface().(type) {
	case *Secret:
		d.secret(n, path, p)
	case *Key:
		d.key(n, path, p)
	case *Address:
		d.address(n, path, p)
	case *time.Duration:
		if opt == "clock" {
			d.clock(n, path, p)
			return
		}
		text(d, n, path, p, parseDuration)
	case **regexp.Regexp:
		text(d, n, path, p, parsePattern)
	case **time.Location:
		text(d, n, path, p, parseZone)
	case *int64:
		text(d, n, path, p, parseSize)
	case *int:
		text(d, n, path, p, parseCount)
	case *bool:
		d.bool(n, path, p)
	case *string:
		d.string(n, path, p, opt)
	default:
		d.compound(n, path, v)
	}
}

func (d *decoder) compound(n ast.Node, path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(n, path, v)
	case reflect.Slice:
		d.list(n, path, v)
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		d.begin(p.Elem())
		d.value(n, path, p.Elem(), "")
		v.Set(p)
	default:
		panic("config: no way to decode " + v.Type().String()) // a defect here, found by any test
	}
}

func (d *decoder) begin(v reflect.Value) {
	if b, ok := d.blank[v.Type()]; ok {
		v.Set(b)
	}
}

// pairs is the keys and values of a mapping, whichever form it has in the tree.
func pairs(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, true
	}
	return nil, false
}

func (d *decoder) mapping(n ast.Node, path string, v reflect.Value) {
	values, ok := pairs(n)
	if !ok {
		d.misfits(path, "keys with values are wanted here, this is %s", kind(n))
		return
	}
	known := map[string]field{}
	for f := range fields(v.Type()) {
		known[f.key] = f
	}
	first := map[string]int{}
	for _, kv := range values {
		line := nodeLine(kv.Key)
		key, ok := keyText(kv.Key)
		f, isKnown := known[key]
		at := join(path, evidence.Printable(key, 40))
		switch {
		case !ok:
			d.badAt(line, path, "this key is not plain text")
		case !isKnown && d.quiet:
			d.badAt(line, path, "there is a key here that is not known (it is not shown, as it may be a secret)")
		case !isKnown:
			d.badAt(line, at, "this key is not known%s", meant(key, v.Type()))
		case first[key] != 0:
			d.badAt(line, at, "this key is given twice, first in line %d", first[key])
		default:
			first[key] = line
			d.lines[at] = line
			d.value(kv.Value, at, v.Field(f.index), f.opt)
		}
	}
}

func keyText(n ast.MapKeyNode) (string, bool) {
	switch k := n.(type) {
	case *ast.StringNode:
		return k.Value, true
	case *ast.MergeKeyNode:
		return "<<", true
	case ast.ScalarNode:
		if t := k.GetToken(); t != nil {
			return t.Value, true
		}
	}
	return "", false
}

func (d *decoder) list(n ast.Node, path string, v reflect.Value) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.misfits(path, "a list is wanted here, this is %s", kind(n))
		return
	}
	out := reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values))
	for i, e := range seq.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.lines[at] = nodeLine(e)
		d.begin(out.Index(i))
		d.value(e, at, out.Index(i), "")
	}
	v.Set(out)
}

// scalar is the text of a single value as it was written.
func (d *decoder) scalar(n ast.Node, path string) (string, bool) {
	switch s := n.(type) {
	case *ast.StringNode:
		return s.Value, true
	case *ast.LiteralNode:
		return s.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	case *ast.BoolNode:
		d.bad(path, "text is wanted here, this is true or false; put it in quotes if it is meant so")
		return "", false
	}
	d.bad(path, "a single value is wanted here, this is %s; text that begins with [ or { needs quotes", kind(n))
	return "", false
}

// text decodes a single value by parse, whose error is the fault.
func text[T any](d *decoder, n ast.Node, path string, to *T, parse func(string) (T, error)) {
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

func (d *decoder) string(n ast.Node, path string, to *string, opt string) {
	s, ok := d.scalar(n, path)
	switch {
	case !ok:
	case strings.ContainsFunc(s, isControl):
		d.bad(path, "the value has a line break or another control character")
	case strings.TrimSpace(s) == "" && opt == "path":
		d.bad(path, "the value is empty")
	case opt == "path":
		*to = d.path(s)
	default:
		*to = s
	}
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }

func (d *decoder) bool(n ast.Node, path string, to *bool) {
	b, ok := n.(*ast.BoolNode)
	if !ok {
		d.bad(path, "true or false is wanted here, this is %s", kind(n))
		return
	}
	*to = b.Value
}

// kind names what a node is, never what it says: it may be a secret.
func kind(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a group of keys"
	case *ast.SequenceNode:
		return "a list"
	case *ast.BoolNode:
		return "true or false"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	}
	return "something else"
}
