package registration

import (
	"bytes"
	"flag"
	"io"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/mra"
	labscenario "rtmtgrab/internal/lab/scenario"
)

// randomSites lets rapid play n sites, the same ones each time, unless its flags or
// GRAB_LONG ask for others. What it returns undoes that.
func randomSites(n int) (undo func()) {
	checks, seed := flag.Lookup("rapid.checks").Value, flag.Lookup("rapid.seed").Value
	oldChecks, oldSeed := checks.String(), seed.String()
	if oldChecks == "100" {
		checks.Set(strconv.Itoa(n))
	}
	if oldSeed == "0" && os.Getenv("GRAB_LONG") == "" {
		seed.Set("1")
	}
	return func() { checks.Set(oldChecks); seed.Set(oldSeed) }
}

// TestRandomSites: whatever happens at a site, and whatever of its logs is missing,
// nothing is said in the voice of certainty that is not true.
func TestRandomSites(t *testing.T) {
	if testing.Short() {
		t.Skip("whole sites take long")
	}
	t.Parallel()
	randomSites(15 / fewer)
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		sc := withTraces(randomScenario(rt), true)
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
		holes := rapid.Bool().Draw(rt, "holes")
		if holes {
			for i := range s {
				if rapid.IntRange(0, 2).Draw(rt, "hole here") == 0 {
					punch(rt, p, &s[i])
				}
			}
		}
		r, err := Analyze(t.Context(), s, o)
		if err != nil {
			rt.Fatal(err)
		}
		checkTrue(rt, p, r, holes)

		o.Traces = traces(t, p) // with CUCM's own record too
		if r, err = Analyze(t.Context(), s, o); err != nil {
			rt.Fatal(err)
		}
		checkTrue(rt, p, r, holes)
		checkKnown(rt, p, r)
	})
}

// checkKnown: whoever CUCM's whole trace shows to be partial at the end is called so.
func checkKnown(t *rapid.T, p *labscenario.Played, r *Report) {
	for i, device := range p.Site.Devices() {
		var last mra.Happening
		var since time.Time
		for _, h := range p.Site.Happened() {
			if h.Device == device && h.What != mra.Refused {
				if h.NewReg {
					since = h.Time
				}
				last = h
			}
		}
		j := slices.IndexFunc(r.Phones, func(ph Phone) bool { return ph.Device == device || ph.Device == "" && ph.MAC == p.Site.MACs()[i] })
		if j < 0 || !since.After(p.Since.Add(time.Second)) || since.After(p.Until.Add(-time.Second)) {
			continue
		}
		if last.Lines > 0 && last.Lines < last.All && r.Phones[j].Verdict != VerdictPartial {
			t.Errorf("%s has %d of %d lines (%s), and is called %s (%s): %s", device, last.Lines, last.All, last.What, r.Phones[j].Verdict, r.Phones[j].VerdictConfidence, r.Phones[j].Summary)
		}
	}
}

func randomScenario(t *rapid.T) labscenario.Scenario {
	kinds := []mra.EventKind{mra.LateKeepAlive, mra.DropTCP, mra.Reset, mra.DelayKeepAlive, mra.Refuse, mra.Busy, mra.BadToken, mra.UserLogin, mra.UserLogout,
		mra.Rebind, mra.Move, mra.PeerDown, mra.Silence, mra.Leave, mra.ZoneDown, mra.NodeDown, mra.LateKeepAlive, mra.DropTCP, mra.Reset}
	sc := labscenario.Scenario{Name: "random", Length: 2 * time.Minute, Level: rapid.SampledFrom([]string{"DEBUG", "DEBUG", "DEBUG", "INFO"}).Draw(t, "level"),
		Site: mra.SiteConfig{Expires: 12 * time.Second, Phones: rapid.IntRange(1, 4).Draw(t, "phones"), Lines: rapid.IntRange(1, 2).Draw(t, "lines"), Seed: rapid.Uint64().Draw(t, "seed")}}
	if rapid.Bool().Draw(t, "before") {
		sc.Before = time.Minute
	}
	for range sc.Site.Phones {
		sc.Site.Sets = append(sc.Site.Sets, mra.PhoneConfig{Stubborn: rapid.Bool().Draw(t, "stubborn"), Lines: rapid.IntRange(0, 2).Draw(t, "lines of it"),
			Auth: rapid.SampledFrom([]mra.Auth{mra.Digest, mra.DigestAlways, mra.ProxyDigest, mra.Bearer}).Draw(t, "auth")})
	}
	for range rapid.IntRange(0, 5).Draw(t, "events") {
		sc.Steps = append(sc.Steps, labscenario.Step{After: time.Duration(rapid.IntRange(10, 119).Draw(t, "after")) * time.Second,
			Event: mra.Event{Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Phone: rapid.IntRange(0, sc.Site.Phones-1).Draw(t, "phone"), User: "asmith",
				Where: rapid.SampledFrom([]string{"E", "C", "CUCM"}).Draw(t, "where"), For: time.Duration(rapid.IntRange(1, 30).Draw(t, "for")) * time.Second}})
	}
	for _, host := range []string{"expc01", "expe01", "expc02", "expe02"} {
		if rapid.IntRange(0, 7).Draw(t, "left out") == 0 {
			sc.LeaveOut = append(sc.LeaveOut, host)
		}
		if rapid.IntRange(0, 5).Draw(t, "clock") == 0 {
			if sc.Clocks == nil {
				sc.Clocks = map[string]time.Duration{}
			}
			sc.Clocks[host] = time.Duration(rapid.IntRange(-90, 90).Draw(t, "offset")) * time.Second
		}
	}
	return sc
}

// punch takes a span out of a log, and says so.
func punch(t *rapid.T, p *labscenario.Played, s *Source) {
	from := p.Since.Add(time.Duration(rapid.IntRange(-20, 115).Draw(t, "from")) * time.Second)
	to := from.Add(time.Duration(rapid.IntRange(5, 60).Draw(t, "long")) * time.Second)
	s.Complete, s.Missing = false, []evidence.Span{{Since: from, Until: to, Reason: evidence.ReasonRotated}}
	open := s.Open
	shift := p.Clocks[s.Host]
	s.Open = func() (io.ReadCloser, error) {
		r, err := open()
		if err != nil {
			return nil, err
		}
		defer r.Close()
		text, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		var out bytes.Buffer
		for _, rec := range lab.SplitRecords(text) {
			at, err := time.Parse("2006-01-02T15:04:05.000-07:00", string(rec[:29]))
			if err != nil {
				return nil, err
			}
			if at = at.Add(-shift); at.Before(from) || !at.Before(to) {
				out.Write(rec)
			}
		}
		return io.NopCloser(&out), nil
	}
}

// checkTrue compares what is said with what happened.
func checkTrue(t *rapid.T, p *labscenario.Played, r *Report, holes bool) {
	left := func(role byte) bool {
		return slices.ContainsFunc(p.LeaveOut, func(h string) bool { return h[3] == role })
	}
	for _, ph := range r.Phones {
		var last mra.Happening
		came := map[int64]bool{}
		for _, h := range p.Site.Happened() {
			if h.Device != "" && (h.Device == ph.Device || h.Device == "SEP"+ph.MAC) {
				if h.What != mra.Dropped || h.CUCM == last.CUCM { // a node forgets phones that went to another
					last = h
				}
				if h.What == mra.CameBack {
					came[h.Time.Unix()/10] = true
				}
			}
		}
		partial := last.Lines > 0 && last.Lines < last.All
		fail := func(what string) {
			t.Fatalf("%s %s/%s %s/%s: %s\n%s\n%+v\nleft out %v, clocks %v, story %s", ph.Device, ph.Verdict, ph.VerdictConfidence, ph.Cause, ph.CauseConfidence, what, ph.Summary, last, p.LeaveOut, p.Clocks, p.Site.Story(last.Device))
		}
		if left('c') && (left('e') || holes) {
			continue // of a C that no log names nothing is known: what it did is no fault of the report
		}
		if ph.VerdictConfidence != Certain {
			continue
		}
		switch ph.Verdict {
		case VerdictPartial:
			if !partial {
				fail("it is not partial")
			}
		case PhoneRegistered, VerdictRecovered:
			if last.Lines != last.All {
				fail("it has not all its lines")
			}
		case PhoneUnregistered:
			if last.Lines != 0 {
				fail("it is registered")
			}
		case PhoneCameBack:
			if len(came) == 0 {
				fail("it never came back")
			}
		}
		if len(r.CUCM) == 0 && (ph.Cause == CauseLate && ph.CauseConfidence == Certain || ph.Cause == CauseTCP && ph.CauseConfidence == Certain) {
			fail("such a cause is inferred")
		}
	}
	if r.Verdict == VerdictHealthy && !(left('c') && (left('e') || holes)) {
		for _, d := range p.Site.Devices() {
			var last mra.Happening
			for _, h := range p.Site.Happened() {
				if h.Device == d {
					last = h
				}
			}
			seen := slices.ContainsFunc(r.Phones, func(ph Phone) bool {
				return ph.Device == d && ph.Verdict != VerdictUnknown && len(ph.Transactions) > 0
			})
			if seen && last.Lines > 0 && last.Lines < last.All && last.NewReg {
				t.Fatalf("healthy, but %s is partial: %s", d, r.Summary)
			}
		}
	}
}
