package config

import (
	"errors"
	"maps"
	"rtmtgrab/internal/testrace"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// fill repeats a piece until a file is as large as one may be.
func fill(piece string) string { return strings.Repeat(piece, maxFile/len(piece)) }

// What a file costs is bounded by its size, whatever is in it.
func TestHostileFiles(t *testing.T) {
	laughs := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'z'; c++ {
		before := "*" + string(c-1)
		laughs += string(c) + ": &" + string(c) + " [" + strings.Repeat(before+", ", 8) + before + "]\n"
	}
	files := map[string]string{
		"a billion laughs":          laughs,
		"a value that holds itself": "store: &a [*a]\n",
		"the same key":              fill("a: 1\n"),
		"keys in brackets":          "{" + fill("a,")[2:],
		"few keys in brackets":      "{" + fill("aaaaaaaaaaaa,")[2:],
		"lists as keys":             "[" + fill("[aaaaaaaaaaaaaaaaaa]: a,")[2:],
		"lists in a list":           fill("- "),
		"open brackets":             fill("["),
		"brackets":                  strings.Repeat("[", maxFile/2) + strings.Repeat("]", maxFile/2),
		"items":                     fill("-\n"),
		"items in a row":            "[" + fill("a,")[2:],
		"comments":                  fill("a: 1 #\n"),
		"anchors":                   fill("- &a\n"),
		"tags":                      fill("%TAG !a! b\n"),
		"documents":                 fill("---\n"),
		"empty lines":               fill("\n"),
		"one word":                  fill("a"),
		"open quotes":               "a: \"" + fill("\n ")[4:],
		"NULs":                      fill("\x00"),
	}
	for i, name := range slices.Sorted(maps.Keys(files)) {
		if testrace.Skips(i, 4) {
			continue
		}
		text := files[name]
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Options{}.parse("f", "/f", []byte(text))
			runtime.ReadMemStats(&after)
			var faults Faults
			if !errors.As(err, &faults) || len(faults) > maxFaults+1 {
				t.Errorf("%d faults: %.200v", len(faults), err)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20+uint64(400*len(text)) {
				t.Errorf("%d bytes allocated for %d", used, len(text))
			}
		})
	}
}

// A fault of syntax is said where it is, not where the block around it begins.
func TestSyntaxLines(t *testing.T) {
	for text, want := range map[string]string{
		"store: a\nlogs:\n  dir: /x\n families: [a]\nsettle: 1s\n":                          "f:4: ",
		"store: a\nsettle: 1s\n cooldown: 1m\n":                                             "f:3: ",
		"store: a\nsettle 1s\ncooldown: 1m\n":                                               "f:2: ",
		"store: a\nsites:\n- name: hq\n  hosts:\n  - {name: a address: b}\nsettle: 1s\n":    "f:5: ",
		"store: a\nsites:\n- name: hq\n  hosts:\n  - {name: a, address: b\n  - {name: c}\n": "f:6: ",
		"store: a\nsites:\n- name: hq\n\tclusters: [a]\n":                                   "f:4: a tab in the indentation: use blanks",
		"store: 'a\nsettle: 1s\ncooldown: 1m\n":                                             "f:1: ",
		"store: a\nlogs: {families: [a, b\n\n":                                              "f:2: ",
		"store: a\nlogs: {families: [a, b":                                                  "f:2: ",
		"store: a\nalerts: {match: [*]}\nsettle: 1s\n":                                      "f:2: ",
		"store: a\r\nssh: {user: @root}\r\n":                                                "f:2: ",
	} {
		_, err := Options{}.parse("f", "/f", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Count(err.Error(), "\n") != 2 || !strings.HasSuffix(err.Error(), "^") {
			t.Errorf("%q: %v; want %s", text, err, want)
		}
	}
}
