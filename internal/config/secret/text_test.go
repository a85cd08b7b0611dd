package secret

import (
	"testing"

	"rtmtgrab/internal/redact"
)

// What is no secret is not starred where it comes again, as a secret is.
func TestText(t *testing.T) {
	for s, starred := range map[Secret]bool{Text("xq7-no-proxy"): false, New("xq7-a-proxy:pw"): true} {
		v, err := s.Read()
		if err != nil {
			t.Fatal(err)
		}
		if got := redact.Text("by " + v + "."); (got != "by "+v+".") != starred {
			t.Errorf("%q", got)
		}
		if s.String() != Stars {
			t.Errorf("it prints as %q", s)
		}
	}
}
