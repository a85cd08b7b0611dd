package manual

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/config/scalar"
	"rtmtgrab/internal/config/schema"
)

// configuration is the page grab.yaml(5).
func configuration(version string, date time.Time) []byte {
	r := &roff{}
	r.title("GRAB.YAML", "5", date, "grab "+version, "grab")
	r.section("NAME")
	r.text("grab.yaml - configuration of grab")
	r.section("DESCRIPTION")
	r.text("The file is YAML. It is $GRAB_CONFIG, else ./grab.yaml, else /etc/grab/grab.yaml, on Windows %ProgramData%\\grab\\grab.yaml; --config names another. " +
		"An unknown key is an error, and all faults are told at once, each with its line; grab check --offline looks at the file alone, and grab config show prints what it comes to.")
	r.paragraph()
	r.text("Durations are written as 90s, 15m, 4h or 30d, sizes as 64KiB, 256MiB or 1GiB. Secrets do not stand in the file: {file: NAME} is a file that belongs to the user and that nobody else may read (chmod 600), " +
		"{env: NAME} a variable of the environment. A file is sought from the folder of grab.yaml.")

	for _, s := range schema.Sections() {
		r.section(strings.ToUpper(heading(s.Paths)))
		for _, p := range s.Paths {
			if p == "" {
				r.text("What stands at the top of the file.")
			}
		}
		if s.Paths[0] != "" {
			r.text("What stands below " + strings.Join(s.Paths, ", ") + ":")
		}
		for _, e := range s.Keys {
			r.key(e.Field.Key, kind(e), e.Text, allowed(e.Values), fallback(s.Type, e))
		}
	}
	r.section("FILES")
	r.key("/etc/grab/grab.yaml", "", "The configuration of the service. grab init writes it.", "", "")
	r.key("/etc/grab/grab.example.yaml", "", "An example with every key; no program reads it.", "", "")
	r.key("/var/lib/grab", "", "Incidents, logs and finished bundles, if store names no other folder.", "", "")
	r.section("SEE ALSO")
	r.text("grab(1), grab-init(1), grab-check(1), grab-config-show(1), grab-config-schema(1)")
	return r.bytes()
}

// heading is what a section is called: by its first place, without the marks of lists.
func heading(paths []string) string {
	if paths[0] == "" {
		return "Keys at the top"
	}
	return strings.ReplaceAll(paths[0], "[]", "")
}

// kind says what is written for a key.
func kind(e schema.Entry) string {
	if e.Field.Opt == "clock" {
		return "time of day"
	}
	t, list := e.Field.Type, false
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		list = list || t.Kind() == reflect.Slice
		t = t.Elem()
	}
	one := single(t, e.Section)
	switch {
	case list && e.Field.Opt == "some":
		return one + ", or a list of such"
	case list:
		return "list: " + one
	}
	return one
}

// single says what is written for one value.
func single(t reflect.Type, section bool) string {
	switch {
	case section:
		return "section"
	case t == reflect.TypeFor[config.Secret]():
		return "{file: NAME} or {env: NAME}"
	case t == reflect.TypeFor[config.Key]():
		return "{file: NAME}, {env: NAME} or {agent: KEY}"
	case t == reflect.TypeFor[regexp.Regexp]():
		return "regular expression"
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case t == reflect.TypeFor[time.Location]():
		return "time zone"
	case t.Kind() == reflect.Struct:
		return "text, {file: NAME} or {env: NAME}"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int64:
		return "size"
	case t.Kind() == reflect.Int && t != reflect.TypeFor[time.Weekday]():
		return "number"
	}
	return "text"
}

func allowed(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return "One of " + strings.Join(words, ", ") + "."
}

// fallback is what holds where a key is left out, "" if that is nothing, or is told by the
// key's own text.
func fallback(section reflect.Type, e schema.Entry) string {
	if strings.Contains(e.Text, "Default:") {
		return ""
	}
	begins := reflect.New(section)
	if section == reflect.TypeFor[config.Config]() {
		begins.Elem().Set(reflect.ValueOf(config.Default()))
	} else {
		config.Begin(begins.Interface())
		copyOf(begins.Elem())
	}
	if v := written(begins.Elem().FieldByIndex(e.Field.Index), e.Field.Opt); v != "" {
		return "Default: " + v + "."
	}
	return ""
}

// copyOf sets a section that the file always has to what it is there.
func copyOf(section reflect.Value) {
	top := reflect.ValueOf(config.Default())
	for f := range config.Fields(top.Type()) {
		if f.Type == section.Type() {
			section.Set(top.FieldByIndex(f.Index))
		}
	}
}

// written is a value as one writes it into the file, "" for none.
func written(v reflect.Value, opt string) string {
	if v.Kind() == reflect.Bool {
		return fmt.Sprint(v.Bool())
	}
	if v.IsZero() {
		return ""
	}
	if text, ok := scalar.Text(v.Interface(), opt); ok {
		return text
	}
	switch v.Kind() {
	case reflect.String, reflect.Int:
		return fmt.Sprint(v.Interface())
	case reflect.Slice:
		var all []string
		for i := range v.Len() {
			all = append(all, written(v.Index(i), ""))
		}
		if slices.Contains(all, "") {
			return ""
		}
		return strings.Join(all, ", ")
	}
	return ""
}
