package human

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestOneLine(t *testing.T) {
	lost := errors.New("connection lost")
	read := func(name string) error { return fmt.Errorf("read %s: %w", name, lost) }
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{lost, "connection lost"},
		{errors.Join(lost, lost, lost), "connection lost"},
		{errors.Join(lost, read("a"), lost), "read a: connection lost"},
		{errors.Join(read("a"), lost), "read a: connection lost"},
		{errors.Join(read("a"), read("b"), read("a")), "read a, read b: connection lost"},
		{errors.Join(errors.New("not reached in time"), read("a")), "not reached in time; read a: connection lost"},
		{fmt.Errorf("%w: %w", lost, lost), "connection lost"},
		{fmt.Errorf("expc01: %w", errors.Join(lost, errors.New("disk full"))), "expc01: connection lost; disk full"},
	} {
		if got := OneLine(c.err); got != c.want {
			t.Errorf("%q: %q, want %q", c.err, got, c.want)
		}
	}
}

// FuzzOneLine: it is one line, no longer than what was joined, and no cause is lost.
func FuzzOneLine(f *testing.F) {
	f.Add("a: b\nb\nc: b")
	f.Add("a: a: a\n\n; b")
	f.Fuzz(func(t *testing.T, s string) {
		got := OneLine(errors.New(s))
		if strings.Contains(got, "\n") || len(got) > 2*len(s) {
			t.Errorf("%q: %q", s, got)
		}
		for line := range strings.SplitSeq(s, "\n") {
			parts := strings.Split(strings.TrimSpace(line), ": ")
			if last := parts[len(parts)-1]; !strings.Contains(got, last) {
				t.Errorf("%q: %q lacks %q", s, got, last)
			}
		}
	})
}
