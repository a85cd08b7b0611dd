package delivery

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	s.Desk.Analyst = analysis.New()
	s.Desk.Analyst.Program = confine.Program{Path: filepath.Join(t.TempDir(), "none")} // a bundle without a report will do
	in := s.seal(1, 1)
	j := handover.Job{Key: in.Key, Incident: in.ID, Revision: 1, Bundle: in.Bundle, Sink: "share", By: "bob"}
	for _, c := range []struct{ scope, number, want string }{{"site", "", "site"}, {"case", "698112233", "case"}, {"case", "", "site"}} {
		s.cfg.Mask.Scope, j.Case, s.cfg.Handover[0].Mask = c.scope, c.number, config.MaskIdentities
		terms, dir := termsOf(s.cfg, &s.cfg.Handover[0], "hq"), t.TempDir()
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
