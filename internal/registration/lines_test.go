package registration

import (
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab/mra"
	labscenario "rtmtgrab/internal/lab/scenario"
)

// partial is a phone of 20 minutes that came back by a keep-alive at 14:10, of which two numbers
// were seen. before is what happened to it up to then.
func twoNumbers(before func(s *bkSite, p *bkPhone)) (*bkSite, *bkPhone) {
	s := bkNew()
	p := s.phone(1)
	before(s, p)
	p.ex(bkEx{at: 600 * bkS, newreg: true})
	p.keep(715*bkS, 1100*bkS, 115*bkS)
	return s, p
}

// Two numbers prove two lines where nobody can have changed them in between: the logs are whole,
// or no CSeq is missing. Else they are a user's each, perhaps.
func TestNumbersOfOneUser(t *testing.T) {
	t.Parallel()
	gap := func(s *bkSite, from, to time.Duration) {
		for _, h := range s.hosts {
			h.missing = append(h.missing, [2]time.Duration{from, to})
		}
	}
	for name, c := range map[string]struct {
		certain bool
		before  func(s *bkSite, p *bkPhone)
	}{
		"whole": {true, func(s *bkSite, p *bkPhone) {
			p.ex(bkEx{at: 5 * bkS, full: true})
			p.notify(30*bkS, "7099")
			p.keep(120*bkS, 470*bkS, 115*bkS)
		}},
		"a hole, and every CSeq": {true, func(s *bkSite, p *bkPhone) {
			gap(s, 40*bkS, 100*bkS)
			p.ex(bkEx{at: 5 * bkS, full: true})
			p.notify(30*bkS, "7099")
			p.keep(120*bkS, 470*bkS, 115*bkS)
		}},
		"seen after it": {true, func(s *bkSite, p *bkPhone) {
			p.ex(bkEx{at: 5 * bkS, full: true})
			p.keep(120*bkS, 470*bkS, 115*bkS)
			p.notify(800*bkS, "7099")
		}},
		"login in a hole": {false, func(s *bkSite, p *bkPhone) {
			gap(s, 121*bkS, 234*bkS)
			p.ex(bkEx{at: 5 * bkS, full: true})
			p.ex(bkEx{at: 120 * bkS})
			p.ex(bkEx{at: 124 * bkS, unreg: true})
			p.reboot(2)
			p.number = "8001"
			p.ex(bkEx{at: 125 * bkS, full: true})
			p.keep(240*bkS, 470*bkS, 115*bkS)
		}},
		"login in a hole, with the same Call-ID": {false, func(s *bkSite, p *bkPhone) {
			gap(s, 121*bkS, 234*bkS)
			p.ex(bkEx{at: 5 * bkS, full: true})
			p.ex(bkEx{at: 120 * bkS})
			p.ex(bkEx{at: 124 * bkS, unreg: true})
			p.number = "8001"
			p.ex(bkEx{at: 125 * bkS, full: true})
			p.keep(240*bkS, 470*bkS, 115*bkS)
		}},
		"logout and login in two holes": {false, func(s *bkSite, p *bkPhone) {
			gap(s, 121*bkS, 234*bkS)
			gap(s, 351*bkS, 469*bkS)
			p.ex(bkEx{at: 5 * bkS, full: true})
			p.ex(bkEx{at: 120 * bkS})
			p.ex(bkEx{at: 124 * bkS, unreg: true})
			p.number = "8001"
			p.ex(bkEx{at: 125 * bkS, full: true})
			p.keep(240*bkS, 350*bkS, 100*bkS)
			p.ex(bkEx{at: 355 * bkS, unreg: true})
			p.number = "7001"
			p.ex(bkEx{at: 360 * bkS, full: true})
			p.ex(bkEx{at: 475 * bkS})
		}},
		"login that was refused at first": {false, func(s *bkSite, p *bkPhone) {
			p.ex(bkEx{at: 5 * bkS, full: true})
			p.ex(bkEx{at: 120 * bkS})
			p.notify(130*bkS, "7099")
			p.reboot(2)
			p.number = "8001"
			p.ex(bkEx{at: 240 * bkS, full: true, code: 503})
			p.keep(255*bkS, 470*bkS, 115*bkS)
		}},
		"one number in two spellings": {false, func(s *bkSite, p *bkPhone) {
			p.ex(bkEx{at: 5 * bkS, full: true})
			p.notify(30*bkS, "+4989607001")
			p.keep(120*bkS, 470*bkS, 115*bkS)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := twoNumbers(c.before)
			r := s.report(t)
			ph := bkFind(t, r, p.dev)
			if certain := ph.Verdict == VerdictPartial && ph.VerdictConfidence == Certain; certain != c.certain {
				t.Errorf("%s (%s): %s", ph.Verdict, ph.VerdictConfidence, ph.Summary)
			}
			for _, st := range ph.Statements {
				if !c.certain && st.Confidence == Certain && strings.Contains(st.Text, "has more (") {
					t.Errorf("said for certain: %s", st.Text)
				}
			}
		})
	}
}

// An alert that names the phone proves more lines at that time, and not before or after somebody
// changed them.
func TestAlertOfAnotherUser(t *testing.T) {
	t.Parallel()
	for at, certain := range map[time.Duration]bool{640 * bkS: true, 100 * bkS: false} {
		s := bkNew()
		p := s.phone(1)
		p.ex(bkEx{at: 5 * bkS, full: true})
		p.ex(bkEx{at: 150 * bkS, unreg: true})
		p.reboot(2)
		p.ex(bkEx{at: 160 * bkS, full: true})
		p.keep(275*bkS, 510*bkS, 115*bkS)
		p.ex(bkEx{at: 625 * bkS, newreg: true})
		p.keep(740*bkS, 1100*bkS, 115*bkS)
		src, o := s.sources()
		o.Alerts = []evidence.Alert{{ID: "1", Time: bkZero.Add(at), Devices: []string{p.dev}}}
		r := analyze(t, src, o)
		ph := bkFind(t, r, p.dev)
		if ph.Verdict != VerdictPartial || (ph.VerdictConfidence == Certain) != certain {
			t.Errorf("alert at %v: %s (%s): %s", at, ph.Verdict, ph.VerdictConfidence, ph.Summary)
		}
	}
}

// Sites on which something untrue was said for certain once.
func TestSaidUntrue(t *testing.T) {
	t.Parallel()
	site := func(phones, lines int) mra.SiteConfig {
		return mra.SiteConfig{Expires: 12 * time.Second, Phones: phones, Lines: lines, Seed: 7, Sets: make([]mra.PhoneConfig, phones)}
	}
	step := func(after time.Duration, kind mra.EventKind, phone int, where string, long time.Duration) labscenario.Step {
		return labscenario.Step{After: after * time.Second, Event: mra.Event{Kind: kind, Phone: phone, User: "asmith", Where: where, For: long * time.Second}}
	}
	for name, c := range map[string]struct {
		sc    labscenario.Scenario
		phone int
		want  func(without, with Phone) bool
	}{
		"a clock that no REGISTER connects with the first C's": {labscenario.Scenario{Level: "DEBUG", Site: site(2, 1), Clocks: map[string]time.Duration{"expe02": -78 * time.Second},
			Steps: []labscenario.Step{step(10, mra.UserLogin, 1, "CUCM", 2), step(54, mra.DropTCP, 1, "E", 2), step(50, mra.DelayKeepAlive, 1, "C", 18)}}, 1,
			func(without, with Phone) bool {
				return without.Verdict != VerdictPartial && with.Verdict != VerdictPartial
			}},
		"clocks of two Cs, at INFO": {labscenario.Scenario{Level: "INFO", Site: site(2, 2), Clocks: map[string]time.Duration{"expc01": -58 * time.Second}, LeaveOut: []string{"expe02"},
			Steps: []labscenario.Step{step(12, mra.DropTCP, 1, "E", 29)}}, 1,
			func(_, with Phone) bool { return with.Verdict == VerdictPartial }},
		"dropped at the end": {labscenario.Scenario{Level: "INFO", Site: site(2, 1), Steps: []labscenario.Step{step(119, mra.DropTCP, 1, "CUCM", 11)}}, 1,
			func(_, with Phone) bool { return with.Verdict == VerdictUnknown }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.sc.Name, c.sc.Length = "untrue", 2*time.Minute
			p := play(t, withTraces(c.sc, true))
			s, o := sources(p, true)
			without := analyze(t, s, o)
			o.Traces = traces(t, p)
			with := analyze(t, s, o)
			device := p.Site.Devices()[c.phone]
			of := func(r *Report) Phone {
				for _, ph := range r.Phones {
					if ph.Device == device || ph.Device == "" && ph.MAC == p.Site.MACs()[c.phone] {
						return ph
					}
				}
				t.Fatalf("no phone %s", device)
				return Phone{}
			}
			if a, b := of(without), of(with); !c.want(a, b) {
				t.Errorf("%s (%s): %s\nwith CUCM's record %s (%s): %s", a.Verdict, a.VerdictConfidence, a.Summary, b.Verdict, b.VerdictConfidence, b.Summary)
			}
		})
	}
}
