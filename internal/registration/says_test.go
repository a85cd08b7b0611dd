package registration

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	labscenario "rtmtgrab/internal/lab/scenario"
)

// A saying is all that a report says of one phone in words, and how certain that is.
type saying struct {
	Device     string `json:"device"`
	MAC        string `json:"mac"`
	Verdict    string `json:"verdict"`
	Confidence string `json:"confidence"`
	// VerdictConfidence is that of the verdict, Confidence where it is not told apart.
	VerdictConfidence string `json:"verdict_confidence"`
	Summary           string `json:"summary"`
	Advice            string `json:"advice"`
	Statements        []struct {
		Text       string `json:"text"`
		Confidence string `json:"confidence"`
	} `json:"statements"`
	group []string // of the groups that it is in
}

// A sayings is the report as a reader of its JSON sees it.
type sayings struct {
	Summary string   `json:"summary"`
	Notes   []string `json:"notes"`
	Groups  []struct {
		Devices []string `json:"devices"`
		Summary string   `json:"summary"`
		Advice  string   `json:"advice"`
	} `json:"groups"`
	Phones []saying `json:"phones"`
}

// A failer is a test, of package testing or of rapid.
type failer interface {
	Helper()
	Fatal(...any)
}

func sayingsOf(t failer, r *Report) sayings {
	t.Helper()
	short := *r
	short.Connections, short.Files, short.Phones = nil, nil, slices.Clone(r.Phones)
	for i := range short.Phones {
		short.Phones[i].Transactions, short.Phones[i].Proofs = nil, nil
	}
	b, err := json.Marshal(short)
	if err != nil {
		t.Fatal(err)
	}
	var s sayings
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	for i := range s.Phones {
		p := &s.Phones[i]
		if p.VerdictConfidence == "" {
			p.VerdictConfidence = p.Confidence
		}
		for _, g := range s.Groups {
			if slices.Contains(g.Devices, p.Device) || slices.Contains(g.Devices, p.MAC) {
				p.group = append(p.group, g.Summary, g.Advice)
			}
		}
	}
	return s
}

// sentences are those about the phone.
func (p saying) sentences() []string {
	all := append([]string{p.Summary, p.Advice}, p.group...)
	for _, st := range p.Statements {
		all = append(all, st.Text)
	}
	return split(all)
}

// split makes single sentences, and leaves the ends of numbers and names alone.
func split(texts []string) []string {
	var out []string
	for _, t := range texts {
		for s := range strings.SplitSeq(t, ". ") {
			if s = strings.TrimSpace(s); s != "" && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// notSure is what only asks.
var notSure = regexp.MustCompile(`(?i)\b(whether|if) [^.;,]*`)

// claim is the first sentence that fits without what only asks.
func claim(sentences []string, re string) (string, bool) {
	var told []string
	for _, s := range sentences {
		told = append(told, notSure.ReplaceAllString(s, ""))
	}
	return find(told, re)
}

// find is the first sentence that fits.
func find(sentences []string, re string) (string, bool) {
	x := regexp.MustCompile(re)
	i := slices.IndexFunc(sentences, x.MatchString)
	if i < 0 {
		return "", false
	}
	return sentences[i], true
}

// of finds what is said of a phone of the site.
func (s sayings) of(p *labscenario.Played, phone int) (saying, bool) {
	device, mac := p.Site.Devices()[phone], p.Site.MACs()[phone]
	i := slices.IndexFunc(s.Phones, func(ph saying) bool { return ph.Device == device || ph.Device == "" && ph.MAC == mac })
	if i < 0 {
		return saying{}, false
	}
	return s.Phones[i], true
}

// checkSaid compares the sentences of a report with the scenario's table.
func checkSaid(t testing.TB, p *labscenario.Played, r *Report) {
	t.Helper()
	s := sayingsOf(t, r)
	whole := split(append([]string{s.Summary}, s.Notes...))
	compareSentences(t, "the report", whole, p.Want.Say, p.Want.NeverSay)
	for i, device := range p.Site.Devices() {
		if ph, ok := s.of(p, i); ok {
			w := p.Want.Of(i)
			compareSentences(t, device, ph.sentences(), w.Say, w.NeverSay)
		}
	}
}

func compareSentences(t testing.TB, who string, sentences, say, never []string) {
	t.Helper()
	for _, re := range say {
		if _, ok := find(sentences, re); !ok {
			t.Errorf("%s: nothing says %s:\n\t%s", who, re, strings.Join(sentences, "\n\t"))
		}
	}
	for _, re := range never {
		if got, ok := claim(sentences, re); ok {
			t.Errorf("%s: %s must not be said: %q", who, re, got)
		}
	}
}

// checkMore looks at the cause's confidence, the place and the lateness of a phone.
func checkMore(t testing.TB, ph Phone, w labscenario.PhoneWant) {
	t.Helper()
	if w.CauseConfidence != nil && !slices.Contains(w.CauseConfidence, ph.CauseConfidence) {
		t.Errorf("%s: cause %q is called %q, want %q", ph.Device, ph.Cause, ph.CauseConfidence, w.CauseConfidence)
	}
	if w.LateAt != nil && !slices.Contains(w.LateAt, ph.LateAt) {
		t.Errorf("%s: late at %q, want %q", ph.Device, ph.LateAt, w.LateAt)
	}
	if w.NoLateBy && ph.LateByS != nil && *ph.LateByS > 0.5 {
		t.Errorf("%s: late by %v, want nothing", ph.Device, *ph.LateByS)
	}
}

// sentencesOf are those about one phone of the site.
func sentencesOf(t testing.TB, r *Report, p *labscenario.Played, phone int) []string {
	t.Helper()
	said, _ := sayingsOf(t, r).of(p, phone)
	return said.sentences()
}
