package owner

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
)

// TestHostile: what somebody of the tenant publishes as alerts of a site, or claims, costs nobody his connection to the hub.
func TestHostile(t *testing.T) {
	t.Parallel()
	s, js := fleetOf(t)
	a, b := pair(t, s)
	a.start(t.TempDir())
	b.start(t.TempDir())
	until(t, "both are connected", func() bool { return a.hub.Load().Down() == nil && b.hub.Load().Down() == nil })
	met := map[*rig]uint64{a: a.hub.Load().Conn.Stats().Reconnects, b: b.hub.Load().Conn.Stats().Reconnects}
	for _, id := range []string{strings.Repeat("x", 5000), "a b", "*", ">", "", strings.Repeat("F", 64)} {
		data, err := json.Marshal(fleet.Alert{Alert: evidence.Alert{ID: id}, Site: "hq", From: "x"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.Publish(t.Context(), fleet.AlertSubject("hq"), data); err != nil {
			t.Fatal(err)
		}
	}
	x := alert("n1")
	publish(t, js, x)
	a.take(x)
	b.take(x)
	once(t, []evidence.Alert{x}, a.st, b.st)
	until(t, "all is answered for", func() bool {
		cons, err := js.Consumer(t.Context(), fleet.AlertStream, fleet.OwnConsumer("hq"))
		if err != nil {
			return false
		}
		info, err := cons.Info(t.Context())
		return err == nil && info.NumAckPending+int(info.NumPending) == 0
	})

	spoiled := alert("n2")
	kv, err := js.KeyValue(t.Context(), fleet.ClaimBucket)
	if err != nil {
		t.Fatal(err)
	}
	claim, err := json.Marshal(fleet.Claim{Incident: "i", Collector: strings.Repeat("y", 5000), Key: "k", Epoch: 1})
	if err == nil {
		_, err = kv.Put(t.Context(), fleet.ClaimKey("hq", spoiled.ID), claim)
	}
	if err != nil {
		t.Fatal(err)
	}
	a.take(spoiled)
	until(t, "it is sealed all the same", func() bool { in, _ := index(t, a.st); return in[spoiled.ID] == 1 })
	for _, r := range []*rig{a, b} {
		if n := r.hub.Load().Conn.Stats().Reconnects; n != met[r] {
			t.Errorf("%s lost its connection %d times", r.name, n-met[r])
		}
	}
}

// TestUnreadableEpoch: a site of which nobody can read who owns it gets an owner, and its alerts are sealed once, by him.
func TestUnreadableEpoch(t *testing.T) {
	t.Parallel()
	s, js := fleetOf(t)
	a, b := pair(t, s)
	a.start(t.TempDir())
	b.start(t.TempDir())
	kv, err := js.KeyValue(t.Context(), fleet.EpochBucket)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range []string{"", "null", "[1]", `{"number":"x"}`, `{"number":18446744073709551615,"owner":"zz"}`, `{"number":4611686018427387904,"owner":"zz"}`, `{"number":4611686018427387903,"owner":"zz"}`, "\x00\xff"} {
		if _, err := kv.Put(t.Context(), fleet.Token("hq"), []byte(text)); err != nil {
			t.Fatal(err)
		}
		x := alert(fmt.Sprint("n", i))
		publish(t, js, x)
		a.take(x)
		b.take(x)
		once(t, []evidence.Alert{x}, a.st, b.st)
		until(t, "its owner can be read", func() bool {
			e, err := EpochOf(t.Context(), a.hub.Load(), "hq")
			return err == nil && e.Owner != "" && e.Owner != "zz"
		})
	}
}

// TestManyInWork: alerts that are in work cost little, however large their mails are.
func TestManyInWork(t *testing.T) {
	s, js := fleetOf(t)
	a, _ := pair(t, s)
	a.start(t.TempDir())
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	const many, size = 300, 256 << 10
	for i := range many {
		data, err := json.Marshal(fleet.Alert{Alert: alert(fmt.Sprint("n", i)), Site: "hq", From: "x", Raw: make([]byte, size)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.Publish(t.Context(), fleet.AlertSubject("hq"), data); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "all are in work", func() bool {
		cons, err := js.Consumer(t.Context(), fleet.AlertStream, fleet.OwnConsumer("hq"))
		if err != nil {
			return false
		}
		info, err := cons.Info(t.Context())
		return err == nil && info.NumPending == 0
	})
	until(t, "little is held of their mails", func() bool { return heap()-before <= many*size/4 }) // those on their way go
}
