package hostcmd

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzAnswers: whatever a host answers, there is no crash, the data fit, and what
// is taken for a list could be one.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte("noise\nN\x001\x00./a\x0081a4 5 6 7:8\x000\x00N\x00"), false)
	f.Add([]byte("N\x0081a4 5 6 7:8\x00/a\x00data\x00N\x00head\x00N\x0081a4 5 6 7:8\x00"), false)
	f.Add([]byte("N\x00=\x0081a4 5 6 7:8\x00/a\x00head\x00N\x00!\x0042\x00\x00N\x00"), true)
	f.Add([]byte("N\x0081a4 5 6 7:8\x00/a\x00\x1f\x8b\x08\x00"), true)
	f.Fuzz(func(t *testing.T, b []byte, zip bool) {
		entries, err := ListAnswer(bytes.NewReader(b), "N")
		for _, e := range entries {
			if err == nil && (e.Size < 0 || e.Name == "" || strings.ContainsAny(e.Name, "/\x00")) {
				t.Errorf("%+v", e)
			}
		}
		buf := make([]byte, 16)
		r := Read{Nonce: "N", Head: 8, File: File{ID: "7:8"}, Count: 16, Gzip: zip}
		if got, err := r.Answer(bytes.NewReader(b), buf); err == nil && (got.N < 0 || got.N > len(buf) || got.Before.ID != "7:8") {
			t.Errorf("%+v", got)
		}
		seen, err := Look{Nonce: "N", Head: 8, Files: []File{{ID: "7:8"}, {}}}.Answer(bytes.NewReader(b))
		if err == nil && (len(seen) != 2 || seen[0].Code == "" && seen[0].Before.ID != "7:8") {
			t.Errorf("%+v", seen)
		}
	})
}

// A time that no log has is none.
func TestStatusTime(t *testing.T) {
	for sec, zero := range map[string]bool{"-5": true, "9223372036854775807": true, "253402300800": true, "1772460847": false} {
		if s, err := parseStatus("81a4 5 " + sec + " 1:2"); err != nil || s.MTime.IsZero() != zero {
			t.Errorf("mtime %s is %v, %v", sec, s.MTime, err)
		}
	}
}
