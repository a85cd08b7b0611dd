package hubinit

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/ask"
	"rtmtgrab/internal/fleet/events"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/fleet/sight"
)

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// TestSeen: with the credentials that are made collectors are seen, missed and asked, what they
// found out is listed; and nobody sees anything of another tenant.
func TestSeen(t *testing.T) {
	t.Parallel()
	a := startHub(t, map[string][]string{"acme": {"dmz-a", "dmz-b"}, "zeta": {"dmz-a"}})
	quiet := slog.New(slog.DiscardHandler)
	begin := func(tenant, name string) (h *hub.Hub, s *sight.Sight, end func()) {
		h = a.as(t, tenant, name)
		s = &sight.Sight{Name: func() string { return name }, Self: func() status.Report {
			return status.Report{Works: true, Now: time.Now(), Sites: []status.Site{{Site: "hq", Works: true}}}
		}, Log: quiet, Every: 100 * time.Millisecond}
		server := &ask.Server{What: "now", Name: s.Name, Sites: func() []string { return []string{"hq"} }, Refuses: func() string { return "" }, Log: quiet,
			Do: func(_ context.Context, j ask.Job) (any, *ask.Failure) { j.Say("word"); return tenant + " " + j.By, nil }}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 2)
		go func() { done <- s.Run(ctx, h) }()
		go func() { done <- server.Run(ctx, h) }()
		end = func() {
			cancel()
			if err := errors.Join(<-done, <-done); err != nil {
				t.Errorf("%s of %s: %v", name, tenant, err)
			}
		}
		return h, s, end
	}
	h, _, endA := begin("acme", "dmz-a")
	defer endA()
	_, _, endB := begin("acme", "dmz-b")
	_, _, endZ := begin("zeta", "dmz-a")
	defer endZ()

	see := func(tenant string) sight.Overview {
		o, err := sight.See(t.Context(), a.as(t, tenant, Viewer).Stream)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	until(t, "both are seen", func() bool { o := see("acme"); return len(o.Collectors) == 2 && o.Works })
	if o := see("zeta"); len(o.Collectors) != 1 {
		t.Errorf("%+v", o)
	}
	endB()
	if o := see("acme"); o.Collectors[1].State != sight.Left {
		t.Errorf("%+v", o)
	}

	box := events.OpenBox(t.TempDir(), quiet)
	v := fleet.Verdict{Incident: "i", Site: "hq", Collector: "dmz-a", Revision: 1, At: time.Now()}
	body, _ := json.Marshal(v)
	if err := box.Keep(events.Message{ID: v.ID(), Subject: fleet.EventSubject("hq"), Body: body}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- box.Run(ctx, h) }()
	until(t, "the hub has the verdict", func() bool { return box.Waiting() == 0 })
	cancel()
	<-done
	for tenant, n := range map[string]int{"acme": 1, "zeta": 0} {
		if got, err := sight.List(t.Context(), a.as(t, tenant, Viewer).Stream, sight.Query{Site: "hq", Since: time.Now().Add(-time.Hour)}); err != nil || len(got.List) != n {
			t.Errorf("%s: %+v, %v", tenant, got, err)
		}
	}

	for _, tenant := range []string{"acme", "zeta"} {
		words := 0
		asker := &ask.Asker{Conn: a.as(t, tenant, Viewer).Conn, What: "now", By: "ann", Said: func(json.RawMessage) { words++ }}
		if _, got, err := asker.Ask(t.Context(), "hq", nil); err != nil || string(got) != `"`+tenant+` ann"` || words != 1 {
			t.Errorf("%s: %s, %v, %d", tenant, got, err, words)
		}
	}
	asker := &ask.Asker{Conn: a.as(t, "acme", "dmz-b").Conn, What: "now", By: "ann"}
	if _, _, err := asker.Ask(t.Context(), "hq", nil); !errors.Is(err, ask.ErrForbidden) || !strings.Contains(err.Error(), "ask.now.hq") {
		t.Error(err)
	}
	if err := sight.Forget(t.Context(), h.Stream, "dmz-b"); err != nil {
		t.Error(err)
	}
	if o := see("acme"); len(o.Collectors) != 1 {
		t.Errorf("%+v", o)
	}
}
