package masking

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"rtmtgrab/bundle/mask"
	"rtmtgrab/bundle/mask/mapfile"
)

// Words are those of a message to people outside, to be masked where they stand.
type Words struct {
	Site   string    // whose map they are masked with; empty: one for what is of no site
	Hosts  []*string // names or addresses
	Things []*string // users, devices, numbers
	Names  []*string // of files, and such as have others' names in them
	Keys   []*string // of problems, as host/NAME/login: the first part stays
	Texts  []*string

	Known  []string // hosts, clusters, sites that may be named in all these, in whatever place
	People []string // users and accounts that may be
}

// nowhere is the scope of what is of no site. No site can be called so.
const nowhere = "(no site)"

// withheld stands for what cannot be masked.
const withheld = "(withheld: the map of names cannot be used, see grab status)"

// Words masks words. Identities are masked with the map of the site. Where that cannot be
// used nothing of them is left, which is no error; an error may pass.
func (m *Masker) Words(ctx context.Context, strength mask.Strength, w Words) error {
	if strength == mask.Credentials {
		return w.mask(mask.New(mask.NewTable(), strength))
	}
	scope := mapfile.Scope{Kind: mapfile.Site, Name: w.Site}
	if w.Site == "" {
		scope.Name = nowhere
	}
	chart, err := mapfile.Of(m.Store).Open(ctx, scope)
	if err == nil {
		err = errors.Join(w.maskWith(chart, strength), chart.Close())
	}
	if errors.As(err, new(*mapfile.LostError)) {
		w.withhold()
		return nil
	}
	return err
}

// maskWith masks them with a map, and keeps it.
func (w Words) maskWith(chart *mapfile.Map, strength mask.Strength) error {
	table, err := tableOf(chart)
	if err != nil {
		return err
	}
	if err := w.mask(mask.New(table, strength)); err != nil {
		return err
	}
	return keepTable(chart, table)
}

func (w Words) mask(m *mask.Masker) error {
	for _, s := range w.Hosts {
		m.LearnHost(*s)
	}
	for _, s := range w.Things {
		m.LearnUser(*s)
	}
	for _, s := range w.Known {
		m.LearnHost(s)
	}
	for _, s := range w.People {
		m.LearnUser(s)
	}
	for _, s := range w.Texts {
		if err := m.Learn("notice", mask.Text, strings.NewReader(*s)); err != nil {
			return err
		}
	}
	said, err := w.said(m)
	if err != nil {
		return err
	}
	for _, list := range [][]*string{w.Hosts, w.Things, w.Names} {
		for _, s := range list {
			if err := maskName(m, said, s); err != nil {
				return err
			}
		}
	}
	for _, s := range w.Keys {
		parts := strings.Split(*s, "/")
		for i := range parts[1:] {
			if err := maskName(m, said, &parts[i+1]); err != nil {
				return err
			}
		}
		*s = strings.Join(parts, "/")
	}
	for _, s := range w.Texts {
		text, err := maskText(m, *s)
		if err != nil {
			return err
		}
		*s = said.in(text, false)
	}
	return nil
}

// said are the names that may stand anywhere.
func (w Words) said(m *mask.Masker) (said, error) {
	all := slices.Concat(w.Known, w.People)
	for _, list := range [][]*string{w.Hosts, w.Things} {
		for _, s := range list {
			all = append(all, *s)
		}
	}
	return saidNames(m, all)
}

// maskName masks a name, and what is said in it.
func maskName(m *mask.Masker, said said, s *string) error {
	name, err := m.Name(*s)
	if err == nil {
		name, err = maskText(m, name) // credentials
	}
	*s = said.in(name, true)
	return err
}

func maskText(m *mask.Masker, s string) (string, error) {
	var b bytes.Buffer
	err := m.Mask("notice", mask.Text, &b, strings.NewReader(s))
	return b.String(), err
}

func (w Words) withhold() {
	for _, list := range [][]*string{w.Hosts, w.Things, w.Names, w.Keys, w.Texts} {
		for _, s := range list {
			if *s != "" {
				*s = withheld
			}
		}
	}
}

// Restored is a text with the names of one scope turned back.
type Restored struct {
	mapfile.Scope
	Text string `json:"text"`
}

// Restore turns the names in a text back, by every map that knows any of them. lost are the
// maps that cannot be used.
func (m *Masker) Restore(text string) (all []Restored, lost []error, err error) {
	all = []Restored{}
	f := mapfile.Of(m.Store)
	lost, err = f.All(func(s mapfile.Scope, b []byte) error {
		table, err := mask.Load(b)
		if err != nil {
			return err
		}
		if back := table.Restore(text); back != text {
			all = append(all, Restored{s, back})
		}
		return nil
	})
	for i := range lost {
		lost[i] = lostHint(lost[i])
	}
	return all, lost, err
}
