package mailheader

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	long, many := strings.Repeat("x", maxValue), strings.Repeat("A: b\n", maxWhole)
	for name, c := range map[string]struct {
		raw, fields, body string
		dropped, whole    bool
	}{
		"plain":          {"From: a@x\r\nTo:b\r\n\r\ntext\r\n", "[{From a@x} {To b}]", "text\r\n", false, true},
		"folded":         {"Subject: a\n b\n\tc \nX:\n\nt", "[{Subject a b c} {X }]", "t", false, true},
		"blanks":         {"A \t: b\n\n", "[{A b}]", "", false, true},
		"mbox":           {"From a@x Mon Mar\nA: b\n\n", "[{A b}]", "", false, true},
		"no field":       {"nonsense\n goes on\nA: b\n\n", "[{A b}]", "", true, true},
		"a name in two":  {"a b: c\nA: b\n\n", "[{A b}]", "", true, true},
		"no name":        {": c\nA: b\n\n", "[{A b}]", "", true, true},
		"no end":         {"A: b\n", "[{A b}]", "", false, false},
		"empty":          {"", "[]", "", false, false},
		"no header":      {"\ntext", "[]", "text", false, true},
		"lone CR":        {"A: b\rB: c\n\n", "[{A b\rB: c}]", "", false, false},
		"NUL":            {"A: \x00\n\n", "[{A \x00}]", "", false, false},
		"long":           {"A: " + long + "\n\n", "[{A " + long + "}]", "", false, false},
		"many":           {many + "\n", "", "", false, true},
		"one too many":   {many + "A: b\n\n", "", "", false, false},
		"twice as many":  {many + many + "B: c\nC: d\n\n", "", "", true, false},
		"CR at the end":  {"A: b\n\r", "[{A b}]", "", false, false},
		"first one goes": {" b\nA: c\n\n", "[{A c}]", "", false, true},
	} {
		h := Read([]byte(c.raw))
		if got := fmt.Sprint(h.Fields); c.fields != "" && got != c.fields || string(h.Body) != c.body || h.Dropped != c.dropped || h.Whole != c.whole {
			t.Errorf("%s: %.200s %q %v %v", name, got, h.Body, h.Dropped, h.Whole)
		}
	}
	h := Read([]byte("To: a\nFrom: b\ntO: c\n\n"))
	if h.First("to") != "a" || h.First("cc") != "" || fmt.Sprint(h.All("TO")) != "[{To a} {tO c}]" {
		t.Errorf("%v", h)
	}
}

// FuzzRead: what was read of a header says the same when it is read again.
func FuzzRead(f *testing.F) {
	f.Add([]byte("From: a\r\n b\nX : y\n\r\n\nbody"))
	f.Add([]byte("From x\nA:b\n c\n:d\n\x00\r\r\n\r"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		h := Read(raw)
		again := Read(h.Clean)
		if !reflect.DeepEqual(again.Fields, h.Fields) || again.Dropped || !bytes.Equal(again.Clean, h.Clean) || len(again.Body) > 0 || h.Whole && !again.Whole {
			t.Errorf("%+v, again %+v", h, again)
		}
		if !bytes.HasSuffix(raw, h.Body) {
			t.Errorf("%q is no end of %q", h.Body, raw)
		}
	})
}
