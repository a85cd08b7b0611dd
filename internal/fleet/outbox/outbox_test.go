package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/testserver"
)

var quiet = slog.New(slog.DiscardHandler)

func letterOf(n int) fleet.Alert {
	return fleet.Alert{Alert: incidenttest.AlertAt(time.Duration(n)*time.Second, "sub1", n), Site: "hq", From: "dmz-a", Seen: incidenttest.T0}
}

// post leaves letters as the journal does.
func post(t *testing.T, st *incident.Store, o *Outbox, letters ...fleet.Alert) {
	t.Helper()
	files := incident.Batch{St: st}
	for _, a := range letters {
		name, b, err := o.Letter(a, []byte("From: cucm\r\n\r\nan alert\r\n"), false)
		if err != nil {
			t.Fatal(err)
		}
		if err := files.WriteFirst(name, b); err != nil {
			t.Fatal(err)
		}
	}
	if err := files.Commit(); err != nil {
		t.Fatal(err)
	}
	o.Posted()
}

// real is a hub with the streams, and what is in fleet.AlertStream.
func real(t *testing.T, config string) (s *testserver.NATS, h *hub.Hub, messages func() uint64) {
	s = testserver.StartNATS(t, testserver.NATSOptions{Config: config})
	h, err := hub.Open(hub.Options{Servers: []string{s.URL}, TLS: s.ClientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := hub.Ensure(t.Context(), h.Stream, 1); err != nil {
		t.Fatal(err)
	}
	return s, h, func() uint64 {
		t.Helper()
		st, err := h.Stream.Stream(t.Context(), fleet.AlertStream)
		if err != nil {
			t.Fatal(err)
		}
		return st.CachedInfo().State.Msgs
	}
}

// drain runs the outbox until nothing waits, or it fails.
func drain(t *testing.T, o *Outbox, h *hub.Hub) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- o.Run(ctx, h) }()
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(2 * time.Millisecond):
		}
		if o.State().Waiting == 0 {
			cancel()
			<-done
			return nil
		}
	}
}

// TestKilled: whatever step a kill falls between, each alert is in the stream, and once, also
// when the hub has forgotten the message's ID by then unless the kill fell between its two answers.
func TestKilled(t *testing.T) {
	_, h, messages := real(t, "")
	alerts, err := h.Stream.Stream(t.Context(), fleet.AlertStream)
	if err != nil {
		t.Fatal(err)
	}
	short := alerts.CachedInfo().Config
	short.Duplicates = 100 * time.Millisecond // as if each restart took long
	killed := errors.New("killed")
	n := 0
	for _, step := range []string{"ask", "publish", "note", "remove", ""} {
		for _, late := range []bool{false, true} {
			config := alerts.CachedInfo().Config
			if late && step != "note" {
				config = short
			}
			if _, err := h.Stream.UpdateStream(t.Context(), config); err != nil {
				t.Fatal(err)
			}
			before := messages()
			st := incidenttest.Store(t, t.TempDir())
			o, err := Open(st, quiet)
			if err != nil {
				t.Fatal(err)
			}
			o.fault = func(s string) error {
				if s == step {
					return killed
				}
				return nil
			}
			n++
			post(t, st, o, letterOf(n))
			if err := drain(t, o, h); step != "" && !errors.Is(err, killed) || step == "" && err != nil {
				t.Fatalf("killed at %q: %v", step, err)
			}
			if late {
				time.Sleep(2 * short.Duplicates)
			}
			again, err := Open(st, quiet) // a new process
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]int{true: 0, false: 1}[step == ""]; again.State().Waiting != want {
				t.Errorf("killed at %q: %d wait", step, again.State().Waiting)
			}
			if err := drain(t, again, h); err != nil {
				t.Fatal(err)
			}
			if left, _ := os.ReadDir(o.dir); len(left) > 0 {
				t.Errorf("killed at %q: left %v", step, left)
			}
			if got := messages() - before; got != 1 {
				t.Errorf("killed at %q, late %v: %d messages of one alert", step, late, got)
			}
		}
	}
}

// TestAway: while the hub is away letters wait, across a restart; then all arrive, whole.
func TestAway(t *testing.T) {
	s, h, messages := real(t, "")
	s.Stop()
	for h.Down() == nil {
		time.Sleep(time.Millisecond)
	}
	st := incidenttest.Store(t, t.TempDir())
	o, err := Open(st, quiet)
	if err != nil {
		t.Fatal(err)
	}
	var letters []fleet.Alert
	for i := range 300 {
		letters = append(letters, letterOf(i))
	}
	post(t, st, o, letters...)
	if err := drain(t, o, h); err == nil {
		t.Fatal("sent to nobody")
	}
	if o, err = Open(st, quiet); err != nil {
		t.Fatal(err)
	}
	if got := o.State(); got.Waiting != 300 || got.Oldest.IsZero() || got.Bytes == 0 {
		t.Errorf("%+v", got)
	}
	s.Start()
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	for err := drain(t, o, h); err != nil; err = drain(t, o, h) {
		t.Log(err) // JetStream comes a little later than the server
		time.Sleep(20 * time.Millisecond)
	}
	if got := messages(); got != 300 {
		t.Errorf("%d messages", got)
	}
	if got := o.State(); got.Waiting != 0 || got.Bytes != 0 || !got.Oldest.IsZero() {
		t.Errorf("%+v", got)
	}

	alerts, err := h.Stream.Stream(t.Context(), fleet.AlertStream)
	if err != nil {
		t.Fatal(err)
	}
	m, err := alerts.GetLastMsgForSubject(t.Context(), fleet.AlertSubject("hq"))
	if err != nil {
		t.Fatal(err)
	}
	var a fleet.Alert
	if err := json.Unmarshal(m.Data, &a); err != nil || a.From != "dmz-a" || a.Sent.IsZero() || !strings.Contains(string(a.Raw), "an alert") || a.Cut {
		t.Errorf("%+v, %v", a, err)
	}
	if id := m.Header.Get(jetstream.MsgIDHeader); id != fleet.ClaimKey(a.Site, a.Alert.ID) {
		t.Error(id)
	}
}

// TestBounds: no more waits than may; there is room again when some have arrived, and that is
// told; a mail that the hub finds too large is cut, and what nobody can read is kept aside.
func TestBounds(t *testing.T) {
	_, h, messages := real(t, "max_payload: 65536")
	st := incidenttest.Store(t, t.TempDir())
	o, err := Open(st, quiet)
	if err != nil {
		t.Fatal(err)
	}
	o.bounds = bounds{8, 1 << 20}
	room := 0
	o.Room = func() { room++ }
	for i := range 8 {
		post(t, st, o, letterOf(i))
	}
	if _, _, err := o.Letter(letterOf(9), nil, false); !errors.Is(err, ErrFull) || o.State().Full.IsZero() {
		t.Errorf("%v, %+v", err, o.State())
	}
	if _, _, err := o.Letter(letterOf(3), nil, false); err != nil {
		t.Errorf("the same once more: %v", err)
	}
	o.Posted()
	if err := drain(t, o, h); err != nil {
		t.Fatal(err)
	}
	if room != 1 || !o.State().Full.IsZero() {
		t.Errorf("told %d times, %+v", room, o.State())
	}
	o.bounds.bytes = 1000
	if _, _, err := o.Letter(letterOf(9), make([]byte, 2000), false); !errors.Is(err, ErrFull) {
		t.Error(err)
	}

	o.bounds.bytes = maxBytes
	before := messages()
	name, b, err := o.Letter(letterOf(10), []byte(strings.Repeat("x", 2*maxRaw)), false)
	if err != nil || len(b) > 2*maxRaw {
		t.Fatalf("%v, %d bytes", err, len(b))
	}
	for name, b := range map[string][]byte{name: b, filepath.Join(o.dir, "bad.json"): []byte("{"), filepath.Join(o.dir, FileName("hq", fmt.Sprintf("%064d", 1))): []byte(`{"site":"hq"}`)} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if o, err = Open(st, quiet); err != nil {
		t.Fatal(err)
	}
	if err := drain(t, o, h); err != nil {
		t.Fatal(err)
	}
	if got := messages() - before; got != 1 || o.State().Aside != 2 {
		t.Errorf("%d messages, %+v", got, o.State())
	}
	aside, _ := filepath.Glob(filepath.Join(o.dir, "*.damaged-*"))
	if len(aside) != 2 {
		t.Error(aside)
	}
}
