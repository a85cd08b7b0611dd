package alertmail

import (
	"html"
	"strings"
)

var oneLine = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ")

// htmlText is the text of an HTML part: tags and what nobody sees left out,
// blocks and breaks as line ends, cells apart, entities decoded. It takes
// broken HTML, in one pass.
func htmlText(s string) string {
	var b strings.Builder
	pre := 0
	unclosed := map[string]bool{} // not found once: not looked for again
	for s != "" {
		i := max(0, strings.IndexByte(s, '<'))
		if s[i] != '<' {
			i = len(s)
		}
		writeText(&b, s[:i], pre > 0)
		s = s[i:]
		name, rest, ok := nextTag(s)
		if !ok {
			writeText(&b, s[:min(1, len(s))], true)
			s = s[min(1, len(s)):]
			continue
		}
		s = rest
		switch name {
		case "!--", "script", "style", "head", "title":
			if !unclosed[name] {
				s, unclosed[name] = skipTo(s, name)
			}
		case "pre":
			pre++
			b.WriteByte('\n')
		case "/pre":
			pre = max(0, pre-1)
			b.WriteByte('\n')
		case "td", "th", "/td", "/th":
			b.WriteByte(' ')
		case "br", "p", "/p", "div", "/div", "tr", "/tr", "li", "/li", "ul", "/ul", "ol", "/ol", "table", "/table",
			"h1", "/h1", "h2", "/h2", "h3", "/h3", "h4", "/h4", "hr", "blockquote", "/blockquote", "dd", "dt":
			b.WriteByte('\n')
		}
	}
	return lines(b.String())
}

// writeText writes what stands between tags. Line ends there are blanks.
func writeText(b *strings.Builder, s string, pre bool) {
	if !pre {
		s = oneLine.Replace(s)
	}
	b.WriteString(html.UnescapeString(s))
}

// nextTag takes the tag at the start of s: its name in lower case, with the
// slash of an end tag, and what follows it. A "<" of the text is none.
func nextTag(s string) (name, rest string, ok bool) {
	if strings.HasPrefix(s, "<!--") {
		return "!--", s[4:], true
	}
	if len(s) < 2 || !strings.ContainsRune("/!?", rune(s[1])) && (s[1]|0x20 < 'a' || s[1]|0x20 > 'z') {
		return "", s, false
	}
	end := 1
	for end < len(s) && end < 40 && !strings.ContainsRune(" \t\r\n>", rune(s[end])) {
		end++
	}
	name = strings.ToLower(strings.TrimSuffix(s[1:end], "/"))
	close := strings.IndexByte(s[:min(len(s), 16<<10)], '>')
	if close < 0 {
		return "", s, false
	}
	return name, s[close+1:], true
}

// skipTo is what follows the end of a comment or an element that shows nothing;
// without an end it is all of s.
func skipTo(s, name string) (rest string, unclosed bool) {
	if name == "!--" {
		if _, rest, ok := strings.Cut(s, "-->"); ok {
			return rest, false
		}
		return s, true
	}
	end := "</" + name
	for from := 0; ; {
		i := strings.Index(s[from:], "</")
		if i < 0 {
			return s, true
		}
		from += i
		if len(s)-from >= len(end) && strings.EqualFold(s[from:from+len(end)], end) {
			_, rest, _ := strings.Cut(s[from:], ">")
			return rest, false
		}
		from += 2
	}
}
