package phone

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/wire"
)

// MoreLines says how it is known that the phone had more than one line when a keep-alive
// brought it back: two of its numbers were seen between the full REGISTERs around it, or
// CUCM's alert names it. A bulk body alone is no proof: phones with one line send it
// too. Empty: it is not known.
func (p *Phone) MoreLines(w *wire.Wire, c *Chain, t *wire.Txn) string {
	from, to := int64(0), int64(1<<62)
	for _, o := range c.Txns {
		if o.Kind != wire.KindFull && o.Kind != wire.KindUnregister || o.Code/100 != 2 {
			continue
		}
		switch {
		case o.Sent > t.Sent:
			to = min(to, o.Sent)
		case o.Kind == wire.KindFull:
			from = o.Attempts[0].Begin // its own number counts
		default:
			from = o.Ends(w)
		}
	}
	var numbers []string
	for _, s := range p.shown {
		if s.to >= from && s.from <= to && !slices.Contains(numbers, s.number) {
			numbers = append(numbers, s.number)
		}
	}
	switch {
	case len(numbers) > 1:
		return "the numbers " + Few(numbers, 0) + " were seen"
	case p.Alerted:
		return "the alert names it as partially registered"
	}
	return ""
}

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

// A shownNumber is a number of the phone and when it was seen first and last.
type shownNumber struct {
	number   string
	from, to int64
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
				out[k] = append(out[k], shownNumber{n.Number, at.From - shift, at.To - shift})
			}
		}
	}
	return out
}

// showNumbers lists the phone's numbers: those of its REGISTERs, and what other messages
// show.
func (p *Phone) showNumbers(w *wire.Wire, notes map[noteKey][]shownNumber) {
	keys := map[noteKey]bool{{device: strings.ToUpper(p.Device)}: p.Device != ""}
	if p.MAC != "" && !p.guessed {
		keys[noteKey{device: "SEP" + p.MAC}] = true
	}
	for _, t := range p.Txns {
		keys[noteKey{call: w.Texts.Of(t.Timeline.Call)}] = true
	}
	p.ofRegisters(w, keys)
	for k, on := range keys {
		if on {
			p.shown = append(p.shown, notes[k]...)
		}
	}
	slices.SortFunc(p.shown, func(x, y shownNumber) int {
		return cmp.Or(cmp.Compare(x.number, y.number), cmp.Compare(x.from, y.from), cmp.Compare(x.to, y.to))
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
// registered, and the Contacts by which CUCM calls it.
func (p *Phone) ofRegisters(w *wire.Wire, keys map[noteKey]bool) {
	last := map[string]int{} // of p.shown, since the phone registered in full or unregistered
	see := func(m *logs.Message) {
		if c := w.Texts.Of(w.Texts.TraitsOf(m).Contact); c != "" {
			keys[noteKey{contact: c}] = true
		}
		n := w.Texts.Of(m.User)
		if n == "" {
			return
		}
		i, ok := last[n]
		if !ok {
			i, p.shown = len(p.shown), append(p.shown, shownNumber{n, w.Steady(m), w.Steady(m)})
			last[n] = i
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
