package licenses

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write licenses.txt anew")

// TestComplete: licenses.txt has the licence of every module that is linked in, on any
// system, as it stands in the module.
func TestComplete(t *testing.T) {
	parts := linked(t)
	want := compose(t, parts)
	if *update {
		if err := os.WriteFile("licenses.txt", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	rows := map[string]Module{}
	for _, m := range All().Modules {
		rows[m.Path] = m
	}
	for _, p := range parts {
		if m, ok := rows[p.path]; !ok || p.path != "rtmtgrab" && m.Version != p.version || m.License == "" {
			t.Errorf("%s %s is linked in; licenses.txt has %+v", p.path, p.version, m)
		}
		delete(rows, p.path)
	}
	for path := range rows {
		t.Errorf("licenses.txt has %s, which is not linked in", path)
	}
	if strings.ReplaceAll(Text, "\r\n", "\n") != want {
		t.Error("licenses.txt is not what the modules say: go test ./internal/version/licenses -update")
	}
}

// compose is licenses.txt: a table of the modules, then each text once, under the names of
// those to whom it belongs.
func compose(t *testing.T, parts []part) string {
	t.Helper()
	rows, of, order := "", map[string][]string{}, []string(nil)
	for _, p := range parts {
		texts, err := p.texts()
		if err != nil {
			t.Fatal(err)
		}
		var spdx []string
		for _, file := range slices.Sorted(maps.Keys(texts)) {
			text := texts[file]
			for _, k := range kindsOf(text) {
				if !slices.Contains(spdx, k) {
					spdx = append(spdx, k)
				}
			}
			if of[text] == nil {
				order = append(order, text)
			}
			of[text] = append(of[text], p.path+"/"+file)
		}
		if len(spdx) == 0 {
			t.Errorf("%s %s has no licence that is known to be one under which it may be given on: %v", p.path, p.version, slices.Sorted(maps.Keys(texts)))
		}
		slices.Sort(spdx)
		rows += fmt.Sprintf("%-45s %-40s %s\n", p.path, max(p.version, "-"), strings.Join(spdx, " and "))
	}
	out := "What is linked into grab, on any system, and under which licences. The texts follow.\n\n" + rows + "\n"
	for _, text := range order {
		out += strings.Repeat("=", 78) + "\n" + strings.Join(of[text], "\n") + "\n" + strings.Repeat("-", 78) + "\n\n" + text + "\n\n"
	}
	return out
}

// Words that are in no licence make none.
func TestKinds(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "",
		"All rights reserved.":                 "",
		"GNU GENERAL PUBLIC LICENSE Version 3": "",
		"Apache License\n   Version 2.0, January 2004":                       "Apache-2.0",
		"Redistribution and use in source and binary forms, with or without": "BSD-2-Clause",
	} {
		if got := strings.Join(kindsOf(text), " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
