package registration

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

// A phone is a device with all its timelines, and what the logs tell of it.
type phone struct {
	lines   []*timeline
	device  string
	mac     string
	guessed bool // the MAC is a guess from the Call-ID
	traits  traits
	numbers []string
	shown   []shownNumber
	txns    []*txn // of all timelines, in time order
	chains  []*chain
	named   bool // somebody asked for it
	alerted bool // an alert names it as partially registered
}

// known is what is known of phones beside the logs.
type known struct {
	Alerts []evidence.Alert
	Named  []string      // devices, MACs or numbers that somebody asked for
	Grace  time.Duration // how long CUCM waits beyond Expires; zero: an eighth of Expires
}

// phonesOf makes phones of timelines: by the device that Contacts name, else by the MAC
// that a Call-ID begins with together with the number, else each by itself.
func phonesOf(w *wire, k known) []*phone {
	var out []*phone
	byKey, byMAC := map[string]*phone{}, map[string]*phone{}
	add := func(key string, l *timeline) *phone {
		p := byKey[key]
		if p == nil {
			p = &phone{}
			byKey[key] = p
			out = append(out, p)
		}
		p.lines = append(p.lines, l)
		return p
	}
	lines := slices.Clone(w.lines)
	slices.SortFunc(lines, func(x, y *timeline) int {
		return cmp.Or(cmp.Compare(w.texts.of(x.call), w.texts.of(y.call)), cmp.Compare(w.texts.of(x.to), w.texts.of(y.to)))
	})
	var rest []*timeline
	for _, l := range lines {
		device := strings.ToUpper(w.texts.of(deviceOf(w, l)))
		if device == "" {
			rest = append(rest, l)
			continue
		}
		p := add("d "+device, l)
		if m, ok := strings.CutPrefix(device, "SEP"); ok {
			byMAC[m] = p
		}
	}
	for _, l := range rest {
		mac := macOf(w, l)
		switch p := byMAC[mac]; {
		case mac != "" && p != nil:
			p.lines = append(p.lines, l)
		case mac != "":
			add("m "+mac+" "+w.texts.of(userOf(l)), l)
		default:
			add("c "+w.texts.of(l.call), l)
		}
	}

	notes := linesShown(w)
	for _, p := range out {
		p.describe(w)
		p.showNumbers(w, notes)
		p.named = slices.ContainsFunc(k.Named, p.isNamed)
		p.alerted = p.isAlerted(k.Alerts)
		p.chains = chainsOf(p, sideLines(p), k.Grace)
		for _, c := range p.chains {
			c.measure()
			c.tale = tell(w, c)
		}
	}
	return out
}

// deviceOf is the device that the newest Contact of a timeline names.
func deviceOf(w *wire, l *timeline) text {
	for i := len(l.attempts) - 1; i >= 0; i-- {
		for _, m := range l.attempts[i].msgs {
			if d := w.texts.traitsOf(m).device; d != 0 {
				return d
			}
		}
	}
	return 0
}

// macOf is the MAC that the Call-ID of a timeline begins with, which is a guess; empty:
// it begins with none.
func macOf(w *wire, l *timeline) string {
	mac, _ := expressway.MACOfCallID(w.texts.of(l.call))
	return mac
}

func userOf(l *timeline) text {
	for _, m := range l.attempts[0].msgs {
		if m.user != 0 {
			return m.user
		}
	}
	return 0
}

// describe takes what the messages tell of the phone, of two different things the newer.
func (p *phone) describe(w *wire) {
	for _, l := range p.lines {
		p.txns = append(p.txns, l.txns...)
	}
	slices.SortStableFunc(p.txns, byTime)
	set := func(t *text, v text) {
		if v != 0 {
			*t = v
		}
	}
	for _, t := range p.txns {
		for _, at := range t.attempts {
			for _, m := range at.msgs {
				k := w.texts.traitsOf(m)
				set(&p.traits.device, k.device)
				set(&p.traits.model, k.model)
				set(&p.traits.user, k.user)
				set(&p.traits.mac, k.mac)
				set(&p.traits.software, k.software)
				set(&p.traits.load, k.load)
			}
		}
	}
	p.device = w.texts.of(p.traits.device)
	p.mac = w.texts.of(p.traits.mac)
	if m, ok := strings.CutPrefix(strings.ToUpper(p.device), "SEP"); ok && len(m) == 12 {
		p.mac = m
	}
	if p.mac == "" {
		p.mac = macOf(w, p.lines[0])
		p.guessed = p.mac != ""
	}
}

// isAlerted reports whether an alert names the phone as partially registered.
func (p *phone) isAlerted(alerts []evidence.Alert) bool {
	for _, al := range alerts {
		if slices.ContainsFunc(al.Devices, func(d string) bool { return p.device != "" && strings.EqualFold(d, p.device) }) {
			return true
		}
	}
	return false
}

// isNamed reports whether a person means this phone: by device, MAC or number.
func (p *phone) isNamed(s string) bool {
	s = strings.TrimSpace(s)
	if s == "" {
		return false
	}
	plain := strings.NewReplacer(":", "", "-", "", ".", "").Replace(strings.ToUpper(s))
	return strings.EqualFold(s, p.device) || p.mac != "" && strings.TrimPrefix(plain, "SEP") == p.mac || slices.Contains(p.numbers, s)
}

// oneLine reports whether the device is of a kind that registers one line: Jabber on a
// computer, an iPhone, Android or a tablet.
func (p *phone) oneLine() bool {
	for _, kind := range []string{"CSF", "TCT", "BOT", "TAB"} {
		if len(p.device) >= 3 && strings.EqualFold(p.device[:3], kind) {
			return true
		}
	}
	return false
}

func (p *phone) callIDs(w *wire) []string {
	out := []string{}
	seen := map[text]bool{}
	for _, t := range p.txns {
		if !seen[t.line.call] {
			seen[t.line.call] = true
			out = append(out, w.texts.of(t.line.call))
		}
	}
	return out
}
