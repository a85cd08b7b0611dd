package human

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	known := []string{"status", "show", "export", "known_hosts"}
	for word, want := range map[string]string{
		"stats": "status", "Staus": "status", "sohw": "show", "exprot": "export", "known-host": "known_hosts",
		"zzz": "", "": "", strings.Repeat("s", 100): "",
	} {
		if got := Nearest(word, known...); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
	if got := Nearest("status"); got != "" {
		t.Error(got)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"abc", "abc", 0}, {"ab", "ba", 1}, {"catch-up", "catch_up", 0}, {"", "abc", 3}, {"Store", "store", 0}, {"known_host", "known_hosts", 1}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestNearestName(t *testing.T) {
	names := []string{"hq-prod", "Branch Office", "x"}
	for name, want := range map[string]string{"HQ_PROD": "hq-prod", "hq-porduction": "", "hqprod": "hq-prod", "branch offise": "Branch Office", "": "", "y": "", "completely other": ""} {
		if got := Nearest(name, names...); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
