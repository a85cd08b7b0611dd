package cucmtrace

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// An alert log whose times are written in a way that is not known is one endless record, line by line: it costs as
// much as another one. With a search through what is held for each line this takes hours.
func TestWholeOfShortLines(t *testing.T) {
	const lines = 1 << 20
	r := Whole(NewLineReader(strings.NewReader(strings.Repeat("a\n", lines)), AlertLog, Place{Modified: time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)}))
	n := 0
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		n += len(rec.Text)
	}
	if n != 2*lines {
		t.Errorf("%d bytes of %d", n, 2*lines)
	}
}
