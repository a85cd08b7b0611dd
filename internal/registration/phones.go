package registration

import (
	"maps"
	"slices"
	"strings"

	"rtmtgrab/internal/expressway"
)

// A phone is a device with all its timelines.
type phone struct {
	lines   []*timeline
	device  string
	mac     string
	guessed bool // the MAC is a guess from the Call-ID
	traits  traits
	numbers []string
	txns    []*txn // of all timelines, in time order
	chains  []*chain
	named   bool
	more    bool   // it has more than one line
	known   string // how that is known
	out     Phone
	shared  *link // the connection whose closing dropped it
	keys    []*txn
}

// A chain is one registration of a phone: one Call-ID after the other. A phone with
// redundant paths has two at a time.
type chain struct {
	txns []*txn
	tale tale
}

// group makes phones of timelines: by the device that Contacts name, else by the MAC that
// a Call-ID begins with together with the number, else each by itself.
func (a *analysis) group() {
	byKey := map[string]*phone{}
	byMAC := map[string]*phone{}
	add := func(key string, l *timeline) *phone {
		p := byKey[key]
		if p == nil {
			p = &phone{}
			byKey[key] = p
			a.phones = append(a.phones, p)
		}
		p.lines = append(p.lines, l)
		return p
	}
	slices.SortFunc(a.lines, func(x, y *timeline) int {
		return first(compare(a.texts.of(x.call), a.texts.of(y.call)), compare(a.texts.of(x.to), a.texts.of(y.to)))
	})
	var rest []*timeline
	for _, l := range a.lines {
		l.mac, _ = expressway.MACOfCallID(a.texts.of(l.call))
		if l.device = a.deviceOf(l); l.device == 0 {
			rest = append(rest, l)
			continue
		}
		p := add("d "+strings.ToUpper(a.texts.of(l.device)), l)
		if m, ok := strings.CutPrefix(strings.ToUpper(a.texts.of(l.device)), "SEP"); ok {
			byMAC[m] = p
		}
	}
	for _, l := range rest {
		switch p := byMAC[l.mac]; {
		case l.mac != "" && p != nil:
			p.lines = append(p.lines, l)
		case l.mac != "":
			add("m "+l.mac+" "+a.texts.of(a.userOf(l)), l)
		default:
			add("c "+a.texts.of(l.call), l)
		}
	}
	for _, p := range a.phones {
		a.describe(p)
		p.chains = a.chainsOf(p)
	}
}

// deviceOf is the device that the newest Contact of a timeline names.
func (a *analysis) deviceOf(l *timeline) text {
	for i := len(l.attempts) - 1; i >= 0; i-- {
		for _, m := range l.attempts[i].msgs {
			if d := a.texts.traitsOf(m).device; d != 0 {
				return d
			}
		}
	}
	return 0
}

func (a *analysis) userOf(l *timeline) text {
	for _, m := range l.attempts[0].msgs {
		if m.user != 0 {
			return m.user
		}
	}
	return 0
}

// describe takes what the messages tell of the phone, of two different things the newer.
func (a *analysis) describe(p *phone) {
	numbers := map[string]bool{}
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
				k := a.texts.traitsOf(m)
				set(&p.traits.device, k.device)
				set(&p.traits.model, k.model)
				set(&p.traits.user, k.user)
				set(&p.traits.mac, k.mac)
				set(&p.traits.software, k.software)
				set(&p.traits.load, k.load)
				if n := a.texts.of(m.user); n != "" {
					numbers[n] = true
				}
			}
		}
		if t.bulk {
			p.more, p.known = true, "it has registered all its lines at once"
		}
	}
	p.numbers = slices.Sorted(maps.Keys(numbers))
	p.device = a.texts.of(p.traits.device)
	p.mac = a.texts.of(p.traits.mac)
	if m, ok := strings.CutPrefix(strings.ToUpper(p.device), "SEP"); ok && len(m) == 12 {
		p.mac = m
	}
	if p.mac == "" {
		p.mac, p.guessed = p.lines[0].mac, p.lines[0].mac != ""
	}
	if !p.more && a.alertNames(p) {
		p.more, p.known = true, "the alert names it as partially registered"
	}
	p.named = slices.ContainsFunc(a.PhonesNamed, p.isNamed)
}

func (a *analysis) alertNames(p *phone) bool {
	for _, al := range a.Alerts {
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

// name is how the phone is spoken of.
func (p *phone) name() string {
	who := ""
	if len(p.numbers) > 0 {
		who = " (" + strings.Join(p.numbers, ", ") + ")"
	}
	switch {
	case p.device != "":
		return p.device + who
	case p.mac != "":
		return "MAC " + p.mac + " (read from its Call-ID, which is a guess)" + who
	default:
		return "the phone of Call-ID " + p.out.CallIDs[0] + who
	}
}

// chainsOf puts timelines that follow one another together. A timeline is a chain of its
// own if the one before went on being answered after it had begun.
func (a *analysis) chainsOf(p *phone) []*chain {
	lines := slices.DeleteFunc(slices.Clone(p.lines), func(l *timeline) bool {
		return !slices.ContainsFunc(l.txns, func(t *txn) bool { return t.kind != KindSecondary })
	})
	slices.SortStableFunc(lines, func(x, y *timeline) int { return compare(x.begins(), y.begins()) })
	var out []*chain
	for _, l := range lines {
		var of *chain
		for _, c := range out {
			if c.ended(l) {
				of = c
			}
		}
		if of == nil {
			of = &chain{}
			out = append(out, of)
		}
		for _, t := range l.txns {
			if t.kind != KindSecondary {
				of.txns = append(of.txns, t)
			}
		}
		slices.SortStableFunc(of.txns, byTime)
	}
	for _, c := range out {
		c.measure()
	}
	return out
}

// begins is when the timeline first tried to register.
func (l *timeline) begins() int64 {
	for _, t := range l.txns {
		if t.kind != KindSecondary {
			return t.sent
		}
	}
	return 0
}

// ended reports whether a timeline takes the place of the chain: with the same node
// nothing of the chain succeeded after it had begun. Of two nodes only one has the phone;
// but without bodies one of two may be the secondary.
func (c *chain) ended(l *timeline) bool {
	from := int64(-1)
	for _, t := range l.txns {
		if t.good() {
			from = t.sent
			break
		}
	}
	if from < 0 {
		return true
	}
	return !slices.ContainsFunc(c.txns, func(t *txn) bool {
		return (t.line.to == l.to || t.kind == KindRegister) && t.good() && t.sent > from
	})
}
