package find

import (
	"bufio"
	"bytes"
	"io"
	"slices"
)

// maxColumns is how many columns are looked at.
const maxColumns = 1000

// maxNames is how long the first line of a CSV file may be.
const maxNames = 64 << 10

// Columns is what the columns of a CSV file say of their values, by their names in its first
// line; nil: nothing. The reader has all of the file yet.
func Columns(r io.Reader) ([]Key, io.Reader) {
	b := bufio.NewReaderSize(r, maxNames)
	head, _ := b.Peek(maxNames) // an error comes again
	head, _, _ = bytes.Cut(head, []byte("\n"))
	head = bytes.TrimPrefix(bytes.TrimRight(head, "\r"), []byte("\xef\xbb\xbf"))
	var out []Key
	any, described := false, -1
	for len(head) > 0 && len(out) < maxColumns {
		from, to, next := field(head, 0)
		kind := keyKindOf(bytes.ReplaceAll(bytes.TrimSpace(head[from:to]), []byte(" "), nil))
		any = any || kind != keyNone
		if bytes.EqualFold(bytes.TrimSpace(head[from:to]), []byte("description")) {
			described = len(out)
		}
		out = append(out, kind)
		head = head[next:]
	}
	if described >= 0 && slices.Contains(out, keyDevice) { // of phones: whose it is
		out[described] = keyDisplay
	}
	if !any {
		return nil, b
	}
	return out, b
}

// field is where the field of a line of CSV that begins at i stands, and where the next one
// begins.
func field(b []byte, i int) (from, to, next int) {
	if i < len(b) && b[i] == '"' {
		from = i + 1
		for to = from; to < len(b) && b[to] != '\n'; to++ {
			if b[to] != '"' {
				continue
			}
			if to+1 < len(b) && b[to+1] == '"' {
				to++
				continue
			}
			break
		}
		next = to + 1
	} else {
		from = i
		for to = from; to < len(b) && b[to] != ',' && b[to] != ';' && b[to] != '\t' && b[to] != '\n' && b[to] != '\r'; to++ {
		}
		next = to
	}
	if next < len(b) && (b[next] == ',' || b[next] == ';' || b[next] == '\t') {
		next++
	}
	return from, min(to, len(b)), min(max(next, i+1), len(b))
}
