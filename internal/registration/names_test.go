package registration

import (
	"bytes"
	"regexp"
	"rtmtgrab/internal/testrace"
	"testing"
)

// TestSpellings: a host that one log calls expc01 and another EXPC01.example.com is one.
func TestSpellings(t *testing.T) {
	testrace.Whole(t)
	t.Parallel()
	p := scenario(t, "tcp-and-late")
	s, o := sources(p, true)
	plain := func(r *Report) string { // where the logs end is told by those that name a host
		return regexp.MustCompile(`the logs end at [0-9:.]+`).ReplaceAllString(essenceOfPhones(r), "the logs end")
	}
	want := plain(analyze(t, s, o))
	for i := range s {
		host := s[i].Host
		s[i].Host, s[i].Role = "", ""
		if s[i].Family == "network_log" {
			text := contents(t, s[i])
			half := bytes.Index(text[len(text)/2:], []byte("\n2026-")) + len(text)/2 + 1
			full := bytes.ReplaceAll(text[half:], []byte(" "+host+" "), []byte(" "+string(bytes.ToUpper([]byte(host)))+".example.com "))
			s[i] = with(s[i], append(bytes.Clone(text[:half]), full...))
		}
	}
	if got := plain(analyze(t, s, o)); got != want {
		t.Errorf("spelt in two ways:\n%s\nin one:\n%s", got[:min(len(got), 3000)], want[:min(len(want), 3000)])
	}
}
