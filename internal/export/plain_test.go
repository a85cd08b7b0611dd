package export

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/registration"
)

// plainRows reads the messages of logs in a plain way, by the place of their records.
// Odd are those of which one record has no time to the millisecond.
func plainRows(t *testing.T, src []registration.Source) (rows map[string]row, odd map[string]bool) {
	rows, odd = map[string]row{}, map[string]bool{}
	hashOf, oddHash := map[string]string{}, map[string]bool{} // the records at INFO and DEBUG share it
	for _, s := range src {
		r, err := s.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		at := 0
		for _, rec := range lab.SplitRecords(text) {
			head, body, _ := strings.Cut(string(rec), "\n")
			hash := strings.TrimLeft(between(head, "Msg-Hash=", ","), `"`)
			hash, _, _ = strings.Cut(hash, `"`)
			if _, message, ok := strings.Cut(body, "SIPMSG:\n"); ok {
				place := fmt.Sprintf("%s %s byte %d", strings.Fields(head)[1], s.File, at)
				rows[place] = plainRow(t, head, message)
				hashOf[place] = hash
			}
			if u := between(head, `UTCTime="`, `"`); hash != "" && !strings.Contains(u, ",") {
				oddHash[hash] = true
			}
			at += len(rec)
		}
	}
	for place, hash := range hashOf {
		odd[place] = oddHash[hash]
	}
	return rows, odd
}

func plainRow(t *testing.T, head, message string) row {
	val := func(key string) string { return between(head, " "+key+`="`, `"`) }
	r := row{time: plainTime(t, head), cseq: between(message, "\n CSeq: ", "\n")}
	r.to = val("Local-ip") + " " + val("Local-port")
	r.from = val("Src-ip") + " " + val("Src-port")
	if val("Action") == "Sent" {
		r.from, r.to = r.to, val("Dst-ip")+" "+val("Dst-port")
	}
	first := strings.TrimLeft(message[:strings.IndexByte(message, '\n')], " |")
	if answer, ok := strings.CutPrefix(first, "SIP/2.0 "); ok {
		r.what = answer
	} else {
		r.what, _, _ = strings.Cut(first, " ")
	}
	return r
}

// plainTime is UTCTime, whose milliseconds may be short or missing, or else the time
// in front.
func plainTime(t *testing.T, head string) string {
	if u := between(head, `UTCTime="`, `"`); u != "" {
		second, ms, _ := strings.Cut(u, ",")
		return strings.Replace(second, " ", "T", 1) + fmt.Sprintf(".%03s", ms)
	}
	at, err := time.Parse("2006-01-02T15:04:05.000-07:00", strings.Fields(head)[0])
	if err != nil {
		t.Fatal(err)
	}
	return stamp(at)
}

// between is what stands between two texts.
func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000") }
