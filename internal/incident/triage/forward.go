package triage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// A Fleet is what a journal asks about other collectors. It is asked with locks held: it
// answers at once.
type Fleet interface {
	// Route names the sites to whose other collectors an alert is to be sent. own are its
	// sites here, meant is by what. instead: others claim the alert,
	// and own sites, which only take the rest, do not get it.
	Route(a evidence.Alert, own []string, meant incident.Meant) (to []string, instead bool)

	// Letter is the file by which an alert gets to a site, and what is in it; ErrNoRoom: not
	// for now. cut says that raw is not all that came.
	Letter(rec incident.AlertRecord, site string, raw []byte, cut bool) (name string, contents []byte, err error)

	// Posted is told that letters are safe on disk, or that some never will be.
	Posted()
}

// ErrNoRoom says that too many letters wait already.
var ErrNoRoom = errors.New("too many alerts wait for the hub of the fleet")

// forwardFor is for how long an alert is looked at again that could not be sent to others.
const forwardFor = 24 * time.Hour

// maxLetters bounds to how many sites one alert is sent.
const maxLetters = 64

// JoinFleet lets alerts go to other collectors too; nil: to none.
func JoinFleet(j *Journal, f Fleet) {
	j.intake.mu.Lock()
	defer j.intake.mu.Unlock()
	j.intake.fleet = f
}

// forwarded is the record of an alert with the sites to whose other collectors it goes,
// and adds to files what sends it there. raw may be asked for several times.
func (in *intake) forwarded(files *incident.Batch, rec incident.AlertRecord, raw func() []byte, conf config) (incident.AlertRecord, error) {
	if in.fleet == nil || rec.Alert.Relay != nil || rec.Alert.Drill != "" || rec.What != "" && rec.What != incident.Unrouted && rec.What != incident.Forwarded {
		return rec, nil
	}
	to, instead := in.fleet.Route(rec.Alert, decidedSites(rec), incident.MeantBy(conf.sites, conf.policy.Rules, rec.Alert))
	if instead {
		rec.Sites = slices.DeleteFunc(slices.Clone(rec.Sites), func(d incident.Decision) bool { return d.What == "" || d.What == incident.Paused })
	}
	to = slices.DeleteFunc(slices.Clone(to), func(site string) bool {
		return slices.Contains(rec.SentTo, site) || isPausedAt(rec, site) || hasCome(rec, site)
	})
	if over := len(to) + len(rec.SentTo) - maxLetters; over > 0 && len(to) > 0 {
		in.log.Error("alert is of too many sites of the fleet: it is not sent to all", "alert", rec.Alert.ID[:12], "sites", len(to), "most", maxLetters)
		to = to[:max(0, len(to)-over)]
	}
	rec.SentTo, rec.UnsentTo = slices.Clone(rec.SentTo), nil
	for _, site := range to {
		name, letter, err := in.fleet.Letter(rec, site, raw(), rec.Alert.Truncated)
		if errors.Is(err, ErrNoRoom) {
			rec.UnsentTo = append(rec.UnsentTo, site)
			continue
		}
		if err == nil {
			err = files.WriteFirst(name, letter)
		}
		if err != nil {
			return rec, fmt.Errorf("write the letter to site %s: %w", site, err)
		}
		rec.SentTo = append(rec.SentTo, site)
	}
	switch somewhere := len(rec.SentTo)+len(rec.UnsentTo) > 0; {
	case len(rec.Sites) > 0:
	case !somewhere && rec.What == incident.Forwarded: // who reached it is gone before it could be sent
		rec.What, rec.Routed = incident.Unrouted, "no collector of the fleet reaches its site any more"
	case somewhere:
		rec.What, rec.Routed = incident.Forwarded, "other collectors of the fleet reach "+strings.Join(slices.Concat(rec.SentTo, rec.UnsentTo), ", ")
	}
	return rec, nil
}

// decidedSites are the names of the sites of a record.
func decidedSites(rec incident.AlertRecord) (names []string) {
	for _, d := range rec.Sites {
		names = append(names, d.Site)
	}
	return names
}

// isPausedAt reports whether nothing is grabbed at the site: whoever paused it does not want
// another collector to.
func isPausedAt(rec incident.AlertRecord, site string) bool {
	return slices.ContainsFunc(rec.Sites, func(d incident.Decision) bool {
		return d.Site == site && (d.What == incident.Paused || d.What == incident.Expired)
	})
}

// hasCome reports whether the fleet has the alert of that site: it came from there.
func hasCome(rec incident.AlertRecord, site string) bool {
	return slices.ContainsFunc(rec.Copies, func(p incident.Place) bool { return p.Relay != nil && p.Relay.Site == site })
}

// saveForwarded replaces the record of an alert, with what sends it to others, which is safe first.
func (in *intake) saveForwarded(rec incident.AlertRecord, conf config) (incident.AlertRecord, error) {
	files := incident.Batch{St: in.files.St}
	defer files.Drop()
	before := len(rec.SentTo)
	raw := func() []byte { b, _ := in.files.St.Mail(rec.Alert.ID); return b } // it goes without
	rec, err := in.forwarded(&files, rec, raw, conf)
	if err == nil {
		err = files.WriteRecord(rec)
	}
	if err == nil {
		err = files.Commit()
	}
	if in.fleet != nil && len(rec.SentTo) > before {
		in.fleet.Posted()
	}
	return rec, err
}

// Forward looks again at the alerts of the last day that no site claimed, or for which there
// was no room to send them, by what is known of other collectors now. What is older than
// Policy.MaxAge stays as it is.
func Forward(ctx context.Context, j *Journal) (sent int, err error) {
	var errs []error
	for _, id := range unsent(j) {
		if ctx.Err() != nil {
			return sent, ctx.Err()
		}
		n, err := forwardAgain(j, id)
		sent += n
		if err != nil {
			errs = append(errs, fmt.Errorf("look again at alert %.12s: %w", id, err))
		}
	}
	return sent, errors.Join(errs...)
}

// unsent are the alerts that Forward looks at, the oldest first.
func unsent(j *Journal) (ids []string) {
	j.table.Lock()
	defer j.table.Unlock()
	horizon := j.now().Add(-forwardFor)
	for id := range j.index.unsent {
		if seen, known := j.index.seen[id]; known && seen.After(horizon) {
			ids = append(ids, id)
		} else {
			delete(j.index.unsent, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int { return j.index.seen[a].Compare(j.index.seen[b]) })
	return ids
}

func forwardAgain(j *Journal, id string) (sent int, err error) {
	j.intake.mu.Lock()
	defer j.intake.mu.Unlock()
	conf := j.config()
	if _, fresh := j.intake.newest[id]; fresh || j.intake.fleet == nil {
		return 0, nil
	}
	j.table.Lock() // nothing is decided about it meanwhile
	defer j.table.Unlock()
	rec, err := j.st.Alert(id)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (!awaitsOthers(rec) || tooOld(rec.Alert.Time, j.now(), conf.policy)) {
		delete(j.index.unsent, id)
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	to, _ := j.intake.fleet.Route(rec.Alert, decidedSites(rec), incident.MeantBy(conf.sites, conf.policy.Rules, rec.Alert))
	if len(rec.UnsentTo) == 0 && !slices.ContainsFunc(to, func(site string) bool { return !slices.Contains(rec.SentTo, site) }) {
		return 0, nil
	}
	was := len(rec.SentTo)
	rec, err = j.intake.saveForwarded(rec, conf)
	if err != nil {
		return 0, err
	}
	j.enter(rec)
	if sent = len(rec.SentTo) - was; sent > 0 {
		j.log.Info("alert is of a site that other collectors reach, as is known now: it is sent to them", "alert", id[:12], "sites", rec.SentTo)
	}
	return sent, nil
}

// awaitsOthers reports whether an alert may yet turn out to be others'.
func awaitsOthers(rec incident.AlertRecord) bool {
	return rec.Alert.Relay == nil && (rec.What == incident.Unrouted || len(rec.UnsentTo) > 0)
}

// Unsent is for how many alerts of the last day there was no room to send them.
func Unsent(j *Journal) int {
	j.table.Lock()
	defer j.table.Unlock()
	n := 0
	for id, noRoom := range j.index.unsent {
		if noRoom && j.index.seen[id].After(j.now().Add(-forwardFor)) {
			n++
		}
	}
	return n
}
