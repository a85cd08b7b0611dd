package expressway

import "bytes"

// Where each line of a message has a header, a server may write lines of other hosts
// between them. The lines of a message are then in several records, each of which is
// where it is in the input: all but the last have the text of their first line only,
// and the last has that of all.

// maxWoven is of how many hosts a message may be open at a time.
const maxWoven = 64

// An openMessage is what was read of a message that another host's line interrupted.
type openMessage struct {
	split splitting
	first []byte // the record's first line, until the message began
	text  []byte // so far
}

// resume takes up the message that the line at at goes on with, if there is one.
func (r *RecordReader) resume() {
	if len(r.open) == 0 {
		return
	}
	for bytes.IndexByte(r.buf[r.at:r.to], '\n') < 0 && r.to-r.at < MaxLine && r.fill() {
	}
	line := trimCR(firstLine(r.buf[r.at:min(r.to, r.at+MaxLine)]))
	if saysOwn(line) {
		return
	}
	ls, n := layersOf(line, r.ref)
	if n == 0 {
		return
	}
	host := string(ls[n-1].host)
	m := r.open[host]
	if m == nil {
		return
	}
	if m.split.on {
		if !m.split.next(line, r.ref) {
			return
		}
	} else if m.split.begin(m.first, line, r.ref); !m.split.on {
		return
	}
	delete(r.open, host)
	r.split, r.woven = m.split, m.text
}

// weave completes the text of a record that has a part of a message, true, or lays it
// by. first is its first line.
func (r *RecordReader) weave(rec *Record, first []byte) bool {
	waits := !r.split.on && len(rec.Text)-len(first) <= 1 && lacksMessage(first)
	open := r.split.on && !r.split.closed
	if !waits && !open && r.woven == nil || r.over > 0 || len(r.woven)+len(rec.Text) > MaxRecord {
		return false
	}
	if r.headed && r.at < r.to && (waits || open) {
		if host, ok := r.interrupted(first); ok {
			r.layBy(host, rec.Text, first)
			rec.Text = rec.Text[:min(len(rec.Text), len(first)+1)]
			return false
		}
	}
	if r.woven == nil {
		return false
	}
	rec.Before = len(r.woven)
	rec.Text = append(r.woven, rec.Text...)
	return true
}

// layBy keeps what was read of a host's message.
func (r *RecordReader) layBy(host string, text, first []byte) {
	if r.open == nil || len(r.open) == maxWoven {
		r.open = map[string]*openMessage{}
	}
	m := &openMessage{split: r.split, text: append(bytes.Clone(r.woven), text...)}
	if !m.split.on {
		m.first = bytes.Clone(trimCR(first))
	}
	r.open[host] = m
}

// interrupted reports whether the line at at is another host's than the record's, and
// whose the record is.
func (r *RecordReader) interrupted(first []byte) (host string, ok bool) {
	ls, n := layersOf(first, r.ref)
	next, m := layersOf(firstLine(r.buf[r.at:min(r.to, r.at+4*headSize)]), r.ref)
	if n == 0 || m == 0 {
		return "", false
	}
	last := ls[n-1].host
	if r.split.on {
		return r.split.host, string(next[m-1].host) != r.split.host
	}
	return string(last), !bytes.Equal(next[m-1].host, last)
}
