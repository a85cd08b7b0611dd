// Package effective shows what a configuration comes to: every key that is in effect, its
// value, and where that came from.
//
// It guarantees that no secret is shown, only where it is kept, and that a line that it
// names is one of the file. It does not know what a value means.
package effective

import (
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/config/scalar"
	"rtmtgrab/internal/config/secret"
)

// Where a value comes from.
const (
	File      = "file"      // it stands in the file
	Inherited = "inherited" // a host has it from the file's ssh:, logs: or ring:
	Default   = "default"   // nothing in the file says it
)

// A Setting is one key that is in effect.
type Setting struct {
	Key    string `json:"key"`              // its path: sites[0].hosts[1].ssh.user
	Value  any    `json:"value"`            // text, number, bool or an empty list; stars for a secret
	From   string `json:"from"`             // File, Inherited or Default
	Line   int    `json:"line,omitempty"`   // of the file; 0: Default
	Secret string `json:"secret,omitempty"` // where a secret is kept: "file NAME", "environment variable NAME"
}

// A View is a whole configuration, in the order of its keys.
type View struct {
	Config   string    `json:"config"` // the file
	Settings []Setting `json:"settings"`

	lines map[string]int
	root  *yaml.Node
}

// inFile is the source of a Secret that is text in the configuration itself.
const inFile = "memory"

// Of shows cfg, whose file gives keys in those lines. Keys of sections that are not there, and secrets that none is named for, are
// left out.
func Of(cfg *config.Config, lines map[string]int) View {
	v := View{Config: cfg.Path, Settings: []Setting{}, lines: lines}
	v.root = v.node(reflect.ValueOf(cfg).Elem(), "", "")
	return v
}

// Write writes the view as YAML, each value with where it came from behind it.
func (v View) Write(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "# What %s comes to. Secrets are shown as %s, with where they are kept.\n", v.Config, secret.Stars); err != nil {
		return err
	}
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(v.root); err != nil {
		return err
	}
	return e.Close()
}

// node is the value at path in YAML, nil if there is none; its settings are noted.
func (v *View) node(val reflect.Value, path, opt string) *yaml.Node {
	s := Setting{Key: path}
	switch x := val.Interface().(type) {
	case config.Secret:
		return v.secret(s, x)
	case config.Address:
		return v.secret(s, x.Secret)
	case config.Value:
		return v.secret(s, x.Secret)
	case config.Proxy:
		if text, err := x.Read(); err == nil && x.Source() == inFile { // a URL with a password is not allowed there
			s.Value = text
			return v.leaf(s)
		}
		return v.secret(s, x.Secret)
	case config.Key:
		if x.Agent != "" {
			s.Value = x.Agent
			return v.leaf(s)
		}
		return v.secret(s, x.Secret)
	case *regexp.Regexp, *time.Location, time.Duration, time.Weekday:
		text, ok := scalar.Text(x, opt)
		if !ok {
			return nil
		}
		s.Value = text
		return v.leaf(s)
	case int64:
		s.Value = x
		if text, _ := scalar.Text(x, opt); strings.HasSuffix(text, "iB") {
			s.Value = text
		}
		return v.leaf(s)
	case int, bool, string:
		s.Value = x
		return v.leaf(s)
	}
	return v.compound(val, path)
}

func (v *View) compound(val reflect.Value, path string) *yaml.Node {
	switch val.Kind() {
	case reflect.Pointer:
		if val.IsNil() {
			return nil
		}
		return v.node(val.Elem(), path, "")
	case reflect.Slice:
		return v.list(val, path)
	case reflect.Struct:
		return v.section(val, path)
	}
	panic("effective: no way to show " + val.Type().String()) // a defect here, found by any test
}

func (v *View) section(val reflect.Value, path string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for f := range config.Fields(val.Type()) {
		at := f.Key
		if path != "" {
			at = path + "." + f.Key
		}
		if child := v.node(val.FieldByIndex(f.Index), at, f.Opt); child != nil {
			n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: f.Key}, child)
		}
	}
	return n
}

func (v *View) list(val reflect.Value, path string) *yaml.Node {
	if val.Len() == 0 {
		return v.leaf(Setting{Key: path, Value: []string{}})
	}
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for i := range val.Len() {
		n.Content = append(n.Content, v.node(val.Index(i), path+"["+strconv.Itoa(i)+"]", ""))
	}
	return n
}

func (v *View) secret(s Setting, x config.Secret) *yaml.Node {
	if x.IsZero() {
		return nil
	}
	s.Value = secret.Stars
	if from := x.Source(); from != inFile {
		s.Secret = from
	}
	return v.leaf(s)
}

// leaf notes a setting and is its value in YAML.
func (v *View) leaf(s Setting) *yaml.Node {
	origin := ""
	s.From, s.Line, origin = v.from(s.Key)
	v.Settings = append(v.Settings, s)

	n := &yaml.Node{}
	if err := n.Encode(s.Value); err != nil {
		panic("effective: " + err.Error()) // as of compound
	}
	n.Style |= yaml.FlowStyle // of an empty list
	if s.Secret != "" {
		origin = s.Secret + ", " + origin
	}
	n.LineComment = "# " + origin
	return n
}

var hostKey = regexp.MustCompile(`^sites\[\d+\]\.hosts\[\d+\]\.((?:ssh|logs|ring)\..*)$`)

// from is where the value of a key comes from, and how that is told.
func (v *View) from(key string) (how string, line int, told string) {
	if line = v.at(key); line > 0 {
		return File, line, "line " + strconv.Itoa(line)
	}
	m := hostKey.FindStringSubmatch(key)
	if m == nil || v.ownList(key, m[1]) {
		return Default, 0, "default"
	}
	if line = v.at(m[1]); line > 0 {
		return Inherited, line, m[1] + ", line " + strconv.Itoa(line)
	}
	return Default, 0, "default"
}

// at is the line of a key, also where a list above it is written as its one element; 0: it
// is not in the file.
func (v *View) at(key string) int {
	for i := strings.Index(key, "[0]"); i >= 0; {
		next := i + len("[0]")
		if v.lines[key[:i]] > 0 && v.lines[key[:next]] == 0 { // the element stands at the list's own path
			key, next = key[:i]+key[next:], i
		}
		if i = strings.Index(key[next:], "[0]"); i >= 0 {
			i += next
		}
	}
	return v.lines[key]
}

// ownList reports whether a host gives a list itself in which its key lies, whose path in
// the host is inner: then the file's own list has no part in it.
func (v *View) ownList(key, inner string) bool {
	for host := len(key) - len(inner); ; {
		i := strings.LastIndexByte(key, '[')
		if i < host {
			return false
		}
		if key = key[:i]; v.lines[key] > 0 {
			return true
		}
	}
}
