package schema

import (
	_ "embed"
	"reflect"
	"strings"

	"rtmtgrab/internal/config"
)

//go:embed keys.txt
var keysText string

// A Key is what a key of grab.yaml means.
type Key struct {
	Text   string
	Values []string // all that may stand there; nil: anything that fits
}

// words are the keys of keys.txt by type and name: "Mail.server".
func words() map[string]Key {
	out := map[string]Key{}
	for line := range strings.Lines(keysText) {
		id, rest, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || strings.HasPrefix(id, "#") {
			continue
		}
		k := Key{Text: rest}
		if in, found := strings.CutPrefix(rest, "["); found {
			list, tells, _ := strings.Cut(in, "] ")
			for v := range strings.FieldsSeq(list) {
				k.Values = append(k.Values, strings.Trim(v, `"`))
			}
			k.Text = tells
		}
		out[id] = k
	}
	return out
}

// name is how keys.txt calls a key of a section: by the type in which it is declared.
func name(section reflect.Type, f config.Field) string {
	if len(f.Index) > 1 { // of an embedded struct
		section = section.FieldByIndex(f.Index[:len(f.Index)-1]).Type
	}
	return section.Name() + "." + f.Key
}
