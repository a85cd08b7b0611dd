package expressway

import "bytes"

// appendBody appends what message gave without its bars and indentation to out, its line
// ends LF. It has credentials as they were logged.
func appendBody(out, b []byte) []byte {
	b = bytes.TrimLeft(withoutEnd(b), " \r\n")
	b = bytes.TrimLeft(bytes.TrimPrefix(b, []byte("|")), " ")
	n, indent := 0, 0
	for line := range bytes.Lines(b) {
		if n++; n == 2 { // the second is a header: it tells of all, for a body may have lines that are not indented
			indent = blanks(line, len(line))
		}
		line = line[blanks(line, indent):]
		if l, ok := bytes.CutSuffix(line, []byte("\r\n")); ok {
			out = append(append(out, l...), '\n')
			continue
		}
		out = append(out, line...)
	}
	return out
}

// blanks is how many blanks a line begins with, at most n.
func blanks(line []byte, n int) int {
	i := 0
	for i < len(line) && i < n && line[i] == ' ' {
		i++
	}
	return i
}

// message returns what follows SIPMSG: or HTTPMSG: of a record, bars included; nil:
// neither is there. A relay may have written line ends as #012, or a header in front
// of each line.
func message(text []byte) []byte {
	if isSplit(text) {
		text = unsplit(text)
	}
	for at := 0; ; {
		i := bytes.Index(text[at:], []byte("MSG:"))
		if i < 0 {
			return nil
		}
		i += at
		at = i + len("MSG:")
		word := bytes.TrimSuffix(bytes.TrimSuffix(text[:i], []byte("HTTP")), []byte("SIP"))
		if n := len(word); n == i || n > 0 && word[n-1] != ' ' && word[n-1] != '\n' && !bytes.HasSuffix(word, []byte("#012")) {
			continue
		}
		b := text[at:]
		if bytes.HasPrefix(bytes.TrimLeft(b, " "), []byte("#01")) {
			b = bytes.ReplaceAll(b, []byte("#015"), nil)
			b = bytes.ReplaceAll(b, []byte("#012"), []byte("\n"))
			b = bytes.ReplaceAll(b, []byte("#011"), []byte("\t"))
		}
		return b
	}
}

// withoutEnd cuts the closing bar, on a line of its own or right after the last
// character, and what follows it.
func withoutEnd(b []byte) []byte {
	end := bytes.TrimRight(b, " \r\n")
	cut, ok := bytes.CutSuffix(end, []byte("|"))
	if !ok {
		return b // cut: the bar is missing
	}
	if line := bytes.TrimRight(cut, " "); len(line) > 0 && line[len(line)-1] == '\n' {
		return line
	}
	return cut
}
