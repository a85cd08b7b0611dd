// Package schema describes grab.yaml for editors and for people: a JSON Schema, made from
// the configuration's own types, and what each key means.
//
// It guarantees that every key that may be written is in the schema with its meaning, and
// no other. What several keys say together (a login is a key or a password) and whether a
// value fits (a path, an address) is known to package config alone.
package schema

import (
	"encoding/json"
	"reflect"
	"regexp"
	"time"

	"rtmtgrab/internal/config"
)

// FileName is what the schema is called where it lies beside a configuration.
const FileName = "grab.schema.json"

// Modeline is the first line of a configuration beside which the schema lies: editors with
// a YAML language server then know every key.
const Modeline = "# yaml-language-server: $schema=" + FileName

// object is a piece of a schema. Its keys are sorted when it is written.
type object = map[string]any

// JSON is the schema, draft 7, which editors know best.
func JSON() ([]byte, error) {
	g := generator{words: words(), sections: object{}}
	root := g.section(reflect.TypeFor[config.Config]())
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["title"] = "grab.yaml"
	root["description"] = "Configuration of grab, which takes the logs of Expressways before they rotate. An unknown key is an error."
	root["definitions"] = g.sections

	text, err := json.MarshalIndent(root, "", "  ")
	return append(text, '\n'), err
}

// A generator makes the pieces of the schema.
type generator struct {
	words    map[string]Key
	sections object // by the name of their types
}

// section is the schema of a struct.
func (g *generator) section(t reflect.Type) object {
	keys := object{}
	for f := range config.Fields(t) {
		word := g.words[name(t, f)]
		keys[f.Key] = g.described(g.value(f.Type, f.Opt, word.Values), word.Text)
	}
	return object{"type": "object", "additionalProperties": false, "properties": keys}
}

// described is a piece with its meaning. Beside a reference draft 7 regards nothing.
func (g *generator) described(piece object, text string) object {
	if piece["$ref"] != nil {
		piece = object{"allOf": []object{piece}}
	}
	piece["description"] = text
	return piece
}

// ref is a reference to the schema of a struct, which is made once.
func (g *generator) ref(t reflect.Type) object {
	if g.sections[t.Name()] == nil {
		g.sections[t.Name()] = object{} // a type that holds itself ends here
		g.sections[t.Name()] = g.section(t)
	}
	return object{"$ref": "#/definitions/" + t.Name()}
}

// value is the schema of one value; allowed are all texts that it may be, if not any.
func (g *generator) value(t reflect.Type, opt string, allowed []string) object {
	switch t {
	case reflect.TypeFor[config.Secret]():
		return kept("file", "env")
	case reflect.TypeFor[config.Key]():
		return kept("file", "env", "agent")
	case reflect.TypeFor[config.Address](), reflect.TypeFor[config.Value](), reflect.TypeFor[config.Proxy]():
		return object{"anyOf": []object{{"type": "string"}, kept("file", "env")}}
	case reflect.TypeFor[time.Duration]():
		if opt == "clock" {
			return object{"type": "string", "pattern": `^[0-9]{1,2}:[0-9]{2}$`}
		}
		return object{"type": []string{"string", "integer"}, "pattern": `^([0-9.]+(d|h|m|s|ms|us|µs|ns))+$|^0$`, "maximum": 0}
	case reflect.TypeFor[*regexp.Regexp](), reflect.TypeFor[*time.Location](), reflect.TypeFor[time.Weekday]():
		return text(allowed)
	}
	switch t.Kind() {
	case reflect.String:
		return text(allowed)
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int:
		return object{"type": "integer", "minimum": 0}
	case reflect.Int64:
		return object{"type": []string{"string", "integer"}, "pattern": `^[0-9]+ ?(B|KiB|MiB|GiB)?$`, "minimum": 0}
	case reflect.Pointer:
		return g.value(t.Elem(), opt, allowed)
	case reflect.Struct:
		return g.ref(t)
	case reflect.Slice:
		one := g.value(t.Elem(), "", allowed)
		list := object{"type": "array", "items": one}
		if opt == "some" {
			return object{"anyOf": []object{list, one}}
		}
		return list
	}
	panic("schema: no way to describe " + t.String()) // a defect here, found by any test
}

// text is a schema of text. Where none is prescribed, a number is text as well.
func text(allowed []string) object {
	if len(allowed) > 0 {
		return object{"type": "string", "enum": allowed}
	}
	return object{"type": []string{"string", "number"}}
}

// kept is a mapping with one of the keys, which says where a secret is.
func kept(keys ...string) object {
	tells := map[string]string{"file": "A file that holds it, for its owner alone (chmod 600).", "env": "A variable of the environment that holds it.", "agent": "One key of the SSH agent: \"SHA256:...\", or the path of its public half."}
	props := object{}
	for _, k := range keys {
		props[k] = object{"type": "string", "description": tells[k]}
	}
	return object{"type": "object", "additionalProperties": false, "properties": props, "minProperties": 1, "maxProperties": 1}
}
