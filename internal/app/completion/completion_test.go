package completion

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"rtmtgrab/internal/config"
)

func TestOffers(t *testing.T) {
	hosts := []config.Host{{Name: "expc01", Role: "C", Address: "10.0.30.2:22"}, {Name: "expe01"}}
	cfg := &config.Config{Store: t.TempDir(), Sites: []config.Site{{Name: "hq", Hosts: hosts}, {Name: "lab", Hosts: hosts[:1]}}}
	for _, tt := range []struct {
		got  []string
		want []string
	}{
		{Hosts(cfg, nil), []string{"expc01\tC 10.0.30.2:22", "expe01"}},
		{Hosts(cfg, []string{"EXPC01"}), []string{"expe01"}},
		{Sites(cfg), []string{"hq\texpc01, expe01", "lab\texpc01"}},
		{Incidents(cfg), nil},
	} {
		if !slices.Equal(tt.got, tt.want) {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
	for i := range most + 5 {
		if err := os.MkdirAll(filepath.Join(cfg.Store, "incidents", fmt.Sprintf("20260302T1414%03dZ-hq-3fa2c1", i)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	got := Incidents(cfg)
	if len(got) != most+1 || got[0] != "@last\tthe newest" || got[1] != "20260302T1414104Z-hq-3fa2c1" {
		t.Errorf("%d: %q", len(got), got[:2])
	}
}
