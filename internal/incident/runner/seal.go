package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/manifest"
	"rtmtgrab/internal/incident/material"
)

// A SealJob is all that a sealer needs for one bundle.
type SealJob struct {
	Manifest evidence.Manifest
	Base     string                                           // the bundle's path without its ending
	Open     func(host, family string) (io.ReadCloser, error) // a slice, for each file of the manifest with a path
	Mail     func(alertID string) (io.ReadCloser, error)      // a mail, for each alert with a file

	// Extra are the files beside logs and mails: what came of CUCM and phones.
	Extra []ExtraFile

	Path    func(host, family string) string // where a slice lies, for other processes: a folder of slices, or a file
	Scratch string                           // folder for temporary files; empty: that of Base
	Plain   string                           // why nothing is to be made of the logs, and they are sealed as they are; empty: a report is
	// Analyzed hears why the bundle will have no report, empty if it will, before it is
	// written; an error ends the sealing. May be nil.
	Analyzed func(noReport string) error
	Incident incident.Incident // whose bundle it is
	// Hand hears to which destinations the bundle is to go, before Analyzed is called. May
	// be nil.
	Hand func(to []string)
	// Remember hears what later incidents should know of the phones, before the bundle is
	// written; an error ends the sealing. May be nil.
	Remember func(evidence.Memory) error
}

// An ExtraFile is a file of the bundle below cucm/ or prt/.
type ExtraFile struct {
	Name string // in the bundle
	Path string // where it lies
}

// A SealedBundle is what a sealer made.
type SealedBundle struct {
	Path     string
	NoReport string // why there is no report in it; empty: there is one

	Registration *evidence.Registration // what the report found
	Bytes        int64
	HandTo       []string // destinations whose conditions it meets

	material string // digest of what it has beside logs and mails
}

// ErrNoReport says that a retry which was to add the report could not.
var ErrNoReport = errors.New("the report cannot be made this time either")

// errTaken says that another bundle lies where that of the revision would.
var errTaken = errors.New("another bundle lies in its place")

// build is the manifest of a frozen incident.
func (u *run) build(in incident.Incident) (evidence.Manifest, error) {
	now := u.r.now().UTC().Round(0)
	last, err := manifest.Last(u.r.Store, in)
	if err != nil {
		return evidence.Manifest{}, err
	}
	if in.Late {
		return manifest.Late(last, in, now, u.r.Version)
	}
	m, err := manifest.Assemble(u.r.Store, in, u.states(), u.r.addresses())
	if err != nil {
		return m, err
	}
	m.Timing.Sealed, m.Grab = now, u.r.Version
	manifest.JudgeSilence(&m, last, u.r.Growth)
	return m, manifest.KeepsAll(last, m)
}

// seal makes the bundle of a frozen incident, or adopts the one that is there,
// writes down that it is sealed, and removes slices that nobody needs any more.
func (u *run) seal(ctx context.Context) error {
	m, err := u.r.Store.ManifestFile(u.key, u.inc.Revision).Read()
	if err != nil {
		return fmt.Errorf("seal incident %s: %w", u.inc.ID, err)
	}
	u.tell(Event{What: EventSealing, Incident: u.inc.ID, Coverage: m.Coverage})
	made, err := u.bundle(ctx, &m)
	if errors.Is(err, errTaken) { // the record is older than that bundle
		if err = u.freeze(ctx, u.inc.Asked); err == nil {
			return u.seal(ctx)
		}
	}
	if err == nil {
		err = u.commit(ctx, m)
	}
	if err != nil {
		return fmt.Errorf("seal incident %s: %w", u.inc.ID, err)
	}
	path := made.Path
	rev := incident.Revision{Revision: u.inc.Revision, Bundle: path, Coverage: m.Coverage, Sealed: m.Timing.Sealed, NoReport: made.NoReport, Brief: briefOf(m, made), HandTo: made.HandTo,
		Material: made.material, Late: u.inc.Late}
	found := u.unrecorded(ctx)
	err = u.room.retry(ctx, func() (err error) {
		u.inc, err = u.table.Update(u.key, func(in *incident.Incident) {
			in.State, in.Coverage, in.Bundle, in.Error, in.Late = incident.Sealed, m.Coverage, path, "", false
			u.sealedAs(in)
			in.Revisions = append(slices.DeleteFunc(in.Revisions, func(r incident.Revision) bool { return r.Revision == rev.Revision }), append(found, rev)...)
		})
		return err
	})
	if err != nil {
		return err
	}
	u.r.log().Info("incident sealed", "incident", u.inc.ID, "site", u.inc.Site, "revision", u.inc.Revision, "coverage", m.Coverage, "bundle", path)
	if made.NoReport != "" {
		u.r.log().Warn("the bundle has no report; grab retry adds it", "incident", u.inc.ID, "why", made.NoReport)
	}
	u.r.Store.Remove(sealingFile(u.r.Store, u.key).Path) // if it stays, it is of a revision that is done
	u.tell(Event{What: EventSealed, Incident: u.inc.ID, Bundle: path, Coverage: m.Coverage})
	u.r.working.tellSealed()
	u.closePullers() // first: Windows removes no open file
	if err := dropSlices(u.r.Store, u.inc); err != nil {
		u.r.log().Warn("cannot remove slices yet", "incident", u.inc.ID, "err", err) // the next start removes them
	}
	return nil
}

// briefOf is what the incident's record says of a bundle; nil: it was there already.
func briefOf(m evidence.Manifest, made SealedBundle) *incident.Brief {
	if made.Bytes == 0 {
		return nil
	}
	m.Registration = made.Registration
	b := incident.BriefOf(m, made.Bytes)
	return &b
}

// dropSlices removes the slices of a complete incident, and what its newest bundle has of CUCM
// and phones; those of any other are kept for a retry, and so are those of which no report was
// made. It takes the incident from the queue of late material if its newest bundle has all of it.
func dropSlices(st *incident.Store, in incident.Incident) error {
	if in.State != incident.Sealed || len(in.Revisions) == 0 {
		return nil
	}
	done := in.Coverage == evidence.Complete && in.NoReport() == ""
	last := in.Revisions[len(in.Revisions)-1]
	if err := material.Of(st, in.Key).Sealed(last.Revision, last.Material, done); err != nil {
		return fmt.Errorf("remove what %s has in its bundle: %w", in.ID, err)
	}
	if !done {
		return nil
	}
	if err := st.Remove(st.SlicesDir(in.Key)); err != nil {
		return fmt.Errorf("remove slices of %s: %w", in.ID, err)
	}
	return nil
}

// bundle adopts or makes the bundle.
func (u *run) bundle(ctx context.Context, m *evidence.Manifest) (_ SealedBundle, err error) {
	base, begun := incident.BundleBase(u.r.Store, u.inc), u.sealingOf()
	if path, is, err := u.adopt(ctx, *m); path != "" || err != nil {
		made := SealedBundle{Path: path, NoReport: begun.NoReport, HandTo: begun.HandTo, material: begun.Material}
		if err == nil && len(made.HandTo) == 0 && u.r.HandTo != nil {
			made.HandTo = u.r.HandTo(ctx, u.inc, is, path)
		}
		return made, err
	}
	u.r.Beside.await(ctx, SealJob{Incident: u.inc, Manifest: *m, Open: u.open})
	place := &place{all: u.r.sealing()}
	if err := place.take(ctx); err != nil {
		return SealedBundle{}, err
	}
	defer place.leave()
	if m.Before, err = incident.Before(u.r.Store, u.inc); err != nil {
		u.r.log().Warn("earlier bundles of the site are not remembered", "incident", u.inc.ID, "err", err)
	}
	job := SealJob{Incident: u.inc, Base: base, Open: u.open, Mail: u.r.Store.OpenMail, Scratch: u.r.Store.IncidentDir(u.key),
		Path: func(host, _ string) string { return u.r.Store.Slices(u.key, host) }}
	work := filepath.Join(job.Scratch, "material"+atomicfile.PartSuffix)
	defer os.RemoveAll(work) // what stays is garbage at the next start
	if begun.Material, err = (materials{u}).addTo(ctx, work, m, &job); err != nil {
		return SealedBundle{}, err
	}
	job.Manifest = *m
	made, err := u.makeBundle(ctx, begun, job, place)
	made.material = begun.Material
	return made, err
}

// adopt returns the path and the manifest of the bundle that was made of that manifest, if it is
// there and verifies: the crash came after the bundle was done. Another one is errTaken.
func (u *run) adopt(ctx context.Context, m evidence.Manifest) (path string, is evidence.Manifest, err error) {
	if u.r.VerifyBundle == nil {
		return "", is, nil
	}
	for _, path := range incident.BundlesAt(u.r.Store, u.inc) {
		if strings.HasSuffix(path, atomicfile.PartSuffix) {
			continue
		}
		is, err := u.r.VerifyBundle(ctx, path, u.inc.ID, u.inc.Revision)
		switch {
		case err != nil:
			u.r.log().Warn("existing bundle does not verify; writing it again", "incident", u.inc.ID, "bundle", path, "err", err)
		case !is.Timing.Sealed.IsZero() && !is.Timing.Sealed.Equal(m.Timing.Sealed):
			u.r.log().Warn("another bundle lies in its place, and stays there", "incident", u.inc.ID, "bundle", path, "sealed", is.Timing.Sealed)
			return "", is, fmt.Errorf("%w: %s", errTaken, path)
		default:
			u.r.log().Info("using the finished bundle of an earlier run", "incident", u.inc.ID, "bundle", path)
			return path, is, nil
		}
	}
	return "", evidence.Manifest{}, nil
}

// unrecorded are the revisions before this one that no record knew and whose bundles are there.
func (u *run) unrecorded(ctx context.Context) (list []incident.Revision) {
	for _, n := range u.inc.Unrecorded() {
		at := u.inc
		at.Revision = n
		for _, path := range incident.BundlesAt(u.r.Store, at) {
			if m, err := u.r.VerifyBundle(ctx, path, at.ID, n); err == nil && !slices.ContainsFunc(u.inc.Revisions, func(r incident.Revision) bool { return r.Bundle == path }) {
				list = append(list, incident.Revision{Revision: n, Bundle: path, Coverage: m.Coverage, Sealed: m.Timing.Sealed, Found: true})
			}
		}
	}
	return list
}

// sealingOf is what was written down of the incident's revision. What cannot be read
// counts as nothing: then a crash costs one start more.
func (u *run) sealingOf() sealing {
	s, _, err := sealingFile(u.r.Store, u.key).Load()
	if err != nil {
		u.r.log().Warn("how often this incident was being sealed cannot be read", "incident", u.inc.ID, "err", err)
	}
	if err != nil || s.Revision != u.inc.Revision {
		return sealing{Revision: u.inc.Revision}
	}
	return s
}

// makeBundle has the bundle made, and counts on disk how often that came to no end.
func (u *run) makeBundle(ctx context.Context, s sealing, job SealJob, place *place) (made SealedBundle, err error) {
	file := sealingFile(u.r.Store, u.key)
	job.Plain = s.plain()
	if job.Plain != "" {
		u.r.log().Error("incident is sealed without a report", "incident", u.inc.ID, "why", job.Plain)
	}
	job.Analyzed = func(noReport string) error {
		if noReport != "" && mustReport(u.r.Store, u.inc) {
			return fmt.Errorf("%w: %s", ErrNoReport, noReport)
		}
		s.NoReport = noReport
		return errors.Join(u.still(ctx), file.Save(s))
	}
	job.Hand = func(to []string) { s.HandTo = to }
	job.Remember = func(m evidence.Memory) error {
		m.Revision = u.inc.Revision
		return incident.MemoryFile(u.r.Store, u.key).Save(m)
	}
	s.Begun++
	if err := u.room.retry(ctx, func() error { return file.Save(s) }); err != nil {
		return made, err
	}
	err = u.room.retry(ctx, func() (err error) {
		if err = place.take(ctx); err != nil {
			return err
		}
		if made, err = u.r.Seal(ctx, job); atomicfile.Full(err) {
			place.leave() // what it waits for, others may not need
		}
		return err
	})
	if err != nil {
		s.Begun-- // it came to an end, though not a good one
		if err2 := file.Save(s); err2 != nil {
			u.r.log().Warn("that sealing came to an end cannot be written down", "incident", u.inc.ID, "err", err2)
		}
	}
	return made, err
}
