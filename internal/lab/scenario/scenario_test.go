package scenario

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"rtmtgrab/internal/testrace"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/mra"
)

var playedUntil = time.Date(2026, 3, 2, 14, 20, 0, 0, time.UTC)

func play(t *testing.T, sc Scenario) *Played {
	t.Helper()
	p, err := sc.Play(t.Context(), t.TempDir(), playedUntil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// logText is a log of a scenario; those do not rotate.
func logText(t *testing.T, e *lab.Expressway, family string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(e.Dir(), family))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestScenarios: what the table says of each phone is what happened in the
// laboratory, and the logs are what such a site would log.
func TestScenarios(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long")
	}
	names := map[string]bool{}
	for i, sc := range Scenarios() {
		if names[sc.Name] || sc.About == "" {
			t.Errorf("%s stands twice in the table, or says nothing", sc.Name)
		}
		names[sc.Name] = true
		if testrace.Skips(i, 7) {
			continue
		}
		t.Run(sc.Name, func(t *testing.T) {
			p := play(t, sc)
			devices := p.Site.Devices()
			for i, device := range devices {
				checkStory(t, p, sc.Want.Of(i), device)
				checkWords(t, sc.Want.Of(i))
			}
			for _, w := range sc.Want.Phones {
				if w.Phone >= len(devices) {
					t.Errorf("there is no phone %d", w.Phone)
				}
			}
			if len(p.Holes) == 0 && len(p.Edits) == 0 {
				checkLogs(t, p)
			}
			checkMarks(t, p)
			checkSeen(t, p)
		})
	}
	for name := range marks {
		if !names[name] {
			t.Errorf("there is no scenario %s", name)
		}
	}
}

func checkStory(t *testing.T, p *Played, w PhoneWant, device string) {
	t.Helper()
	story := p.Site.Story(device)
	if !regexp.MustCompile(`^(?:` + w.Story + `)$`).MatchString(story) {
		t.Errorf("%s: %s, want %s", device, story, w.Story)
	}
	var last mra.Happening
	for _, h := range p.Site.Happened() {
		if h.Device == device {
			last = h
		}
	}
	if partial := last.Lines > 0 && last.Lines < last.All; partial != w.Partial {
		t.Errorf("%s has %d lines of %d at the end, partial should be %v", device, last.Lines, last.All, w.Partial)
	}
	checkBack(t, p, w, device)
	if got := p.Blame(w.Phone); got != w.Blame && (w.Blame != "" || w.NeverSay != nil) {
		t.Errorf("%s: %q is to blame, want %q", device, got, w.Blame)
	}
	if slices.ContainsFunc(w.Verdict, func(v string) bool { return slices.Contains(w.Never, v) }) || slices.ContainsFunc(w.Cause, func(c string) bool { return slices.Contains(w.Never, c) }) {
		t.Errorf("%s: what is right must not be said: %+v", device, w)
	}
	if blind := p.Level == "INFO" || p.Before > 0 || len(p.LeaveOut)+len(p.Holes)+len(p.Edits) > 0 || slices.Contains(w.Verdict, wUnknown); w.Partial && !blind && !slices.Contains(w.Verdict, wPartial) && !slices.Contains(w.Verdict, wCameBack) || !w.Partial && slices.Contains(w.Verdict, wPartial) {
		t.Errorf("%s: partial is %v, and right would be %v", device, w.Partial, w.Verdict)
	}
}

// checkBack compares what is wanted of a phone that came back by keep-alive.
func checkBack(t *testing.T, p *Played, w PhoneWant, device string) {
	t.Helper()
	shares, by := 0, ""
	for _, h := range p.Site.Happened() {
		if h.What != mra.CameBack {
			continue
		}
		if shares++; h.Device != device {
			continue
		}
		by = h.C
		late := (h.Gap - p.Site.Interval()).Seconds()
		if w.LateBy[1] != 0 && (late < w.LateBy[0] || late > w.LateBy[1]) || w.LateBy[1] == 0 && slices.Equal(w.Cause, words(wTCP)) && !w.NoLateBy && late > 1 {
			t.Errorf("%s is %.1f s late, want %v", device, late, w.LateBy)
		}
	}
	if (by == "" && w.LateBy[1] != 0) || (w.Shares != 0 && w.Shares != shares-1) {
		t.Errorf("%s came back over %q with %d phones: %+v", device, by, shares, w)
	}
}

// checkLogs looks at every network_log: within the span, one body for each SIP line
// at DEBUG and none at INFO.
func checkLogs(t *testing.T, p *Played) {
	t.Helper()
	for _, e := range p.peers() {
		text, err := os.ReadFile(filepath.Join(e.Dir(), lab.NetworkLog))
		if err != nil {
			t.Fatal(err)
		}
		hash := func(line []byte, before, after string) string {
			_, line, _ = bytes.Cut(line, []byte(before))
			line, _, _ = bytes.Cut(line, []byte(after))
			return string(line)
		}
		bodies, lines, paired := map[string]bool{}, map[string]bool{}, 0
		for line := range bytes.Lines(text) {
			switch {
			case bytes.Contains(line, []byte(`, Method=REGISTER, `)), bytes.Contains(line, []byte(` Request Method=REGISTER, `)):
				lines[hash(line, "Msg-Hash=", ",")] = true
			case bytes.Contains(line, []byte(`" Msg-Hash="`)):
				bodies[hash(line, `Msg-Hash="`, `"`)] = true
			}
		}
		for h := range lines {
			if bodies[h] {
				paired++
			}
		}
		want := len(lines)
		if p.Level == "INFO" {
			want = 0
		}
		if len(lines) < 20 && p.Length > 2*time.Minute || paired < want-1 || paired > want { // the last body may be written after the end
			t.Errorf("%s: %d SIP lines with %d bodies", e.Name(), len(lines), paired)
		}
		if p.Level == "INFO" && (bytes.Contains(text, []byte("SIPMSG")) || bytes.Contains(text, []byte("TCP Connection Closed"))) {
			t.Errorf("%s logs at DEBUG", e.Name())
		}
		for _, r := range e.Truth(lab.NetworkLog) {
			if real := r.Prefix.Add(-p.Clocks[e.Name()]); real.Before(p.Since.Add(-p.steps())) || real.After(p.Until.Add(p.steps())) {
				t.Fatalf("%s: a record of %v", e.Name(), r.Prefix)
			}
		}
	}
}

func checkMarks(t *testing.T, p *Played) {
	t.Helper()
	for where, res := range marks[p.Name] {
		host, family, _ := strings.Cut(where, "/")
		if family == "" {
			family = lab.NetworkLog
		}
		i := slices.IndexFunc(p.peers(), func(e *lab.Expressway) bool { return e.Name() == host })
		text := logText(t, p.peers()[i], family)
		for _, re := range res {
			re, no := strings.CutPrefix(re, "!")
			if regexp.MustCompile(re).Match(text) == no {
				t.Errorf("%s: %s found is %v", where, re, !no)
			}
		}
	}
}

// checkSeen compares Seen with the logs themselves.
func checkSeen(t *testing.T, p *Played) {
	t.Helper()
	var all []byte
	for _, l := range p.Logs() {
		b, err := os.ReadFile(l.Path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	for i, device := range p.Site.Devices() {
		mac := strings.ToLower(p.Site.MACs()[i])
		if got := bytes.Contains(all, []byte("Call-ID="+mac[:8]+"-"+mac[8:])); got != p.Seen(i) {
			t.Errorf("%s stands in the logs: %v, Seen says %v", device, got, p.Seen(i))
		}
	}
}

// TestPlayedLogs: what is left out is not handed over, and the same scenario makes
// the same bytes.
func TestPlayedLogs(t *testing.T) {
	i := slices.IndexFunc(Scenarios(), func(sc Scenario) bool { return sc.Name == "peer-missing" })
	sc := Scenarios()[i]
	a, b := play(t, sc), play(t, sc)
	logs := a.Logs()
	if len(logs) != 9 || logs[0].Host != "expc01" || slices.ContainsFunc(logs, func(l Log) bool { return l.Host == "expc02" }) {
		t.Errorf("logs: %+v", logs)
	}
	for i, l := range b.Logs() {
		x, err := os.ReadFile(l.Path)
		y, err2 := os.ReadFile(logs[i].Path)
		if err != nil || err2 != nil || !bytes.Equal(x, y) || len(x) < 1000 {
			t.Errorf("%s of %s: %d and %d bytes, %v, %v", l.Family, l.Host, len(x), len(y), err, err2)
		}
	}
}

// checkWords: the regular expressions can be read.
func checkWords(t *testing.T, w PhoneWant) {
	t.Helper()
	for _, re := range append(slices.Clone(w.Say), w.NeverSay...) {
		if _, err := regexp.Compile(re); err != nil {
			t.Error(err)
		}
	}
}

// steps is how far clocks jump in a scenario.
func (p *Played) steps() time.Duration {
	var d time.Duration
	for _, st := range p.Steps {
		if st.Event.Kind == mra.ClockStep {
			d += st.Event.For.Abs()
		}
	}
	return d
}
