package export

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
	"rtmtgrab/internal/registration"
)

// disorder is how far records of one log may be out of order.
const disorder = 5 * time.Second

// An item is a message that waits for its turn.
type item struct {
	expressway.Message
	source int
}

// A reader gives the messages of one source in the order of their times, as far as
// its records are at most disorder apart from that.
type reader struct {
	x       *exporter
	index   int
	src     *registration.Source
	file    io.Closer
	records *expressway.RecordReader // nil: all was read
	room    int                      // bytes that may wait
	waiting items
	size    int // bytes that wait
	newest  time.Time
	spare   [][]byte
}

func (x *exporter) open(i, room int) *reader {
	r := &reader{x: x, index: i, src: &x.sources[i], room: room}
	if r.src.Open == nil {
		return r
	}
	f, err := r.src.Open()
	if err != nil {
		x.note("%s cannot be opened: %v", r.src.File, err)
		return r
	}
	r.file = f
	r.records = expressway.NewRecordReader(f, r.src.Offset, expressway.Ref{MTime: r.src.MTime, Zone: r.src.Zone})
	return r
}

func (x *exporter) note(format string, args ...any) {
	if len(x.res.Notes) < 100 {
		x.res.Notes = append(x.res.Notes, evidence.Printable(fmt.Sprintf(format, args...), 500))
	}
}

// next returns the next message, nil after the last. done gives it back.
func (r *reader) next(ctx context.Context) *item {
	for r.records != nil && r.size <= r.room && (len(r.waiting) == 0 || r.waiting[0].Time.After(r.newest.Add(-disorder))) {
		if ctx.Err() != nil {
			return nil
		}
		r.read()
	}
	if len(r.waiting) == 0 {
		return nil
	}
	m := heap.Pop(&r.waiting).(*item)
	r.size -= len(m.Body)
	return m
}

// read takes in one record.
func (r *reader) read() {
	rec, err := r.records.Next()
	if err != nil {
		if !errors.Is(err, io.EOF) {
			r.x.note("reading %s ended early: %v", r.src.File, err)
		}
		r.close()
		return
	}
	if rec.Time.After(r.newest) {
		r.newest = rec.Time
	}
	var buf []byte
	if n := len(r.spare); n > 0 {
		buf, r.spare = r.spare[n-1], r.spare[:n-1]
	}
	m, ok := rec.Message(buf)
	switch {
	case ok && r.x.asked(&m):
		if m.Host == "" {
			m.Host = r.src.Host
		}
		r.size += len(m.Body)
		heap.Push(&r.waiting, &item{m, r.index})
		return
	case ok:
		r.x.res.Narrowed++
	case rec.MessageLine():
		r.x.res.lines++
	}
	if buf != nil {
		r.spare = append(r.spare, buf)
	}
}

// done takes back the room of a message.
func (r *reader) done(m *item) {
	if len(r.spare) < 64 && cap(m.Body) <= expressway.MaxLine {
		r.spare = append(r.spare, m.Body[:0])
	}
}

func (r *reader) close() {
	if r.file != nil {
		r.file.Close()
	}
	r.file, r.records = nil, nil
}

// asked reports whether a message is among those that are asked for.
func (x *exporter) asked(m *expressway.Message) bool {
	if !x.Since.IsZero() && m.Time.Before(x.Since) || !x.Until.IsZero() && !m.Time.Before(x.Until) {
		return false
	}
	return x.calls == nil || x.calls.has(callID(m.Body))
}

// items is a heap by time; in one log, records of one time stay in their order.
type items []*item

func (h items) Len() int { return len(h) }
func (h items) Less(i, j int) bool {
	if c := h[i].Time.Compare(h[j].Time); c != 0 {
		return c < 0
	}
	return h[i].Offset < h[j].Offset
}
func (h items) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *items) Push(v any)   { *h = append(*h, v.(*item)) }
func (h *items) Pop() any {
	old := *h
	m := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return m
}
