package phone

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/wire"
)

// fewNumbers is how many numbers a sentence has.
const fewNumbers = 50

// Few are numbers as a sentence has them; more are not in the list.
func Few(numbers []string, more int) string {
	if n := len(numbers) - fewNumbers; n > 0 {
		numbers, more = numbers[:fewNumbers], more+n
	}
	s := strings.Join(numbers, ", ")
	if more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// A shownNumber is a number of the phone and when a host showed it first and last, by the
// reference clock. In between it may have been another's.
type shownNumber struct {
	number   string
	host     logs.Text
	from, to int64
	noted    bool // by another message than a REGISTER: where the host's clock was set its times are doubtful
}

// noteKey is how a lineNote names a phone: one of the three is set.
type noteKey struct{ call, device, contact string }

// linesShown are the notes of all sources on phones' lines, by what names the phone.
func linesShown(w *wire.Wire) map[noteKey][]shownNumber {
	out := map[noteKey][]shownNumber{}
	for _, s := range w.Scans {
		for n, seen := range s.Lines {
			k := noteKey{call: n.Call}
			switch {
			case n.Device != "":
				k = noteKey{device: strings.ToUpper(n.Device)}
			case n.Contact != "":
				k = noteKey{contact: n.Contact}
			}
			for _, at := range seen {
				shift := w.Ahead[n.Host]
				out[k] = append(out[k], shownNumber{n.Number, n.Host, at.From - shift, at.To - shift, true})
			}
		}
	}
	return out
}

// oneContact tells of the Contacts of all phones, by their user parts, whether they are one phone's
// alone: the phones of one user may all have the user's name there.
func oneContact(w *wire.Wire, all []*Phone) map[string]bool {
	of := map[string]*Phone{}
	one := map[string]bool{}
	for _, p := range all {
		for c := range p.contacts(w) {
			if of[c] == nil {
				of[c] = p
			}
			one[c] = of[c] == p
		}
	}
	return one
}

// contacts are the user parts of the phone's Contacts, by which CUCM calls it, as often as they
// stand in its REGISTERs.
func (p *Phone) contacts(w *wire.Wire) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, t := range p.Txns {
			for _, at := range t.Attempts {
				for _, m := range at.Messages {
					if c := w.Texts.Of(w.Texts.TraitsOf(m).Contact); c != "" && !yield(c) {
						return
					}
				}
			}
		}
	}
}

// showNumbers lists the phone's numbers: those of its REGISTERs, and what other messages
// show; one says which Contacts are one phone's alone.
func (p *Phone) showNumbers(w *wire.Wire, notes map[noteKey][]shownNumber, one map[string]bool) {
	keys := map[noteKey]bool{{device: strings.ToUpper(p.Device)}: p.Device != ""}
	if p.MAC != "" && !p.guessed {
		keys[noteKey{device: "SEP" + p.MAC}] = true
	}
	for _, t := range p.Txns {
		keys[noteKey{call: w.Texts.Of(t.Timeline.Call)}] = true
	}
	for c := range p.contacts(w) {
		keys[noteKey{contact: c}] = one[c]
	}
	p.ofRegisters(w)
	for k, on := range keys {
		if on {
			p.shown = append(p.shown, notes[k]...)
		}
	}
	slices.SortFunc(p.shown, func(x, y shownNumber) int {
		return cmp.Or(cmp.Compare(x.number, y.number), cmp.Compare(x.from, y.from), cmp.Compare(x.to, y.to), cmp.Compare(x.host, y.host))
	})
	numbers := map[string]bool{}
	for _, s := range p.shown {
		numbers[s.number] = true
	}
	p.Numbers = slices.Sorted(maps.Keys(numbers))
	if p.More = max(0, len(p.Numbers)-logs.MaxNumbers); p.More > 0 {
		p.Numbers = slices.Clone(p.Numbers[:logs.MaxNumbers])
	}
}

// ofRegisters takes the numbers of the phone's REGISTERs, each for as long as it stayed
// registered.
func (p *Phone) ofRegisters(w *wire.Wire) {
	type shown struct {
		number string
		host   logs.Text
	}
	last := map[shown]int{} // of p.shown, since the phone registered in full or unregistered
	see := func(m *logs.Message) {
		n := w.Texts.Of(m.User)
		if n == "" {
			return
		}
		k := shown{n, m.Host}
		i, ok := last[k]
		if !ok {
			i, p.shown = len(p.shown), append(p.shown, shownNumber{number: n, host: m.Host, from: w.Steady(m), to: w.Steady(m)})
			last[k] = i
		}
		p.shown[i].from, p.shown[i].to = min(p.shown[i].from, w.Steady(m)), max(p.shown[i].to, w.Steady(m))
	}
	for _, t := range p.Txns {
		if t.Kind == wire.KindFull || t.Kind == wire.KindUnregister {
			clear(last)
		}
		for _, at := range t.Attempts {
			for _, m := range at.Messages {
				see(m)
			}
		}
	}
}
