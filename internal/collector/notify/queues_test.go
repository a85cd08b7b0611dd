package notify

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/proof"
)

// TestQueuesMove: what waits for a webhook goes with it when others before it come and go, and waits when it goes
// itself; a folder of an earlier version is that of its place.
func TestQueuesMove(t *testing.T) {
	store, err := incident.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	legacy := filepath.Join(store.Dir, "outbox", "webhook-1")
	if err := os.MkdirAll(legacy, 0o700); err != nil {
		t.Fatal(err)
	}
	tell := New(store, proof.Key{}, slog.New(slog.DiscardHandler), nil, func() []status.Problem { return nil })
	cfg := func(hooks ...string) *config.Config {
		n := &config.Notify{On: []string{"problems"}, Mask: config.MaskNone, After: time.Minute}
		for _, h := range hooks { // files that are not there: nothing is delivered
			n.Webhooks = append(n.Webhooks, config.Webhook{URL: config.Address{Secret: config.SecretFile(filepath.Join(store.Dir, "no-"+h))}})
		}
		return &config.Config{Notify: n}
	}
	waiting := func(place string) int {
		list, err := filepath.Glob(filepath.Join(store.Dir, "outbox", place, "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	configure := func(hooks ...string) {
		tell.Configure(t.Context(), cfg(hooks...))
		tell.Close()
	}
	put := func(place string, n int) {
		o := &channel.Outbox{Dir: filepath.Join(store.Dir, "outbox", place)}
		if err := o.Open(); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if err := o.Add(channel.Notice{ID: fmt.Sprint(place, i), Kind: channel.KindSealed, Time: time.Now()}); err != nil {
				t.Fatal(err)
			}
		}
	}
	put("webhook-1", 1)
	configure("a", "b")
	put("webhook-2", 2)
	for i, step := range []struct {
		hooks []string
		want  []int
	}{
		{[]string{"a", "b"}, []int{1, 2}}, {[]string{"b"}, []int{2, 0}}, {[]string{"b", "c"}, []int{2, 0}},
		{[]string{"c", "b"}, []int{0, 2}}, {[]string{"a", "c", "b"}, []int{1, 0, 2}}, {[]string{"a"}, []int{1, 0}}, {[]string{"b", "a"}, []int{2, 1}},
	} {
		configure(step.hooks...)
		for k, want := range step.want {
			if got := waiting(webhookName(k)); got != want {
				t.Errorf("step %d: %d wait for %s, want %d", i, got, webhookName(k), want)
			}
		}
	}
}
