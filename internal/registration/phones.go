package registration

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/wire"
)

// A phone is a device with all its timelines, and what the logs tell of it.
type phone struct {
	lines   []*wire.Timeline
	device  string
	mac     string
	guessed bool // the MAC is a guess from the Call-ID
	traits  logs.Traits
	numbers []string
	shown   []shownNumber
	txns    []*wire.Txn // of all timelines, in time order
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
func phonesOf(w *wire.Wire, k known) []*phone {
	var out []*phone
	byKey, byMAC := map[string]*phone{}, map[string]*phone{}
	add := func(key string, l *wire.Timeline) *phone {
		p := byKey[key]
		if p == nil {
			p = &phone{}
			byKey[key] = p
			out = append(out, p)
		}
		p.lines = append(p.lines, l)
		return p
	}
	lines := slices.Clone(w.Timelines)
	slices.SortFunc(lines, func(x, y *wire.Timeline) int {
		return cmp.Or(cmp.Compare(w.Texts.Of(x.Call), w.Texts.Of(y.Call)), cmp.Compare(w.Texts.Of(x.To), w.Texts.Of(y.To)))
	})
	var rest []*wire.Timeline
	for _, l := range lines {
		device := strings.ToUpper(w.Texts.Of(deviceOf(w, l)))
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
			add("m "+mac+" "+w.Texts.Of(userOf(l)), l)
		default:
			add("c "+w.Texts.Of(l.Call), l)
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
func deviceOf(w *wire.Wire, l *wire.Timeline) logs.Text {
	for i := len(l.Attempts) - 1; i >= 0; i-- {
		for _, m := range l.Attempts[i].Messages {
			if d := w.Texts.TraitsOf(m).Device; d != 0 {
				return d
			}
		}
	}
	return 0
}

// macOf is the MAC that the Call-ID of a timeline begins with, which is a guess; empty:
// it begins with none.
func macOf(w *wire.Wire, l *wire.Timeline) string {
	mac, _ := expressway.MACOfCallID(w.Texts.Of(l.Call))
	return mac
}

func userOf(l *wire.Timeline) logs.Text {
	for _, m := range l.Attempts[0].Messages {
		if m.User != 0 {
			return m.User
		}
	}
	return 0
}

// describe takes what the messages tell of the phone, of two different things the newer.
func (p *phone) describe(w *wire.Wire) {
	for _, l := range p.lines {
		p.txns = append(p.txns, l.Txns...)
	}
	slices.SortStableFunc(p.txns, wire.ByTime)
	set := func(t *logs.Text, v logs.Text) {
		if v != 0 {
			*t = v
		}
	}
	for _, t := range p.txns {
		for _, at := range t.Attempts {
			for _, m := range at.Messages {
				k := w.Texts.TraitsOf(m)
				set(&p.traits.Device, k.Device)
				set(&p.traits.Model, k.Model)
				set(&p.traits.User, k.User)
				set(&p.traits.MAC, k.MAC)
				set(&p.traits.Software, k.Software)
				set(&p.traits.Load, k.Load)
			}
		}
	}
	p.device = w.Texts.Of(p.traits.Device)
	p.mac = w.Texts.Of(p.traits.MAC)
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

func (p *phone) callIDs(w *wire.Wire) []string {
	out := []string{}
	seen := map[logs.Text]bool{}
	for _, t := range p.txns {
		if !seen[t.Timeline.Call] {
			seen[t.Timeline.Call] = true
			out = append(out, w.Texts.Of(t.Timeline.Call))
		}
	}
	return out
}
