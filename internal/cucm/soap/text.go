package soap

import (
	"html"
	"io"
	"regexp"
	"strings"

	"rtmtgrab/internal/redact"
)

const (
	maxText = 500     // characters of what a node says
	maxPage = 8 << 10 // bytes of a page that are looked at
)

var (
	hiddenRE = regexp.MustCompile(`(?is)<(script|style|head)\b.*?(</(script|style|head)>|$)|<!--.*?(-->|$)`)
	tagRE    = regexp.MustCompile(`(?s)<[^>]*(>|$)`)
	titleRE  = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)
)

// line is what a node said, in one line without secrets.
func line(s string) string {
	return redact.Foreign(strings.Join(strings.Fields(s), " "), maxText)
}

// page is a body that is no XML, as text.
func page(r io.Reader) string {
	b, _ := io.ReadAll(io.LimitReader(r, maxPage))
	s := string(b)
	if !strings.Contains(s, "<") {
		return line(s)
	}
	title := ""
	if m := titleRE.FindStringSubmatch(s); m != nil {
		title = m[1] + " "
	}
	s = hiddenRE.ReplaceAllString(s, " ")
	s = tagRE.ReplaceAllString(s, " ")
	return line(html.UnescapeString(title + s))
}
