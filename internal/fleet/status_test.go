package fleet

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
)

// FuzzStatus: what is read of a collector is bounded, can be shown, and is read again as it was.
func FuzzStatus(f *testing.F) {
	for _, s := range []string{`{"collector":"a","keys":["host/x\u001b[2J/login"],"sites":[{"site":"hq"}]}`, `{"collector":"b"}`, `{`, `{"collector":"a","started":"+292277026596-01-01T00:00:00Z"}`} {
		f.Add("a", []byte(s))
	}
	f.Fuzz(func(t *testing.T, key string, b []byte) {
		s, err := ParseStatus(key, b)
		if err != nil {
			return
		}
		again, err := json.Marshal(s)
		if err != nil || Token(s.Collector) != key || len(s.Keys) > MaxKeys || len(s.Sites) > MaxSites {
			t.Fatalf("%+v: %v", s, err)
		}
		for _, text := range append(s.Keys, s.Collector, s.Version, s.State) {
			if evidence.Printable(text, len(text)) != text {
				t.Fatalf("%q can be shown", text)
			}
		}
		if len(again) > MaxStatus {
			return
		}
		twice, err := ParseStatus(key, again)
		if b, _ := json.Marshal(twice); err != nil || string(b) != string(again) {
			t.Fatalf("%s\n%s\n%v", again, b, err)
		}
	})
}

// FuzzPresence: the same.
func FuzzPresence(f *testing.F) {
	f.Add("a", []byte(`{"collector":"a","state":"silent","teller":"b"}`))
	f.Fuzz(func(t *testing.T, key string, b []byte) {
		p, err := ParsePresence(key, b)
		if err != nil {
			return
		}
		if again, err := json.Marshal(p); err != nil || Token(p.Collector) != key || evidence.Printable(p.Notifier, len(p.Notifier)) != p.Notifier {
			t.Fatalf("%+v: %s, %v", p, again, err)
		}
	})
}

// FuzzVerdict: what is read of an incident is of the site whose subject it came on, bounded, and
// can be shown and written.
func FuzzVerdict(f *testing.F) {
	for _, s := range []string{`{"incident":"i","site":"hq","collector":"a","revision":1}`, `{"incident":"i\u001b","site":"other","collector":"a"}`, `{"incident":"i","site":"hq","collector":"a","counts":{"x":-1}}`, `[]`} {
		f.Add("events.hq", []byte(s))
	}
	f.Fuzz(func(t *testing.T, subject string, b []byte) {
		v, err := ParseVerdict(subject, b)
		if err != nil {
			return
		}
		if EventSubject(v.Site) != subject || len(v.Names) > MaxNames || len(v.Counts) > MaxNames {
			t.Fatalf("%+v", v)
		}
		for _, text := range append(append(v.Names, v.HandTo...), v.Incident, v.Site, v.Collector, v.Verdict, v.Cause, v.Bundle, string(v.Coverage)) {
			if evidence.Printable(text, len(text)) != text {
				t.Fatalf("%q can be shown", text)
			}
		}
		if _, err := json.Marshal(v); err != nil {
			t.Fatal(err)
		}
	})
}

// TestProblemKey: keys keep hosts and sites, and lose people, phones and what others wrote.
func TestProblemKey(t *testing.T) {
	for key, want := range map[string]string{
		"host/expc01/login":               "host/expc01/login",
		"mailbox/rtmt@example.com/INBOX":  "mailbox",
		"canary/rtmt@example.com/smtp":    "canary",
		"unrouted/some text of a mail":    "unrouted",
		"reset/SEP00EBD5D5D8C6":           "reset",
		"handover/ops@example.com":        "handover/...",
		"disk":                            "disk",
		"incident/20260302T141407Z-hq-1a": "incident/20260302T141407Z-hq-1a",
	} {
		if got := ProblemKey(key); got != want {
			t.Errorf("%s: %s, not %s", key, got, want)
		}
	}
}

// TestStatusBound: of a collector of thousands of sites those that do not work are named first.
func TestStatusBound(t *testing.T) {
	s := Status{Collector: "a", Started: time.Now(), Sent: time.Now()}
	for range 3000 {
		s.Sites = append(s.Sites, SiteWord{Site: strings.Repeat("s", 60), Works: true})
		s.Keys = append(s.Keys, strings.Repeat("k", 1000))
	}
	s.Sites[2999] = SiteWord{Site: "hq"}
	s.Bound()
	if s.Sites[0].Site != "hq" || len(s.Sites) != MaxSites || len(s.Keys) != MaxKeys {
		t.Errorf("%+v", s)
	}
	if b, err := json.Marshal(s); err != nil || len(b) > MaxStatus {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// FuzzGrabbed: what came of a grab elsewhere is bounded and can be shown.
func FuzzGrabbed(f *testing.F) {
	f.Add([]byte(`{"site":"hq","collector":"a","incident":"i","hosts":[{"host":"expc01\u001b[2J","coverage":"complete"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := ParseGrabbed("hq", b)
		if err != nil {
			return
		}
		if g.Site != "hq" || len(g.Hosts) > MaxHosts {
			t.Fatalf("%+v", g)
		}
		for _, h := range g.Hosts {
			if text := h.Host + string(h.Coverage) + h.Error; evidence.Printable(text, len(text)) != text {
				t.Fatalf("%q can be shown", text)
			}
		}
	})
}
