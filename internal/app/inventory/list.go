package inventory

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/config/scalar"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/wiring"
)

// maxOpened is how many bundles of earlier versions one list opens.
const maxOpened = 200

// NoReport is the verdict to ask for incidents without one.
const NoReport = "none"

// Verdicts are those that can be asked for: of a report, or of one of its phones.
var Verdicts = []string{"partial", "recovered", "healthy", "unknown", "came_back_by_keepalive", "refused", "unregistered", NoReport}

// Coverages are those that can be asked for.
var Coverages = []string{string(evidence.Complete), string(evidence.Partial), string(evidence.Lost)}

// A Query says which incidents are wanted; the zero value wants all.
type Query struct {
	Site     string
	Since    time.Time // of the alert, or of the asking
	Verdict  string    // one of Verdicts
	Coverage string    // one of Coverages
	Last     int       // at most so many, the newest; 0: all
}

// Read checks what the flags ask for, and reads --since: a time in zone, or an age.
func (q *Query) Read(since string, now time.Time, zone *time.Location) error {
	switch {
	case q.Last < 0:
		return fmt.Errorf("--last %d: want 1 or more", q.Last)
	case q.Verdict != "" && !slices.Contains(Verdicts, q.Verdict):
		return fmt.Errorf("--verdict %q: want one of %s", q.Verdict, strings.Join(Verdicts, ", "))
	case q.Coverage != "" && !slices.Contains(Coverages, q.Coverage):
		return fmt.Errorf("--coverage %q: want one of %s", q.Coverage, strings.Join(Coverages, ", "))
	case since == "":
		return nil
	}
	if age, err := scalar.Duration(since); err == nil && age > 0 {
		q.Since = now.Add(-age)
		return nil
	}
	at, err := oneshot.ParseTime(since, now, zone)
	if err != nil && !errors.Is(err, oneshot.ErrForm) {
		return fmt.Errorf("--since %q: %w", since, err)
	}
	if err != nil {
		return fmt.Errorf("--since %q: want 2006-01-02T15:04:05Z, 2006-01-02T15:04:05, 15:04[:05] or an age such as 24h or 7d", since)
	}
	q.Since = at
	return nil
}

// List is the incidents that are wanted, those of which only a line is left too, the newest
// first. What cannot be read makes an error beside the list.
func List(store *incident.Store, q Query) ([]incident.Listed, error) {
	all, err := store.List()
	if all == nil {
		return nil, err
	}
	there := map[string]bool{}
	for _, l := range all {
		there[l.Incident] = true
	}
	gone, more, errGone := incident.ListRemoved(store, func(l incident.Listed) bool { return !there[l.Incident] && q.wants(l) && q.judges(l) }, q.Last)
	if more && q.Last == 0 {
		errGone = errors.Join(errGone, fmt.Errorf("of the removed incidents only the newest %d are listed: %s has them all", len(gone), incident.RemovedFile(store)))
	}

	list, opened := []incident.Listed{}, 0
	for l := range merged(all, gone) {
		if q.Last > 0 && len(list) == q.Last {
			break
		}
		if !q.wants(l) {
			continue
		}
		if !l.Known && l.Bundle != "" && opened < maxOpened {
			opened++
			tell(&l)
		}
		if q.judges(l) {
			l.Left = incident.IsLeft(store, l.Key, l.State)
			list = append(list, l)
		}
	}
	return list, errors.Join(err, errGone)
}

// merged are two lists as one, all the newest first.
func merged(a, b []incident.Listed) iter.Seq[incident.Listed] {
	return func(yield func(incident.Listed) bool) {
		for len(a)+len(b) > 0 {
			from := &a
			if len(a) == 0 || len(b) > 0 && b[0].Incident > a[0].Incident {
				from = &b
			}
			if !yield((*from)[0]) {
				return
			}
			*from = (*from)[1:]
		}
	}
}

// wants reports whether an incident is asked for, as far as it is known without its verdict.
func (q Query) wants(l incident.Listed) bool {
	return (q.Site == "" || l.Site == q.Site) && (q.Coverage == "" || string(l.Coverage) == q.Coverage) && !l.Time.Before(q.Since)
}

// judges reports whether its verdict is asked for.
func (q Query) judges(l incident.Listed) bool { return q.Verdict == "" || is(l, q.Verdict) }

// tell enters what the bundle says; of one that is gone nothing more is known.
func tell(l *incident.Listed) {
	st, err := os.Stat(l.Bundle)
	if err != nil {
		return
	}
	if m, err := bundle.ReadManifest(l.Bundle); err == nil && m.Incident == l.Incident {
		l.Brief = incident.BriefOf(m, st.Size())
	}
}

func is(l incident.Listed, verdict string) bool {
	if verdict == NoReport {
		return l.Verdict == "" && (l.State == incident.Sealed || l.State == incident.Removed && l.Known)
	}
	return l.Verdict == verdict || slices.ContainsFunc(l.Phones, func(p incident.NamedFate) bool { return p.Verdict == verdict })
}

// Write prints a list as a table for people, each time in its site's zone.
func Write(w io.Writer, list []incident.Listed, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	header := "INCIDENT\tSITE\tSTATE\tCOVERAGE\tTIME\tAGE\tTRIGGER\tVERDICT\tSIZE"
	noted := slices.ContainsFunc(list, func(l incident.Listed) bool { return note(l) != "" })
	if noted {
		header += "\tNOTE"
	}
	fmt.Fprintln(t, header)
	for _, l := range list {
		size := "-"
		if l.Bytes > 0 && l.State != incident.Removed {
			size = human.ShortSize(l.Bytes)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Incident, l.Site, l.State, covered(l, now),
			human.Clock{Zone: wiring.ZoneNamed(l.TimeZone)}.Short(l.Time.Truncate(time.Second)), human.Ago(now.Sub(l.Time)), trigger(l), verdict(l), end(size, note(l), noted))
	}
	return t.Flush()
}

// end is the end of a line; a table in which nothing has a note has no column for it.
func end(size, note string, noted bool) string {
	if !noted {
		return size
	}
	return size + "\t" + human.Dash(note)
}

// note is what is to be known of an incident's being kept, or left.
func note(l incident.Listed) string {
	switch {
	case l.State == incident.Removed:
		clock := human.Clock{Zone: wiring.ZoneNamed(l.TimeZone)}
		return "removed " + clock.Short(l.RemovedAt.Truncate(time.Second)) + ": " + evidence.Printable(l.RemovedWhy, 100)
	}
	var words []string
	if l.Left {
		words = append(words, "nobody works at it: grab watch goes on with it, or `grab retry "+l.Incident+"`")
	}
	if l.Pinned {
		words = append(words, strings.TrimSuffix("pinned: "+evidence.Printable(l.PinReason, 100), ": "))
	}
	shared := incident.Shared{Unclaimed: l.Unclaimed, SupplementOf: l.SupplementOf, Supplements: l.Supplements, InPlace: l.InPlace}
	if l.StandingBy != nil {
		shared.Standing, shared.StandingBy, shared.Delivery = true, *l.StandingBy, l.StandingFor == incident.StandingForDelivery
	}
	if w := shared.Words(); w != "" {
		words = append(words, evidence.Printable(w, 200))
	}
	return strings.Join(words, "; ")
}

// trigger is what an incident came from.
func trigger(l incident.Listed) string {
	switch {
	case l.Kind == incident.KindAlert:
		s := "alert"
		if l.Node != "" {
			s += " of " + evidence.Printable(l.Node, 60)
		}
		if l.Source != "" {
			s += " by " + evidence.Printable(l.Source, 40)
		}
		return s
	case l.Kind == incident.KindNow && l.By != "":
		return "by hand (" + evidence.Printable(l.By, 40) + ")"
	case l.Kind == incident.KindNow:
		return "by hand"
	}
	return evidence.Printable(string(l.Kind), 40)
}

// covered is the coverage; of an open incident so far, and until when the rest is to come. After
// that the hosts that did not answer are tried still.
func covered(l incident.Listed, now time.Time) string {
	switch {
	case l.State == incident.Sealed || l.State == incident.Sealing || l.State == incident.Removed:
		return human.Dash(string(l.Coverage))
	case l.State == incident.Failed, now.After(l.Until) && l.Coverage != "":
		return human.Dash(string(l.Coverage)) + " so far"
	}
	return "to come, until " + l.Until.In(wiring.ZoneNamed(l.TimeZone)).Format(time.TimeOnly)
}

// maxShown is how many phones a line of the list names.
const maxShown = 2

// verdict is the report's, with the phones that it is about.
func verdict(l incident.Listed) string {
	if l.Verdict == "" {
		return "-"
	}
	s := evidence.Printable(l.Verdict, 50)
	var names []string
	for _, p := range l.Phones[:min(len(l.Phones), maxShown)] {
		names = append(names, p.Device)
	}
	if len(names) == 0 {
		return s
	}
	s += ": " + strings.Join(names, ", ")
	if n := len(l.Phones) + l.More - len(names); n > 0 {
		s += fmt.Sprintf(" and %d more", n)
	}
	return s
}
