package registration

import (
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rtmtgrab/internal/lab/mra"
	labscenario "rtmtgrab/internal/lab/scenario"
)

// TestRandomTrouble: whatever goes wrong on the way, alone or together, nobody is
// blamed for it who had no part in it. It runs before the parallel tests, for it
// changes a flag of rapid's.
func TestRandomTrouble(t *testing.T) {
	if testing.Short() {
		t.Skip("whole sites take long")
	}
	defer randomSites(15 / fewer)()
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		sc := randomTrouble(rt)
		sub, err := os.MkdirTemp(dir, "")
		if err != nil {
			rt.Fatal(err)
		}
		p, err := sc.Play(t.Context(), sub, playedUntil)
		if err != nil {
			rt.Fatal(err)
		}
		defer p.Close()
		s, o := sources(p, true)
		r, err := Analyze(t.Context(), s, o)
		if err != nil {
			rt.Fatal(err)
		}
		checkBlame(rt, p, r)
	})
}

// randomTrouble is a site ten times as fast as a real one, on which messages, answers
// and connections get lost.
func randomTrouble(t *rapid.T) labscenario.Scenario {
	kinds := []mra.EventKind{mra.SilentDrop, mra.ZoneSilent, mra.Deaf, mra.Fail, mra.NoConnection, mra.Slow, mra.Repeat, mra.RepeatLost, mra.Lose, mra.DateStep, mra.Stall, mra.DropTCP,
		mra.DelayKeepAlive, mra.LateKeepAlive}
	sc := labscenario.Scenario{Name: "random trouble", Length: 2 * time.Minute, Level: rapid.SampledFrom([]string{"DEBUG", "DEBUG", "INFO"}).Draw(t, "level"),
		Site: mra.SiteConfig{Expires: 12 * time.Second, Phones: rapid.IntRange(1, 4).Draw(t, "phones"), Lines: rapid.IntRange(1, 2).Draw(t, "lines"), Seed: rapid.Uint64().Draw(t, "seed")}}
	for range sc.Site.Phones {
		sc.Site.Sets = append(sc.Site.Sets, mra.PhoneConfig{Stubborn: rapid.Bool().Draw(t, "stubborn"),
			Full:  mra.FullRegister{Bulk: rapid.Bool().Draw(t, "bulk"), Unseen: rapid.Bool().Draw(t, "unseen"), OneByOne: rapid.IntRange(0, 4).Draw(t, "one by one") == 0},
			Retry: time.Duration(rapid.IntRange(0, 3).Draw(t, "retry")) * time.Second})
	}
	for range rapid.IntRange(1, 4).Draw(t, "events") {
		kind := rapid.SampledFrom(kinds).Draw(t, "kind")
		where := map[mra.EventKind][]string{mra.Fail: {"E", "C"}, mra.Stall: {"C", "E-C", "in C", "CUCM"}, mra.DelayKeepAlive: {"E", "C", "in C", "CUCM"}}[kind]
		if where == nil {
			where = []string{"E", "C", "CUCM"}
		}
		code := 408
		if kind != mra.Fail && rapid.Bool().Draw(t, "no answer") {
			code = 0
		}
		sc.Steps = append(sc.Steps, labscenario.Step{After: time.Duration(rapid.IntRange(15, 110).Draw(t, "after")) * time.Second, Event: mra.Event{Kind: kind, Phone: rapid.IntRange(0, sc.Site.Phones-1).Draw(t, "phone"),
			Where: rapid.SampledFrom(where).Draw(t, "where"), Code: code, For: time.Duration(rapid.IntRange(1, 30).Draw(t, "for")) * time.Second,
			Close: rapid.SampledFrom([]string{"", "Got EOF on socket", "Connection timed out"}).Draw(t, "close")}})
	}
	return sc
}

// checkBlame compares what is said with what happened to each phone.
func checkBlame(t *rapid.T, p *labscenario.Played, r *Report) {
	s := sayingsOf(t, r)
	for i, device := range p.Site.Devices() {
		said, ok := s.of(p, i)
		j := slices.IndexFunc(r.Phones, func(ph Phone) bool { return ph.Device == device || ph.Device == "" && ph.MAC == p.Site.MACs()[i] })
		if !ok || j < 0 {
			continue
		}
		fail := func(what string) {
			t.Fatalf("%s %s/%s %s: %s\n%q\n%+v\nstory %s", device, said.Verdict, said.VerdictConfidence, r.Phones[j].Cause, what, said.sentences(), p.Steps, p.Site.Story(device))
		}
		if said.Verdict == VerdictPartial && said.VerdictConfidence == Certain && !p.Partial(i) {
			fail("it is not partial")
		}
		if r.Phones[j].Cause == CauseTCP && !p.Cut(i) {
			fail("no connection dropped")
		}
		if _, ok := claim(said.sentences(), liePhoneLate); ok && !p.Late(i) {
			fail("the phone sent everything in time")
		}
	}
}
