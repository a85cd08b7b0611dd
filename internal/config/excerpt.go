package config

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"unicode/utf8"
)

const (
	excerptWidth = 100 // characters of a line that are shown
	masked       = "***"
)

// excerpt shows a line of a file with a caret under its column, from 1. Keys that there are
// and punctuation stand as they are, all else is masked: a secret may stand there.
func excerpt(line string, number, column int) string {
	var shown strings.Builder
	caret, at := -1, 1
	for rest := line; rest != "" && shown.Len() < excerptWidth; {
		word := leadingWord(rest)
		if word == "" {
			r, n := utf8.DecodeRuneInString(rest)
			word = rest[:n]
			if r == '\t' {
				word = "        "
			}
			if at == column {
				caret = shown.Len()
			}
			shown.WriteString(word)
			rest, at = rest[n:], at+1
			continue
		}
		length := utf8.RuneCountInString(word)
		rest = rest[len(word):]
		if at <= column && column < at+length {
			caret = shown.Len()
		}
		if word == "-" || knownKeys()[word] && (strings.HasPrefix(rest, ":") || strings.Trim(shown.String(), " -") == "") {
			shown.WriteString(word)
		} else {
			shown.WriteString(masked)
		}
		at += length
	}
	if caret < 0 {
		caret = shown.Len()
	}
	gutter := fmt.Sprintf("%5d | ", number)
	return gutter + strings.TrimRight(shown.String(), " ") + "\n" + strings.Repeat(" ", len(gutter)-2) + "| " + strings.Repeat(" ", caret) + "^"
}

// leadingWord is what of a text stands before the next blank or punctuation of YAML.
func leadingWord(s string) string {
	if i := strings.IndexAny(s, " \t:,[]{}#\"'"); i >= 0 {
		return s[:i]
	}
	return s
}

// knownKeys are all keys that a configuration may have, at any place.
var knownKeys = sync.OnceValue(func() map[string]bool {
	known, seen := map[string]bool{"file": true, "env": true, "agent": true}, map[reflect.Type]bool{}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || seen[t] {
			return
		}
		seen[t] = true
		for f := range Fields(t) {
			known[f.Key] = true
			walk(f.Type)
		}
	}
	walk(reflect.TypeFor[Config]())
	return known
})
