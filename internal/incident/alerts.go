package incident

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
)

// A ListedAlert is one line of `grab list --alerts`: a mail, or what came by another way,
// and what became of it.
type ListedAlert struct {
	ID      string    `json:"id"`
	Time    time.Time `json:"time"` // of the alert
	Seen    time.Time `json:"seen"` // when its mail was read
	Kind    string    `json:"kind"`
	Name    string    `json:"name"`
	Cluster string    `json:"cluster"`
	Node    string    `json:"node"`
	Mailbox string    `json:"mailbox"`
	Folder  string    `json:"folder"`
	Source  string    `json:"source,omitempty"` // evidence.Alert.Source; empty: a mail

	Way string `json:"-"` // how it came, in words

	What   What         `json:"what"`   // of the alert as a whole: expired, unrouted, quarantined, …; "" if its sites decide
	Why    string       `json:"why"`    // in words
	Routed string       `json:"routed"` // why it goes to these sites
	Sites  []ListedSite `json:"sites"`
}

// ListedSite is what a site did about an alert.
type ListedSite struct {
	Site     string `json:"site"`
	What     What   `json:"what"` // "undecided" until it is decided
	Why      string `json:"why"`
	Incident string `json:"incident"` // ID; "" if there is none, or it was removed
	Of       string `json:"of"`       // of a repeat: the alert that it repeats
}

// Undecided is how an alert is listed that was not decided yet.
const Undecided What = "undecided"

// ListAlerts lists every alert of the store, the newest first. It needs no lock. A
// record that cannot be read makes an error beside the list.
func (s *Store) ListAlerts() ([]ListedAlert, error) {
	entries, err := os.ReadDir(s.AlertsDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	ids, err := s.incidentIDs()
	errs := []error{err}
	list := []ListedAlert{}
	for _, f := range entries {
		id, ok := strings.CutSuffix(f.Name(), ".json")
		if !ok || !IsID(id) {
			continue
		}
		rec, err := s.Alert(id)
		switch {
		case err == nil:
			list = append(list, rec.listed(ids))
		case !errors.Is(err, fs.ErrNotExist):
			errs = append(errs, err)
		}
	}
	slices.SortFunc(list, func(a, b ListedAlert) int {
		return cmp.Or(b.Time.Compare(a.Time), b.Seen.Compare(a.Seen), strings.Compare(a.ID, b.ID))
	})
	return list, errors.Join(errs...)
}

// incidentIDs maps keys to IDs.
func (s *Store) incidentIDs() (map[string]string, error) {
	keys, err := s.Keys()
	ids := map[string]string{}
	for _, k := range keys {
		if in, err := s.Read(k); err == nil { // List reports what cannot be read
			ids[k] = in.ID
		}
	}
	return ids, err
}

func (rec AlertRecord) listed(ids map[string]string) ListedAlert {
	a := rec.Alert
	text := func(s string) string { return evidence.Printable(s, 100) }
	l := ListedAlert{ID: a.ID, Time: a.Time, Seen: rec.Seen, Kind: KindOf(a.Kind), Name: text(a.Name), Cluster: text(a.Cluster), Node: text(a.Node),
		Mailbox: text(a.Mailbox), Folder: text(a.Folder), Source: text(a.Source), Way: text(a.Way()), What: rec.What, Routed: rec.Routed, Sites: []ListedSite{}}
	switch rec.What {
	case "":
	case Expired:
		l.Why = "older than mail.max_age when it was read"
		if !rec.Released.IsZero() {
			l.Why = "older than mail.max_age when its sender could be verified"
		}
	case Drilled:
		l.Why = "a drill of site " + text(a.Drill)
	case Forwarded:
		l.Why = "of " + strings.Join(slices.Concat(rec.SentTo, rec.UnsentTo), ", ") + ", which other collectors of the fleet reach"
	case Unrouted:
		l.Why = cmp.Or(rec.Routed, "no site claims its cluster or node")
	default:
		l.Why = cmp.Or(rec.Reason(), string(rec.What))
	}
	for _, d := range rec.Sites {
		ls := ListedSite{Site: d.Site, What: cmp.Or(d.What, Undecided), Incident: ids[d.Incident], Of: d.Of}
		switch d.What {
		case InIncident:
			ls.Why = whyWords[d.Why]
		case Repeat:
			ls.Why = "has no news"
		case Limited:
			ls.Why = cmp.Or(d.Note, "alerts.limit was reached")
		default:
			ls.Why = d.Note
		}
		l.Sites = append(l.Sites, ls)
	}
	return l
}

var whyWords = map[Why]string{
	WhyNews:   "news",
	WhyAgain:  "an unchanged storm goes on",
	WhyJoined: "no news, but its window overlaps",
}

// HasMail reports whether the mail of an alert is still kept.
func (s *Store) HasMail(id string) bool { return s.MailSize(id) >= 0 }

// MailSize is the size of the mail of an alert, -1 if it is not kept.
func (s *Store) MailSize(id string) int64 {
	fi, err := os.Stat(s.MailPath(id))
	if err != nil {
		return -1
	}
	return fi.Size()
}

// Mail reads the mail of an alert as it came.
func (s *Store) Mail(id string) ([]byte, error) {
	if !IsID(id) {
		return nil, fmt.Errorf("mail of alert %q: not an alert's ID", evidence.Printable(id, 80))
	}
	return os.ReadFile(s.MailPath(id))
}

// Quarantine lists the alerts in quarantine, the newest first. It needs no lock. A
// record that cannot be read makes an error beside the list.
func (s *Store) Quarantine() ([]AlertRecord, error) {
	entries, err := os.ReadDir(s.AlertsDir())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w alerts: %w", ErrList, err)
	}
	list := []AlertRecord{}
	var errs []error
	for _, f := range entries {
		id, ok := strings.CutSuffix(f.Name(), ".json")
		if !ok || !IsID(id) {
			continue
		}
		rec, err := s.Alert(id)
		switch {
		case err == nil && rec.What == Quarantined:
			list = append(list, rec)
		case err != nil && !errors.Is(err, os.ErrNotExist):
			errs = append(errs, err)
		}
	}
	slices.SortFunc(list, func(a, b AlertRecord) int { return b.Seen.Compare(a.Seen) })
	return list, errors.Join(errs...)
}

// OpenMail opens a mail as it came.
func (s *Store) OpenMail(id string) (io.ReadCloser, error) {
	if !IsID(id) {
		return nil, fmt.Errorf("mail of alert %q: not an alert's ID", id)
	}
	return os.Open(s.MailPath(id))
}
