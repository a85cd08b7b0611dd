// Package reset has phones of an incident reset, on a person's yes: after the logs were sealed, and
// the phone's problem report was received or asked for. Then it watches whether all their lines come back.
//
// It guarantees that nothing is reset without a yes, or that a person said why it is reset
// without its problem report; that each order is written down before it is given, in the store and in the custody of
// the bundle; that phones are reset one after another, with time between them; and that what
// became of each is in the incident's next revision. It never begins by itself.
//
// It does not know how CUCM is reached.
package reset

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/custody"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/material"
	"rtmtgrab/internal/prt"
)

// Between is the time between two resets.
const Between = 10 * time.Second

// MostPhones is how many phones one command resets.
const MostPhones = 50

// A Cluster is one that may reset phones.
type Cluster interface {
	Name() string
	Phones(ctx context.Context, q cucm.Query) (cucm.Phones, error)
	Reset(ctx context.Context, device string) error
}

// A Request is what a person asks for.
type Request struct {
	Incident   string
	Phones     []string // none: those that the report or CUCM says are partial
	WithoutPRT string   // why a phone is reset though its problem report was neither received nor asked for
	Again      bool     // also phones whose last reset is still watched
	By         string
}

// A Resetter has phones reset.
type Resetter struct {
	Store    *incident.Store
	Clusters func(site string) ([]Cluster, error)             // that may reset phones of a site; none: it is not configured
	Show     func(p Plan)                                     // who is affected
	Ask      func(question string) (yes bool, err error)      // nobody can be asked: an error
	Say      func(format string, args ...any)                 // how it goes on
	Now      func() time.Time                                 // nil: time.Now
	Sleep    func(ctx context.Context, d time.Duration) error // between two resets
}

// A Plan is who would be reset.
type Plan struct {
	Incident string  `json:"incident"`
	Site     string  `json:"site"`
	Phones   []Phone `json:"phones"`
}

// A Phone is one that would be reset.
type Phone struct {
	Device      string               `json:"device"`
	Cluster     string               `json:"cluster"`
	Description string               `json:"description,omitempty"`
	User        string               `json:"user,omitempty"`
	Status      string               `json:"status"` // by CUCM, now
	Lines       []evidence.ResetLine `json:"lines"`
	PRT         string               `json:"prt"`            // received, asked, none
	Since       time.Time            `json:"since,omitzero"` // of CUCM's record
}

// Done is what came of a request.
type Done struct {
	Incident string           `json:"incident"`
	Resets   []evidence.Reset `json:"resets"`
	Notes    []string         `json:"notes"`
}

// ErrNo is that the person said no.
var ErrNo = errors.New("nothing was reset: not confirmed")

// Do resets the phones of an incident.
func (d *Resetter) Do(ctx context.Context, q Request) (Done, error) {
	done := Done{Resets: []evidence.Reset{}, Notes: []string{}}
	in, m, err := d.sealed(q.Incident)
	if err != nil {
		return done, err
	}
	done.Incident = in.ID
	clusters, err := d.Clusters(in.Site)
	if err != nil {
		return done, err
	}
	if len(clusters) == 0 {
		return done, advice.WithHint(fmt.Errorf("resets are not configured for site %s", in.Site), "write `reset: {enabled: true, user: ..., password: {file: ...}}` into the cluster's entry of cucm:, with an account of its own (Standard AXL API Access): docs/cucm.md")
	}
	plan, by, err := d.plan(ctx, in, m, clusters, q)
	if err != nil {
		return done, err
	}
	d.Show(plan)
	yes, err := d.Ask(fmt.Sprintf("Reset %s now? Calls on them end.", count(len(plan.Phones))))
	if err != nil {
		return done, err
	}
	if !yes {
		return done, ErrNo
	}
	return d.order(ctx, in, plan, by, q, done)
}

func count(n int) string {
	if n == 1 {
		return "this phone"
	}
	return fmt.Sprintf("these %d phones", n)
}

// sealed is the incident with the manifest of its newest bundle.
func (d *Resetter) sealed(id string) (incident.Incident, evidence.Manifest, error) {
	in, err := d.Store.Load(id)
	if err != nil {
		return in, evidence.Manifest{}, err
	}
	if in.State != incident.Sealed {
		return in, evidence.Manifest{}, advice.WithHint(fmt.Errorf("incident %s is %s: a reset destroys what is not sealed yet", in.ID, in.State), "wait for its bundle: `grab show "+in.ID+"`")
	}
	m, err := bundle.ReadManifest(in.Bundle)
	if err != nil {
		return in, m, fmt.Errorf("the bundle of %s, without which nothing is reset: %w", in.ID, err)
	}
	return in, m, nil
}

// plan finds out who is meant and who is affected, and refuses what must not be.
func (d *Resetter) plan(ctx context.Context, in incident.Incident, m evidence.Manifest, clusters []Cluster, q Request) (Plan, map[string]Cluster, error) {
	p := Plan{Incident: in.ID, Site: in.Site}
	names, err := d.meant(in, m, q.Phones)
	if err != nil {
		return p, nil, err
	}
	prts, err := d.reports(in, m)
	if err != nil {
		return p, nil, err
	}
	by := map[string]Cluster{}
	for _, c := range clusters {
		answer, err := c.Phones(ctx, cucm.Query{Status: cucm.StatusAny, Names: names})
		if err != nil {
			return p, nil, fmt.Errorf("cluster %s does not say how the phones are, and nobody is reset unseen: %w", c.Name(), err)
		}
		for _, dev := range answer.Devices {
			if name := strings.ToUpper(dev.Name); slices.Contains(names, name) { // whatever else it tells of, nobody asked for
				p.enter(by, c, dev, prts.of(name))
			}
		}
	}
	slices.SortFunc(p.Phones, func(a, b Phone) int { return strings.Compare(a.Device, b.Device) })
	if len(q.Phones) == 0 { // nobody named them: those that are well are left alone
		p.Phones = slices.DeleteFunc(p.Phones, Phone.well)
	}
	for _, name := range q.Phones {
		if dev, _ := prt.Device(name); by[dev] == nil {
			return p, nil, advice.WithHint(fmt.Errorf("CUCM does not know %s", dev), "is it of another cluster, or was it unregistered too long ago? Reset it in CUCM")
		}
	}
	if len(p.Phones) == 0 {
		return p, nil, advice.WithHint(errors.New("no phone of this incident is partially registered any more"), "name those that are to be reset all the same")
	}
	if err := p.allowed(q.WithoutPRT); err != nil {
		return p, nil, err
	}
	return p, by, d.notWatched(p, q)
}

// enter adds a phone of a cluster. Of one that several clusters know, for it was moved, the
// cluster counts where it is registered, and else the one with the newest record.
func (p *Plan) enter(by map[string]Cluster, c Cluster, dev cucm.Device, prt string) {
	ph := Phone{Device: dev.Name, Cluster: c.Name(), Description: evidence.Printable(dev.Description, 60), User: evidence.Printable(dev.User, 60), Status: evidence.Printable(dev.Status, 30),
		Lines: linesOf(dev), PRT: prt, Since: dev.Since}
	i := slices.IndexFunc(p.Phones, func(o Phone) bool { return strings.EqualFold(o.Device, dev.Name) })
	switch {
	case i < 0:
		p.Phones = append(p.Phones, ph)
	case ph.here() && !p.Phones[i].here(), ph.here() == p.Phones[i].here() && ph.Since.After(p.Phones[i].Since):
		p.Phones[i] = ph
	default:
		return
	}
	by[strings.ToUpper(dev.Name)] = c
}

// here reports whether a phone is registered with its cluster, with some line at least.
func (p Phone) here() bool {
	return p.Status == cucm.StatusRegistered || p.Status == cucm.StatusPartial
}

// notWatched refuses phones that were reset a short while ago, unless a person says so: what
// CUCM did may not have come back to us.
func (d *Resetter) notWatched(p Plan, q Request) error {
	if q.Again {
		return nil
	}
	list, err := Records(d.Store)
	if err != nil {
		return fmt.Errorf("nobody is reset, for it is not known who was already: %w", err)
	}
	for _, ph := range p.Phones {
		if err := watched(list, ph.Device, d.now()); err != nil {
			return err
		}
	}
	return nil
}

// allowed is why a phone of the plan may not be reset yet.
func (p Plan) allowed(withoutPRT string) error {
	if strings.TrimSpace(withoutPRT) != "" {
		return nil
	}
	var lack []string
	for _, ph := range p.Phones {
		if ph.PRT == "none" {
			lack = append(lack, ph.Device)
		}
	}
	if len(lack) == 0 {
		return nil
	}
	return advice.WithHint(fmt.Errorf("no problem report (PRT) of %s was received or asked for: a reset destroys the phone's own logs", strings.Join(lack, ", ")),
		"in CUCM: Device > Phone > "+lack[0]+" > Generate PRT; then this again. Or say why without: --without-prt REASON")
}

// well reports whether all lines of a phone are registered.
func (p Phone) well() bool { return p.Status == cucm.StatusRegistered && allUp(p.Lines) }

func allUp(lines []evidence.ResetLine) bool {
	return !slices.ContainsFunc(lines, func(l evidence.ResetLine) bool { return l.Status != evidence.CUCMRegistered })
}

func linesOf(d cucm.Device) []evidence.ResetLine {
	lines := []evidence.ResetLine{}
	for _, l := range d.Lines {
		lines = append(lines, evidence.ResetLine{Number: evidence.Printable(l.Number, 60), Status: evidence.Printable(l.Status, 30)})
	}
	return lines
}

// order resets the phones, one after another. An error that is not that phone's alone ends it.
func (d *Resetter) order(ctx context.Context, in incident.Incident, plan Plan, by map[string]Cluster, q Request, done Done) (Done, error) {
	unlock, err := alone(d.Store)
	if err != nil {
		return done, err
	}
	defer unlock()
	for _, p := range plan.Phones {
		if err := d.pause(ctx); err != nil {
			return done, err
		}
		r := evidence.Reset{Device: p.Device, Cluster: p.Cluster, By: evidence.Printable(q.By, 100), At: d.now().UTC().Round(0), PRT: p.PRT, State: evidence.ResetOrdered, Lines: p.Lines}
		if p.PRT == "none" {
			r.Why = evidence.Printable(q.WithoutPRT, 300)
		}
		if err := d.notWatched(Plan{Phones: []Phone{p}}, q); err != nil { // somebody else was quicker
			return done, err
		}
		if err := d.write(in, r, p.Since); err != nil { // before it is done
			return done, fmt.Errorf("nothing more was reset, for it cannot be written down: %w", err)
		}
		done.Notes = append(done.Notes, d.custody(ctx, in, r)...)
		err := by[strings.ToUpper(p.Device)].Reset(ctx, p.Device)
		r.State = evidence.ResetTaken
		switch {
		case cucm.Unsure(err): // it stays ordered: whether it comes back is watched
			r.State, r.Error = evidence.ResetOrdered, evidence.Printable(err.Error(), 300)
		case err != nil:
			ended := d.now().UTC().Round(0)
			r.State, r.Error, r.Ended = evidence.ResetFailed, evidence.Printable(err.Error(), 300), &ended
		}
		d.Say("%s: %s", r.Device, words(r))
		done.Resets = append(done.Resets, r)
		if err2 := d.write(in, r, p.Since); err2 != nil {
			done.Notes = append(done.Notes, "what became of "+r.Device+" cannot be written down: "+err2.Error())
		}
		done.Notes = append(done.Notes, d.custody(context.WithoutCancel(ctx), in, r)...)
		if e, ok := errors.AsType[*cucm.Error](err); err != nil && (!ok || e.Kind != cucm.KindFault) {
			what := "was not"
			if r.Open() {
				what = "may have been"
			}
			return done, fmt.Errorf("%d of %d phones were reset, %s %s: %w", len(done.Resets)-1, len(plan.Phones), p.Device, what, err)
		}
	}
	if n := slices.IndexFunc(done.Resets, func(r evidence.Reset) bool { return r.State == evidence.ResetFailed }); n >= 0 {
		return done, fmt.Errorf("%s was not reset: %s", done.Resets[n].Device, done.Resets[n].Error)
	}
	return done, nil
}

// pause waits until Between has passed since the last reset, whoever had it made.
func (d *Resetter) pause(ctx context.Context) error {
	list, err := Records(d.Store)
	if err != nil {
		return fmt.Errorf("nothing more was reset, for it is not known what was: %w", err)
	}
	var wait time.Duration
	for _, rec := range list {
		for _, r := range rec.Resets {
			if age := d.now().Sub(r.At); age >= 0 {
				wait = max(wait, Between-age)
			}
		}
	}
	if wait <= 0 {
		return nil
	}
	return d.Sleep(ctx, wait)
}

func words(r evidence.Reset) string {
	switch r.State {
	case evidence.ResetOrdered:
		return strings.TrimSuffix("whether CUCM has taken the order is not known; it is watched: "+r.Error, ": ")
	case evidence.ResetTaken:
		return "CUCM has taken the order; it restarts"
	case evidence.ResetFailed:
		return "not reset: " + r.Error
	case evidence.ResetBack:
		return "back, with all its lines"
	case evidence.ResetNotBack:
		return "not back with all its lines"
	}
	return r.State
}

// write saves a reset among those that are watched, and for the next revision.
func (d *Resetter) write(in incident.Incident, r evidence.Reset, before time.Time) error {
	if err := save(d.Store, in, r, before); err != nil {
		return err
	}
	return material.Of(d.Store, in.Key).Add(d.now(), material.Change{Resets: []evidence.Reset{r}})
}

// custody writes a reset into the custody of the newest bundle, and returns what kept it from being written.
func (d *Resetter) custody(ctx context.Context, in incident.Incident, r evidence.Reset) (notes []string) {
	if err := record(ctx, in, r, d.now()); err != nil {
		return []string{"the reset of " + r.Device + " is not in the custody of the bundle: " + err.Error()}
	}
	return nil
}

func record(ctx context.Context, in incident.Incident, r evidence.Reset, now time.Time) error {
	ledger, ours := custody.LedgerFor(in.Bundle)
	if !ours {
		return nil // a bundle elsewhere has no custody of ours beside it
	}
	name, head, err := bundle.ChainOf(ctx, in.Bundle)
	if err != nil {
		return err
	}
	why := r.Why
	if why == "" {
		why = "problem report: " + r.PRT
	}
	if r.Error != "" {
		why += "; " + r.Error
	}
	return ledger.Append(name, head, custody.Entry{Time: now, Act: custody.Reset, Later: &custody.Later{By: r.By, Result: r.State, Why: why, File: filepath.Base(in.Bundle), To: []string{r.Device}}})
}

func (d *Resetter) now() time.Time {
	if d.Now != nil {
		return d.Now()
	}
	return time.Now()
}
