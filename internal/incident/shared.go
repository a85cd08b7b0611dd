package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/fleet"
)

// Shared is what an incident has to do with other collectors that watch its site.
type Shared struct {
	Standing     bool         `json:"standing,omitempty"`    // its logs are copied, and who seals it is not decided, or somebody else
	StandingBy   string       `json:"standing_by,omitempty"` // which collector seals it; empty: not known yet
	Delivery     bool         `json:"delivery,omitempty"`    // of Standing: StandingBy has sealed it, with all of these logs, and is to deliver it
	Since        time.Time    `json:"since,omitzero"`        // of Standing
	Claimed      bool         `json:"claimed,omitempty"`     // its alerts are in it and in no other collector's, for good
	Epoch        uint64       `json:"epoch,omitempty"`       // of the owner that sealed it
	Unclaimed    bool         `json:"unclaimed,omitempty"`   // sealed while no hub could be asked: others may have its alerts too
	Elsewhere    []Elsewhere  `json:"elsewhere,omitempty"`   // alerts that were its own and are in incidents of others
	SupplementOf []fleet.Link `json:"supplement_of,omitempty"`
	Supplements  []fleet.Link `json:"supplements,omitempty"` // that others keep beside it

	InPlace   bool `json:"in_place,omitempty"`  // of SupplementOf: they have all of it, and who has them was gone before they were delivered
	Delivered bool `json:"delivered,omitempty"` // of Claimed: the others know that nothing of it is to be delivered any more
}

// Elsewhere is where an alert is that another collector's incident has.
type Elsewhere struct {
	Alert string `json:"alert"`
	fleet.Link
}

// IsZero says that nobody else has to do with it.
func (s Shared) IsZero() bool {
	return !s.Standing && !s.Claimed && !s.Unclaimed && s.Epoch == 0 && len(s.Elsewhere)+len(s.SupplementOf)+len(s.Supplements) == 0
}

func (s Shared) clone() Shared {
	s.Elsewhere, s.SupplementOf, s.Supplements = slices.Clone(s.Elsewhere), slices.Clone(s.SupplementOf), slices.Clone(s.Supplements)
	return s
}

// Stands says in words what an incident that stands by waits for; "" if it does not.
func (s Shared) Stands() string {
	switch {
	case !s.Standing:
		return ""
	case s.StandingBy == "":
		return "standing by: no collector has taken it yet"
	case s.Delivery:
		return fmt.Sprintf("standing by for the delivery: %s has sealed it, and has yet to deliver it", s.StandingBy)
	}
	return fmt.Sprintf("standing by: %s seals it", s.StandingBy)
}

// Words says for a list what an incident has to do with other collectors; "": nothing.
func (s Shared) Words() string {
	var words []string
	if w := s.Stands(); w != "" {
		words = append(words, w)
	}
	if s.Unclaimed {
		words = append(words, "unclaimed: no hub could be asked")
	}
	switch {
	case s.InPlace:
		words = append(words, "in place of "+linksInWords(s.SupplementOf)+", which was not delivered when nothing more was heard of its collector")
	case len(s.SupplementOf) > 0:
		words = append(words, "supplement of "+linksInWords(s.SupplementOf))
	}
	if len(s.Supplements) > 0 {
		words = append(words, "supplemented by "+linksInWords(s.Supplements))
	}
	return strings.Join(words, "; ")
}

func linksInWords(list []fleet.Link) string {
	var words []string
	for _, l := range list {
		words = append(words, LinkWords(l))
	}
	return strings.Join(words, ", ")
}

// LinkWords names an incident of a collector.
func LinkWords(l fleet.Link) string { return l.Incident + " of " + l.Collector }

// LinksOf are the incidents of some alerts, each once.
func LinksOf(list []Elsewhere) (links []fleet.Link) {
	for _, e := range list {
		if !slices.Contains(links, e.Link) {
			links = append(links, e.Link)
		}
	}
	return links
}

// DropWhy says why an incident is removed whose alerts others have.
func DropWhy(list []Elsewhere) string {
	return "its alerts are in " + linksInWords(LinksOf(list)) + ", with all the logs that it had"
}

// SetElsewhere writes into the records of alerts in which collectors' incidents they are. It is called
// with the lock of the site's table held, where there is one.
func SetElsewhere(s *Store, site string, list []Elsewhere) error {
	for _, e := range list {
		rec, err := s.Alert(e.Alert)
		if err != nil {
			return fmt.Errorf("write down where alert %.12s is: %w", e.Alert, err)
		}
		i := slices.IndexFunc(rec.Sites, func(d Decision) bool { return d.Site == site })
		if i < 0 || rec.Sites[i].At == e.Collector && rec.Sites[i].There == e.Link.Incident {
			continue
		}
		rec.Sites = slices.Clone(rec.Sites)
		rec.Sites[i].At, rec.Sites[i].There = e.Collector, e.Link.Incident
		if err := s.SaveAlert(rec); err != nil {
			return err
		}
	}
	return nil
}

// WithoutElsewhere takes alerts out of an incident that are in others' for good. Its ID follows the
// first that stays.
func (in *Incident) WithoutElsewhere(list []Elsewhere) {
	if len(list) == 0 {
		return
	}
	gone := map[string]bool{}
	for _, e := range list {
		gone[e.Alert] = true
		if !slices.Contains(in.Fleet.Elsewhere, e) {
			in.Fleet.Elsewhere = append(in.Fleet.Elsewhere, e)
		}
	}
	in.Members = slices.DeleteFunc(in.Members, func(m Member) bool { return gone[m.Alert] })
	if len(in.Members) > 0 {
		in.Rename(MakeID(in.Members[0].Time, in.Site, in.Members[0].Alert))
	}
}

// Supplement makes a supplement of an incident that is sealed: its alerts are others' from now on.
func (in *Incident) Supplement(list []Elsewhere) {
	in.At = in.Alerted()
	in.Fleet.Elsewhere, in.Fleet.SupplementOf, in.Fleet.Unclaimed = list, LinksOf(list), false
	in.Members = nil
}

// AlertIDs are the alerts that the incident is about, in their order: its members, or of a supplement those of
// whoever it supplements.
func (in Incident) AlertIDs() (ids []string) {
	for _, m := range in.Members {
		ids = append(ids, m.Alert)
	}
	for _, e := range in.Fleet.Elsewhere {
		if len(in.Members) == 0 && !slices.Contains(ids, e.Alert) {
			ids = append(ids, e.Alert)
		}
	}
	return ids
}

// Rename gives an incident that has no bundle yet another ID.
func (in *Incident) Rename(id string) {
	if id != in.ID {
		in.Aliases = append(slices.DeleteFunc(in.Aliases, func(a string) bool { return a == id }), in.ID)
		in.ID = id
	}
}
