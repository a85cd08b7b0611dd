package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/redact"
)

// fail prints an error and its hint, and returns the exit code. What no JSON can be written for is
// said on standard error.
func (a *app) fail(err error) int {
	if advice.Unread(err) {
		return advice.NoReader
	}
	said, hint := redact.Text(err.Error()), redact.Text(advice.For(err))
	if a.ended() && errors.Is(err, context.Canceled) {
		said = strings.ReplaceAll(said, context.Canceled.Error(), "interrupted")
	}
	doc := struct {
		Error string `json:"error"`
		Hint  string `json:"hint"`
	}{said, hint}
	if a.json && a.print(doc) == nil {
		return advice.Exit(err)
	}
	for line := range strings.SplitSeq(human.Local().Say(said), "\n") {
		fmt.Fprintln(a.err, "grab: error:", evidence.Printable(line, 10_000))
	}
	if hint != "" {
		fmt.Fprintln(a.err, "grab: hint:", hint)
	}
	return advice.Exit(err)
}

// print writes the one JSON document of a command.
func (a *app) print(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// show prints the result of a command: one JSON document, or words for people.
func (a *app) show(doc any, words func(out io.Writer) error) error {
	if a.json {
		return a.print(doc)
	}
	return words(a.out)
}

// say writes a word about progress.
func (a *app) say(format string, args ...any) {
	fmt.Fprintf(a.err, format+"\n", args...)
}

// people is where a command's result is shown to people; with --json nobody sees it.
func (a *app) people() io.Writer {
	if a.json {
		return io.Discard
	}
	return a.out
}
