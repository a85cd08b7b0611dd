package main_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// titles are the documents with a schema in schemas/, for programs that read them.
var titles = map[string]string{
	"manifest":      "manifest.json of a bundle",
	"registrations": "report/registrations.json of a bundle, and grab report --json",
	"custody":       "one line of custody.jsonl",
	"status":        "grab status --json",
	"list":          "grab list --json",
	"list-alerts":   "grab list --alerts --json",
	"now":           "grab now --json, grab retry --json, grab show --json",
	"verify":        "grab verify --json",
	"check":         "grab check --json",
	"check-mail":    "grab check --mail --json",
	"trust":         "grab trust --json",
	"drill":         "grab drill --json",
	"hub-status":    "grab hub status --json, grab status --fleet --json",
	"list-fleet":    "grab list --fleet --json",
	"now-at-site":   "grab now --at-site --json",
	"notice":        "a notice, as webhooks and commands get it",
}

// goldenSchema holds the schema of a document against what its type says, and documents
// against the schema.
func goldenSchema(t testing.TB, name string, s shape, docs []string) {
	t.Helper()
	title := titles[name]
	if title == "" {
		return
	}
	root := s.schema("$")
	root["$schema"], root["title"] = "https://json-schema.org/draft/2020-12/schema", "grab: "+title
	root["$comment"] = "Later versions add keys and values; readers must accept what is not here."
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')

	file := filepath.Join("..", "..", "schemas", name+".json")
	if *update {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	shipped, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.ReplaceAll(shipped, []byte("\r\n"), []byte("\n")), text) {
		t.Errorf("schemas/%s.json is not what the program writes (go test ./cmd/grab -run Golden -update)", name)
	}
	validate(t, name, shipped, docs)
}

// validate holds documents against a schema.
func validate(t testing.TB, name string, schema []byte, docs []string) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(name, doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range docs {
		if err := compiled.Validate(decoded(t, []byte(d))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// schema is what JSON Schema says of the value at a path.
func (s shape) schema(path string) map[string]any {
	n := s[path]
	out := map[string]any{}
	var types []string
	for _, t := range n.types {
		switch t {
		case "time":
			types = append(types, "string")
			if !slices.Contains(n.types, "string") {
				out["format"] = "date-time"
			}
		case "bool":
			types = append(types, "boolean")
		default:
			types = append(types, t)
		}
	}
	slices.Sort(types)
	if types = slices.Compact(types); len(types) == 1 {
		out["type"] = types[0]
	} else {
		out["type"] = types
	}
	if s[path+"[]"] != nil {
		out["items"] = s.schema(path + "[]")
	}
	if s[path+"{}"] != nil {
		out["additionalProperties"] = s.schema(path + "{}")
	}
	props, required := map[string]any{}, []string{}
	for _, p := range slices.Sorted(maps.Keys(s)) {
		if parent, key, ok := keyOf(p); ok && parent == path {
			props[key] = s.schema(p)
			if !s[p].maybe {
				required = append(required, key)
			}
		}
	}
	if len(props) > 0 {
		out["properties"], out["required"] = props, required
	}
	return out
}
