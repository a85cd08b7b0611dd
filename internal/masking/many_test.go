package masking

import (
	"fmt"
	"strings"
	"testing"

	"rtmtgrab/bundle/mask"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/testrace"
)

// TestManyNames: a manifest of 12,000 alerts of nodes of their own is masked in time that grows
// with it and not with its square, which would be hours.
func TestManyNames(t *testing.T) {
	testrace.Whole(t)
	t.Parallel()
	m := newMasker(t)
	b := new(raw).minimal(t)
	const n = 12_000
	for i := range n {
		b.Manifest.Alerts = append(b.Manifest.Alerts, evidence.Alert{ID: fmt.Sprintf("%064x", i), Node: fmt.Sprintf("cucm%05d", i), Cluster: "StandAloneCluster", Notes: []string{fmt.Sprintf("it came from cucm%05d", i)}})
	}
	made := m.masks(t, Request{Path: b.in(t, m, ".zip")})
	text := string(entries(t, made.File)["manifest.json"])
	if strings.Contains(text, "cucm00007") || strings.Count(text, "it came from ") < n {
		t.Error(text[:min(len(text), 3000)])
	}
}

// TestTooManyNames: a manifest of more than grab makes is refused by its name before anything is
// made of it.
func TestTooManyNames(t *testing.T) {
	testrace.Whole(t)
	t.Parallel()
	m := newMasker(t)
	b := new(raw).minimal(t)
	for i := range maxSaid {
		b.Manifest.Notes = append(b.Manifest.Notes, fmt.Sprintf("expc%07d.corp.example.net", i))
	}
	out := t.TempDir()
	_, err := m.Mask(t.Context(), Request{Path: b.in(t, m, ".zip"), Strength: mask.Identities, Out: out})
	if err == nil || !strings.Contains(err.Error(), "manifest.json: it has 1000") || !strings.Contains(err.Error(), "notes") {
		t.Errorf("%v", err)
	}
	empty(t, out)
}
