package alerts

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
)

// consumers are the names of those of the stream of alerts.
func consumers(t *testing.T, h *hub.Hub) (names []string) {
	t.Helper()
	s, err := h.Stream.Stream(t.Context(), fleet.AlertStream)
	if err != nil {
		t.Fatal(err)
	}
	list := s.ConsumerNames(t.Context())
	for name := range list.Name() {
		names = append(names, name)
	}
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// TestManySites: a collector hears of all its sites by one consumer; a site that it has later brings what was
// published before, and what it knew of the others starts nothing again.
func TestManySites(t *testing.T) {
	s, h := startHub(t)
	if _, _, err := (hearing{"dmz-a", []string{"hq"}, time.Hour}).consumer(t.Context(), h); err != nil { // of an earlier version
		t.Fatal(err)
	}
	provider, a := start(t, s, "provider"), start(t, s, "dmz-a", "hq", "lab")
	until(t, "the sites are known", func() bool { return knows(provider, "hq", "dmz-a")() && knows(provider, "lab", "dmz-a")() })
	one, two := alertOf("CM-hq"), alertOf("CM-lab")
	provider.mustSee(one)
	provider.mustSee(two)
	until(t, "both came", func() bool { return a.at(one.ID) == "hq:incident" && a.at(two.ID) == "lab:incident" })
	until(t, "one consumer is left", func() bool {
		return slices.Equal(consumers(t, h), []string{fleet.HoldsConsumer("dmz-a", []string{"lab", "hq"})})
	})

	early := alertOf("CM-roma")
	b, err := json.Marshal(fleet.Alert{Alert: early, Site: "roma", From: "provider"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Stream.Publish(t.Context(), fleet.AlertSubject("roma"), b); err != nil {
		t.Fatal(err)
	}
	more := sitesOf("hq", "lab", "roma")
	a.member.Close()
	a.journal.Close()
	a.sites.Store(&more)
	a.open()
	a.join()
	until(t, "what was published before came", func() bool { return a.at(early.ID) == "roma:incident" })
	incidents, err := a.store.List()
	if err != nil || len(incidents) != 3 {
		t.Errorf("%d incidents, %v", len(incidents), err)
	}
}

// TestOneByOne: where the hub allows no consumer of several sites, there is one for each, as before.
func TestOneByOne(t *testing.T) {
	s, h := startHub(t, `authorization { users = [ { user: any, password: "f2c1e0", permissions: { publish: { deny: ["$JS.API.CONSUMER.CREATE.ALERTS.*"] } } } ] }
no_auth_user: any`)
	provider, a := start(t, s, "provider"), start(t, s, "dmz-a", "hq", "lab")
	until(t, "the sites are known", func() bool { return knows(provider, "hq", "dmz-a")() && knows(provider, "lab", "dmz-a")() })
	one, two := alertOf("CM-hq"), alertOf("CM-lab")
	provider.mustSee(one)
	provider.mustSee(two)
	until(t, "both came", func() bool { return a.at(one.ID) == "hq:incident" && a.at(two.ID) == "lab:incident" })
	if got := consumers(t, h); !slices.Equal(got, []string{fleet.HoldConsumer("hq", "dmz-a"), fleet.HoldConsumer("lab", "dmz-a")}) {
		t.Errorf("%q", got)
	}
}
