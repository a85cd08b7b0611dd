package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/manifest"
	"rtmtgrab/internal/incident/material"
)

// materials adds to the bundle of a run what came of CUCM and phones.
type materials struct{ *run }

// addTo puts what came of CUCM and phones into the manifest, which is saved, and into
// the job, and returns its digest. What lies only in the earlier bundle is unpacked into the
// folder work; so are the logs, where they are not in the store any more or are to be those of
// the earlier revision. What goes wrong with it costs a first revision nothing else: it is
// tried again.
func (u materials) addTo(ctx context.Context, work string, m *evidence.Manifest, job *SealJob) (digest string, err error) {
	if err := u.r.Store.Remove(work); err != nil {
		return "", err
	}
	last, err := manifest.Last(u.r.Store, u.inc)
	if err != nil {
		return "", err
	}
	next := *m
	state, err := material.Of(u.r.Store, u.key).Snapshot(work)
	if err == nil {
		next.CUCM, next.PRTs, next.Resets, next.Diagnostics = state.CUCM, state.PRTs, state.Resets, state.Diagnostics
		if gone := goneNote(state); gone != "" && !slices.Contains(next.Notes, gone) {
			next.Notes = append(slices.Clone(next.Notes), gone)
		}
		err = errors.Join(manifest.KeepsMaterial(last, next), u.fromEarlier(ctx, work, state, next, job))
	}
	switch {
	case err != nil && (last != nil || ctx.Err() != nil):
		return "", err
	case err != nil:
		u.r.log().Warn("what came of CUCM and phones is not in this bundle; a further revision is to have it", "incident", u.inc.ID, "err", err)
		m.Notes = append(slices.Clone(m.Notes), evidence.Printable("what came of CUCM and phones is not in this bundle: "+err.Error(), 400))
		return "", nil
	}
	if digest = state.Digest(); digest == "" && !u.inc.Late {
		return "", nil
	}
	for _, f := range state.Files {
		job.Extra = append(job.Extra, ExtraFile{Name: f.Name, Path: inFolder(work, f.Name)})
	}
	*m = next
	return digest, u.room.retry(ctx, func() error { return u.r.Store.ManifestFile(u.key, m.Revision).Save(next) })
}

// goneNote says what somebody has removed; "" if nothing.
func goneNote(state material.State) string {
	if len(state.Gone) == 0 {
		return ""
	}
	return evidence.Printable("removed from the incident's folder before a bundle had it: "+strings.Join(state.Gone, ", "), 400)
}

func inFolder(dir, name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }

// fromEarlier has unpacked what the job needs of the revision before.
func (u materials) fromEarlier(ctx context.Context, work string, state material.State, m evidence.Manifest, job *SealJob) error {
	needs := map[string]bool{}
	for _, f := range state.Files {
		if f.In > 0 {
			needs[f.Name] = true
		}
	}
	logs := u.inc.Late || len(u.inc.Revisions) > 0 && !exists(u.r.Store.SlicesDir(u.key))
	if len(needs) == 0 && !logs {
		return nil
	}
	before := u.inc.Revisions[len(u.inc.Revisions)-1]
	err := errors.New("there is nothing that unpacks it")
	if u.r.Unpack != nil {
		err = u.unpackable(ctx, before, m)
	}
	if err == nil {
		err = u.r.Unpack(ctx, before.Bundle, u.inc.ID, before.Revision, work, func(name string) bool {
			return needs[name] || logs && (strings.HasPrefix(name, "hosts/") || strings.HasPrefix(name, "alerts/"))
		})
	}
	if err != nil && len(needs) == 0 && exists(u.r.Store.SlicesDir(u.key)) && ctx.Err() == nil {
		return nil // the logs are in the store, and are held against the manifest
	}
	if err != nil {
		return fmt.Errorf("take from the bundle of revision %d: %w", before.Revision, err)
	}
	if logs {
		job.unpacked(work, m)
	}
	return nil
}

// unpackable is why there is no use in unpacking an earlier bundle.
func (u materials) unpackable(ctx context.Context, before incident.Revision, m evidence.Manifest) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	info, err := os.Stat(before.Bundle)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is not there any more", before.Bundle)
	}
	if err != nil {
		return err
	}
	bytes := 2 * info.Size() // what is unpacked, and the new bundle
	for _, h := range m.Hosts {
		for _, f := range h.Files {
			bytes += f.Bytes
		}
	}
	if u.r.Reserve == nil {
		return nil
	}
	return u.r.Reserve.Refusal(bytes)
}

// unpacked has the job take logs and mails from a folder in which an earlier bundle was unpacked.
func (job *SealJob) unpacked(dir string, m evidence.Manifest) {
	path := func(host, family string) string { return filepath.Join(dir, "hosts", host, family+".txt") }
	job.Path = path
	job.Open = func(host, family string) (io.ReadCloser, error) { return os.Open(path(host, family)) }
	job.Mail = func(id string) (io.ReadCloser, error) {
		i := slices.IndexFunc(m.Alerts, func(a evidence.Alert) bool { return a.ID == id && a.File != "" })
		if i < 0 {
			return nil, fmt.Errorf("no mail of alert %q", evidence.Printable(id, 80))
		}
		return os.Open(inFolder(dir, m.Alerts[i].File))
	}
}

// mustReport reports whether a bundle without a report is no use: the one before is the same but
// for that, or had one. What came late is sealed without one after some tries.
func mustReport(st *incident.Store, in incident.Incident) bool {
	if !in.Late {
		return in.ReportOnly()
	}
	q, _ := material.QueuedOf(st, in.Key)
	return in.NoReport() == "" && q.Tries < lateTries
}
