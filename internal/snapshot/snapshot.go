// Package snapshot merges the logs of one host into one text, as an appliance's diagnostic
// archive has it in loggingsnapshot_<host>_<time>.txt.
//
// It guarantees that every byte of every log is in the text once, that a record with all
// its lines stays whole, that the records of one log stay in their order, that what has no
// stamp stays behind the record before it, that records of one time come in the order of the
// logs, and that memory does not grow with the logs. Where a log does not end with a line
// feed one is put in before another's record. It does not know where logs come from.
package snapshot

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"rtmtgrab/internal/expressway"
)

// MaxLogs bounds the logs that are merged at a time, each of which takes 128 KiB.
const MaxLogs = 64

// A Log is one family of a host.
type Log struct {
	Name string
	Open func() (io.ReadCloser, error)
	Ref  expressway.Ref // dates stamps without a year
}

// A Count is what was written.
type Count struct {
	Records int64 // with a stamp
	Bytes   int64
}

// Merge writes the logs to w, by the times of their records.
func Merge(ctx context.Context, w io.Writer, logs []Log) (n Count, err error) {
	if len(logs) > MaxLogs {
		return n, fmt.Errorf("more than %d logs of one host", MaxLogs)
	}
	out := &output{w: bufio.NewWriterSize(w, 256<<10), fresh: true}
	var open []*reader
	defer func() {
		for _, r := range open {
			err = errors.Join(err, r.close())
		}
	}()
	for _, l := range logs {
		r, err := newReader(l)
		if err != nil {
			return n, fmt.Errorf("%s: %w", l.Name, err)
		}
		open = append(open, r)
	}

	for {
		r := earliest(open)
		if r == nil {
			break
		}
		if err := ctx.Err(); err != nil {
			return n, err
		}
		if err := r.record(out); err != nil {
			return n, fmt.Errorf("%s: %w", r.name, err)
		}
	}
	n = Count{out.records, out.n}
	return n, out.w.Flush()
}

// earliest has the record that comes next; of several the first one's. What stands before
// the first record of a log has no time, and comes at once. Nil: all was read.
func earliest(open []*reader) (first *reader) {
	for _, r := range open {
		if len(r.piece) > 0 && (first == nil || r.time.Before(first.time)) {
			first = r
		}
	}
	return first
}

// An output is the text.
type output struct {
	w       *bufio.Writer
	n       int64
	records int64
	fresh   bool    // a line begins
	last    *reader // whose bytes are at the end
}

func (o *output) write(b []byte) error {
	n, err := o.w.Write(b)
	o.n += int64(n)
	if n > 0 {
		o.fresh = b[n-1] == '\n'
	}
	return err
}

// begin puts what comes next, of r, at the beginning of a line. Within a log nothing is put in.
func (o *output) begin(r *reader) error {
	other := o.last != r
	if o.last = r; o.fresh || !other {
		return nil
	}
	return o.write([]byte{'\n'})
}
