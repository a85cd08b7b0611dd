package expressway

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

var unbelieved = []string{
	`9999-12-31T23:59:59.999-12:00 expe01 tvcs: Event="x"`,
	`9999-01-01T00:00:00.000+00:00 expe01 tvcs: Event="x"`,
	`0001-01-01T00:00:00.000+14:00 expe01 tvcs: Event="x"`,
	`1969-12-31T23:59:59.999+00:00 expe01 tvcs: Event="x"`,
	`2026-03-02T09:14:07.512-14:01 expe01 tvcs: Event="x"`,
	`2026-03-02T09:14:07.512+23:59 expe01 tvcs: Event="x"`,
	`<134>1 9999-12-31T23:59:59.999-12:00 expe01 tvcs - - - x`,
	`Dec 31 9999 23:59:59 expe01 tvcs: x`,
	`Jan  1 0001 00:00:00 expe01 tvcs: x`,
}

// A line whose stamp cannot be one belongs to the record before it, verbatim, for every
// reader; so does what it brings, if it has a time in other words.
func TestUnbelievedStamp(t *testing.T) {
	first := `2026-03-02T09:14:07.512-05:00 expe01 tvcs: Event="a"`
	last := `2026-03-02T09:14:08.512-05:00 expe01 tvcs: Event="b"`
	for _, line := range unbelieved {
		if at, ok := HeadTime([]byte(line), Ref{}); ok {
			t.Errorf("HeadTime of %q: %v", line, at)
		}
		if at, ok := RecordTime([]byte(line), Ref{}); ok || isHead([]byte(line), Ref{}) {
			t.Errorf("RecordTime of %q: %v", line, at)
		}
		log := first + "\n" + line + "\n" + last + "\n"
		r := NewRecordReader(strings.NewReader(log), 0, Ref{})
		var got []string
		for {
			rec, err := r.Next()
			if err == io.EOF {
				break
			}
			got = append(got, string(rec.Text))
		}
		if want := []string{first + "\n" + line + "\n", last + "\n"}; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q: records %q", line, got)
		}
		var s Survey
		if err := s.Add(strings.NewReader(log), Ref{}); err != nil || s.Records != 2 || s.Last.Year() != 2026 {
			t.Errorf("%q: %v %+v", line, err, s)
		}
	}
}

// UTCTime of no year that is believed leaves the time in front, and a file's mtime that
// is none leaves the present year.
func TestUnbelievedWords(t *testing.T) {
	line := `2026-03-02T09:14:07.512-05:00 expe01 tvcs: UTCTime="9999-12-31 23:59:59,999" Event="a"`
	if at, ok := HeadTime([]byte(line), Ref{}); !ok || at.Year() != 2026 {
		t.Error(at, ok)
	}
	at, ok := HeadTime([]byte("Mar  2 09:14:07 expe01 tvcs: x"), Ref{MTime: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)})
	if _, err := json.Marshal(at); !ok || err != nil {
		t.Error(at, ok, err)
	}
}
