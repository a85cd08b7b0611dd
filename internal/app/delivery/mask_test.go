package delivery

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/confine"
	"rtmtgrab/internal/handover"
	"rtmtgrab/internal/handover/sink"
)

// What is to be masked is, within the case or else the site; what cannot be masked is not tried
// again, and nothing is left of it.
func TestMask(t *testing.T) {
	s := newShop(t)
	s.Dispatcher.Analyst = analysis.New()
	s.Dispatcher.Analyst.Program = confine.Program{Path: filepath.Join(t.TempDir(), "none")} // a bundle without a report will do
	in := s.seal(1, 1)
	j := handover.Job{Key: in.Key, Incident: in.ID, Site: "hq", Revision: 1, Bundle: in.Bundle, Sink: "share", By: "bob"}
	for _, c := range []struct{ scope, number, want string }{{"site", "", "site"}, {"case", "698112233", "case"}, {"case", "", "site"}} {
		s.cfg.Mask.Scope, j.Case, s.cfg.Handover[0].Mask = c.scope, c.number, config.MaskIdentities
		terms, dir := termsOf(s.cfg, &s.cfg.Handover[0], j, s.caseOf), t.TempDir()
		path, err := s.mask(t.Context(), in.Bundle, dir, j, terms)
		if err != nil {
			t.Fatal(err)
		}
		m, err := bundle.ReadManifest(path)
		if err != nil || m.Masked == nil || m.Masked.Scope != c.want || m.Site == "hq" || filepath.Dir(path) != dir {
			t.Errorf("%s %q: %+v, %v", c.scope, c.number, m.Masked, err)
		}
	}
	if err := os.Truncate(filepath.Join(s.Store.Dir, "mask", "site-hq.age"), 20); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	_, err := s.mask(t.Context(), in.Bundle, dir, j, handover.Terms{Mask: config.MaskIdentities, Scope: config.ScopeSite})
	if !sink.Permanent(err) || !strings.Contains(err.Error(), "back from a backup") {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Error(left)
	}
}

// What was masked within its site, because it had no case yet, goes within its case when it has
// one by the time it is sent.
func TestCaseAfterMasking(t *testing.T) {
	s := newShop(t)
	s.Dispatcher.Analyst = analysis.New()
	s.Dispatcher.Analyst.Program = confine.Program{Path: filepath.Join(t.TempDir(), "none")}
	s.cfg.Mask.Scope, s.cfg.Handover[0].Mask = config.ScopeCase, config.MaskIdentities
	in := s.seal(1, 1, "share")
	os.Remove(s.share) // it is prepared, and does not go yet
	s.open()
	until(t, func() bool {
		e := s.engine()
		if e == nil {
			return false
		}
		jobs := e.Jobs()
		return len(jobs) == 1 && jobs[0].Error != "" && !jobs[0].Busy
	})
	if _, err := s.SetCase(in.ID, "698112233", nil); err != nil {
		t.Fatal(err)
	}
	os.Mkdir(s.share, 0o700)
	s.Retry("share")
	until(t, func() bool { return s.delivered(in) })
	list, _ := s.Outcomes(in)
	m, err := bundle.ReadManifest(list[0].Place)
	if err != nil || m.Masked == nil || m.Masked.Scope != "case" {
		t.Errorf("%+v, %v", m.Masked, err)
	}
	if sent, err := os.ReadDir(s.share); err != nil || len(sent) != 1 {
		t.Error(sent, err)
	}
}

func until(t *testing.T, is func() bool) {
	t.Helper()
	for !is() {
		if t.Context().Err() != nil {
			t.Fatal(t.Context().Err())
		}
		time.Sleep(time.Millisecond)
	}
}
