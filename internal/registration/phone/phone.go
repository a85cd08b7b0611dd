// Package phone tells which phones there are, and the history of each registration that
// they hold: its chain of REGISTERs, the success before each, how late each was, and how it
// stands at the end of the logs.
//
// It says what happened and not why. Times and spans are int64, nanoseconds, as in package
// wire; 0 or nil where they are not known. The rules are those of
// docs/partial-registration.md.
package phone

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

// A Phone is a device with all its timelines, and what the logs tell of it.
type Phone struct {
	Device  string      // name, as its Contact has it: SEP and its MAC, CSF… and the like; empty: not known
	MAC     string      // twelve hexadecimal digits; empty: not known
	Traits  logs.Traits // of its newest messages
	Numbers []string    // sorted, at most logs.MaxNumbers
	More    int         // numbers beyond those
	Txns    []*wire.Txn // of all its Call-IDs, by Sent
	Chains  []*Chain    // its registrations, by their beginning; none: it only keeps alive at a secondary CUCM
	Named   bool        // somebody asked for it
	Alerted bool        // an alert names it as partially registered

	timelines []*wire.Timeline
	guessed   bool // the MAC is a guess from the Call-ID
	shown     []shownNumber
	alerts    []int64 // when those were raised
}

// Known is what is known of phones beside the logs.
type Known struct {
	Alerts []evidence.Alert
	Named  []string      // devices, MACs or numbers that somebody asked for
	Grace  time.Duration // how long CUCM waits beyond Expires; zero: an eighth of Expires
	// Name is the device of a Call-ID, where the logs do not tell it: by CUCM's own trace. nil, or
	// an empty name: not known.
	Name func(call string) string
}

// name is the device of a timeline, in upper case; empty: not known.
func (k *Known) name(w *wire.Wire, l *wire.Timeline) string {
	device := w.Texts.Of(deviceOf(w, l))
	if device == "" && k.Name != nil {
		device = k.Name(w.Texts.Of(l.Call))
	}
	return strings.ToUpper(device)
}

// List tells the phones and the history of their registrations.
func List(w *wire.Wire, k Known) []*Phone {
	out := phonesOf(w, &k)
	for _, p := range out {
		p.describe(w, &k)
	}
	notes, one := linesShown(w), oneContact(w, out)
	for _, p := range out {
		p.showNumbers(w, notes, one)
		p.Named = slices.ContainsFunc(k.Named, p.IsNamed)
		p.alerts = p.alertTimes(k.Alerts)
		p.Alerted = len(p.alerts) > 0
		p.Chains = chainsOf(p, sideLines(p), k.Grace)
		for _, c := range p.Chains {
			c.measure()
			c.History = historyOf(w, c)
		}
	}
	return out
}

// phonesOf makes phones of timelines: by the device that Contacts name, else by the MAC
// that a Call-ID begins with together with the number, else each by itself.
func phonesOf(w *wire.Wire, k *Known) []*Phone {
	var out []*Phone
	byKey, byMAC := map[string]*Phone{}, map[string]*Phone{}
	add := func(key string, l *wire.Timeline) *Phone {
		p := byKey[key]
		if p == nil {
			p = &Phone{}
			byKey[key] = p
			out = append(out, p)
		}
		p.timelines = append(p.timelines, l)
		return p
	}
	lines := slices.Clone(w.Timelines)
	slices.SortFunc(lines, func(x, y *wire.Timeline) int {
		return cmp.Or(cmp.Compare(w.Texts.Of(x.Call), w.Texts.Of(y.Call)), cmp.Compare(w.Texts.Of(x.To), w.Texts.Of(y.To)))
	})
	var rest []*wire.Timeline
	for _, l := range lines {
		device := k.name(w, l)
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
			p.timelines = append(p.timelines, l)
		case mac != "":
			add("m "+mac+" "+w.Texts.Of(userOf(l)), l)
		default:
			add("c "+w.Texts.Of(l.Call), l)
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
func (p *Phone) describe(w *wire.Wire, known *Known) {
	for _, l := range p.timelines {
		p.Txns = append(p.Txns, l.Txns...)
	}
	slices.SortStableFunc(p.Txns, wire.ByTime)
	set := func(t *logs.Text, v logs.Text) {
		if v != 0 {
			*t = v
		}
	}
	for _, t := range p.Txns {
		for _, at := range t.Attempts {
			for _, m := range at.Messages {
				k := w.Texts.TraitsOf(m)
				set(&p.Traits.Device, k.Device)
				set(&p.Traits.Model, k.Model)
				set(&p.Traits.User, k.User)
				set(&p.Traits.MAC, k.MAC)
				set(&p.Traits.Software, k.Software)
				set(&p.Traits.Load, k.Load)
			}
		}
	}
	if p.Device = w.Texts.Of(p.Traits.Device); p.Device == "" {
		p.Device = known.name(w, p.timelines[0])
	}
	p.MAC = w.Texts.Of(p.Traits.MAC)
	if m, ok := strings.CutPrefix(strings.ToUpper(p.Device), "SEP"); ok && len(m) == 12 {
		p.MAC = m
	}
	if p.MAC == "" {
		p.MAC = macOf(w, p.timelines[0])
		p.guessed = p.MAC != ""
	}
}

// IsNamed reports whether a person means this phone: by device, MAC or number.
func (p *Phone) IsNamed(s string) bool {
	s = strings.TrimSpace(s)
	if s == "" {
		return false
	}
	plain := strings.NewReplacer(":", "", "-", "", ".", "").Replace(strings.ToUpper(s))
	return strings.EqualFold(s, p.Device) || p.MAC != "" && strings.TrimPrefix(plain, "SEP") == p.MAC || slices.Contains(p.Numbers, s)
}

// OneLine reports whether the device is of a kind that registers one line: Jabber on a
// computer, an iPhone, Android or a tablet.
func (p *Phone) OneLine() bool {
	for _, kind := range []string{"CSF", "TCT", "BOT", "TAB"} {
		if len(p.Device) >= 3 && strings.EqualFold(p.Device[:3], kind) {
			return true
		}
	}
	return false
}

// CallIDs are the phone's, each once, by their first REGISTER.
func (p *Phone) CallIDs(w *wire.Wire) []string {
	out := []string{}
	seen := map[logs.Text]bool{}
	for _, t := range p.Txns {
		if !seen[t.Timeline.Call] {
			seen[t.Timeline.Call] = true
			out = append(out, w.Texts.Of(t.Timeline.Call))
		}
	}
	return out
}
