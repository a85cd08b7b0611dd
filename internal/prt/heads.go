package prt

import (
	"bytes"
	"io"
)

// A heads reader passes a form on as it is, but for NULs within the heads of its parts: a file's
// name may have them, and the reader of forms would take none of it then. What is between the
// heads is not touched.
type heads struct {
	r      io.Reader
	mark   []byte // what begins a part, a line of its own
	inside bool   // within a head
	line   []byte // the line so far, as much of it as mark could be
}

func newHeads(r io.Reader, boundary string) *heads {
	return &heads{r: r, mark: []byte("--" + boundary)}
}

func (h *heads) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	for b := p[:n]; len(b) > 0; {
		i := bytes.IndexByte(b, '\n')
		part := b
		if i >= 0 {
			part = b[:i]
		}
		if h.inside {
			for k, c := range part {
				if c == 0 {
					part[k] = '?'
				}
			}
		}
		if room := len(h.mark) + 2 - len(h.line); room > 0 {
			h.line = append(h.line, part[:min(room, len(part))]...)
		}
		if i < 0 {
			break
		}
		line := bytes.TrimSuffix(h.line, []byte("\r"))
		switch {
		case bytes.Equal(line, h.mark):
			h.inside = true
		case len(line) == 0:
			h.inside = false
		}
		h.line, b = h.line[:0], b[i+1:]
	}
	return n, err
}
