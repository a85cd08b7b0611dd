package bundle

import (
	"embed"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"text/template"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
)

//go:embed readme.txt.tmpl show.txt.tmpl
var pageFiles embed.FS

// pages are README.txt and what `grab show` prints. Text that came from mails and hosts
// goes through line, word, list, sentence or dash, which make one line of ASCII of it.
var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"line":      printable,
	"word":      func(s any) string { return orUnknown(fmt.Sprint(s)) },
	"dash":      func(s any) string { return human.Dash(printable(fmt.Sprint(s))) },
	"list":      list,
	"sentence":  sentence,
	"version":   func(s string) string { return asciiLine(s, 60) },
	"title":     func(s string) string { return s + "\n" + strings.Repeat("-", len(s)) },
	"indent":    func(depth int) string { return strings.Repeat("  ", depth) },
	"plural":    human.Plural,
	"size":      human.ShortSize,
	"seconds":   func(n int64) string { return human.Span(time.Duration(n) * time.Second) },
	"max":       func(a, b int) int { return max(a, b) },
	"few":       func(s []string) []string { return s[:min(len(s), alertLines)] },
	"byName":    byName,
	"hostTitle": hostTitle,
	"reached":   reached,
	"clockLine": clockLine,
}).ParseFS(pageFiles, "*.tmpl"))

// Readme writes README.txt: what an analyst must know before opening a log.
// It is ASCII, at most 100 columns wide, with plain line feeds (Notepad reads
// them since 2018, and one form verifies everywhere). Times are in zone, nil is
// UTC, and in UTC. Text that came from mails and hosts is made printable.
func Readme(w io.Writer, m evidence.Manifest, zone *time.Location) error {
	var text strings.Builder
	if err := pages.ExecuteTemplate(&text, "readme.txt.tmpl", newView(m, zone)); err != nil {
		return err
	}
	_, err := io.WriteString(w, wrapped(text.String()))
	return err
}

// Describe writes what `grab show` prints: the incident, a table of hosts and
// families with their coverage, what is missing in words, and the timing. It
// is ASCII; times are in zone, nil is UTC, and in UTC.
func Describe(w io.Writer, m evidence.Manifest, zone *time.Location) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if err := pages.ExecuteTemplate(table, "show.txt.tmpl", newView(m, zone)); err != nil {
		return err
	}
	return table.Flush()
}

func list(s []string) string { return printable(strings.Join(s, ", ")) }

func sentence(s string) string { return strings.TrimRight(printable(s), ". ") + "." }
