package wiring

import (
	"io"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/custody"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// A finished bundle of which no record says where it was to go is offered to all whose conditions
// it meets, but for those that have it by its custody.
func TestHandToOfAFinishedBundle(t *testing.T) {
	t.Parallel()
	st, err := incident.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m := evidence.Manifest{Incident: "20260302T141407Z-hq-3fa2c1", Site: "hq", Revision: 1, Coverage: evidence.Lost}
	path := filepath.Join(st.Bundles(), m.Incident+".zip")
	if _, err := bundle.Write(t.Context(), path, bundle.Input{Manifest: m, Log: func(_, _ string) (io.ReadCloser, error) { return nil, io.EOF }}); err != nil {
		t.Fatal(err)
	}
	name, head, err := bundle.ChainOf(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ask := HandTo(func() []config.Handover {
		return []config.Handover{{Name: "Share"}, {Name: "vendor"}, {Name: "whole", Conditions: config.Conditions{Coverage: []string{string(evidence.Complete)}}}}
	})
	in := incident.Incident{ID: m.Incident, Kind: incident.KindAlert}
	for _, step := range []struct {
		attempt *custody.Later
		want    []string
	}{
		{nil, []string{"Share", "vendor"}},
		{&custody.Later{Result: "failed", To: []string{"vendor"}}, []string{"Share", "vendor"}},
		{&custody.Later{Result: "ok", To: []string{"share", "/mnt/share/x.zip"}}, []string{"vendor"}},
		{&custody.Later{Result: "ok", To: []string{"vendor"}}, nil},
	} {
		if step.attempt != nil {
			if err := custody.LedgerOf(st.Dir).Append(name, head, custody.Entry{Time: time.Now(), Act: custody.Delivery, Later: step.attempt}); err != nil {
				t.Fatal(err)
			}
		}
		if got := ask(t.Context(), in, m, path); !slices.Equal(got, step.want) {
			t.Errorf("after %+v: %q, want %q", step.attempt, got, step.want)
		}
	}
	in.Kind = incident.KindDrill
	if got := ask(t.Context(), in, m, path); len(got) > 0 {
		t.Errorf("a drill's goes to %q", got)
	}
}
