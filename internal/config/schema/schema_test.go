package schema

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/testrace"
)

const everyKey = "../../../cmd/grab/testdata/every-key"

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := JSON()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("grab.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("grab.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func read(t *testing.T, name string) (text string, doc any) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	return string(b), doc
}

// The examples and the configurations with every key meet the schema.
func TestExamples(t *testing.T) {
	s := compiled(t)
	for _, name := range []string{"../../../configs/grab.example.yaml", "../../../configs/kinds.example.yaml", everyKey + "/grab.yaml", everyKey + "/other.yaml"} {
		if _, doc := read(t, name); s.Validate(doc) != nil {
			t.Errorf("%s: %v", name, s.Validate(doc))
		}
	}
}

// The schema that is shipped is this one: `grab config schema >configs/grab.schema.json`.
func TestShipped(t *testing.T) {
	want, err := JSON()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../configs/" + FileName)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n")), want) {
		t.Errorf("configs/%s is not what the types say: go run ./cmd/grab config schema >configs/%[1]s", FileName)
	}
}

// What people begin with names the schema in its first line.
func TestModeline(t *testing.T) {
	for _, name := range []string{"../../../configs/grab.example.yaml", "../../app/setup/init.yaml.tmpl"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if line, _, _ := strings.Cut(string(b), "\n"); strings.TrimSpace(line) != Modeline {
			t.Errorf("%s begins with %q", name, line)
		}
	}
}

// Every key has its meaning, and nothing else has one.
func TestWords(t *testing.T) {
	left, seen := words(), map[reflect.Type]bool{}
	known := words()
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || seen[typ] {
			return
		}
		seen[typ] = true
		for f := range config.Fields(typ) {
			if known[name(typ, f)].Text == "" {
				t.Errorf("keys.txt has no %s", name(typ, f))
			}
			delete(left, name(typ, f))
			walk(f.Type)
		}
	}
	walk(reflect.TypeFor[config.Config]())
	for id := range left {
		t.Errorf("keys.txt has %s, which is no key", id)
	}
}

// What is wrong in kind is wrong for the schema too.
func TestRefused(t *testing.T) {
	s := compiled(t)
	for _, text := range []string{
		"stor: x", "store: [x]", "mail: {servr: x}", "mail: [{tls: ssl}]", "window: {before: 5}", "window: {before: 5 minutes}",
		"ssh: {password: hunter2}", "ssh: {password: {file: a, env: B}}", "ssh: {warm: 'yes'}", "keep: {size: 1 TB}", "sites: {name: hq}",
		"sites: [{hosts: [{role: X}]}]", "alerts: {limit: -1}", "notify: {on: [all]}", "handover: [{mask: all}]", "drill: {at: noon}",
	} {
		var doc any
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		if s.Validate(doc) == nil {
			t.Errorf("%s is right by the schema", text)
		}
		if _, err := (config.Options{}).Parse("grab.yaml", []byte(text)); err == nil {
			t.Errorf("%s is right by the program", text)
		}
	}
}

// A word that keys.txt allows is one that the program takes, and no other.
func TestValues(t *testing.T) {
	testrace.Whole(t)
	dir := t.TempDir()
	t.Setenv("GRAB_TEST_SECRET", "xq7-not-a-word")
	tried := 0
	for _, name := range []string{"grab.yaml", "other.yaml"} {
		_, doc := read(t, filepath.Join(everyKey, name))
		choices(doc, reflect.TypeFor[config.Config](), nil, "", func(id string, allowed []string, set func(string)) {
			for _, v := range append([]string{"xq7"}, allowed...) {
				set(v)
				text, err := yaml.Marshal(doc)
				if err != nil {
					t.Fatal(err)
				}
				if taken, wrong := refusesWord(t, dir, text), v == "xq7"; taken != wrong && !(id == "Mail.login" && !wrong) { // it depends on oauth
					t.Errorf("%s: %q is refused: %v", id, v, taken)
				}
				tried++
			}
		})
	}
	if tried < 100 {
		t.Errorf("only %d words were tried", tried)
	}
}

// refusesWord reports whether the program refuses a configuration for a word that is not among
// those that are allowed.
func refusesWord(t *testing.T, dir string, text []byte) bool {
	t.Helper()
	_, err := config.Options{Reading: true, MissingSecrets: true, MissingKnownHosts: true}.Parse(filepath.Join(dir, "grab.yaml"), text)
	faults, _ := errors.AsType[config.Faults](err)
	for _, f := range faults {
		if strings.Contains(f.What, "must be one of") || strings.Contains(f.What, "is not a day") {
			return true
		}
	}
	return false
}

// choices calls visit with each value of a document for which words are prescribed; set puts
// another in its place, and the old one is back afterwards.
func choices(doc any, t reflect.Type, put func(any), id string, visit func(id string, allowed []string, set func(string))) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if list, ok := doc.([]any); ok && t.Kind() == reflect.Slice {
		for i := range list {
			choices(list[i], t.Elem(), func(v any) { list[i] = v }, id, visit)
		}
		return
	}
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if m, ok := doc.(map[string]any); ok && t.Kind() == reflect.Struct {
		for f := range config.Fields(t) {
			if v, given := m[f.Key]; given {
				choices(v, f.Type, func(v any) { m[f.Key] = v }, name(t, f), visit)
			}
		}
		return
	}
	if allowed := words()[id].Values; len(allowed) > 0 {
		visit(id, allowed, func(v string) { put(v) })
		put(doc)
	}
}
