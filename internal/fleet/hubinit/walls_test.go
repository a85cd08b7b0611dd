package hubinit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
)

// streams are all streams of an account.
func streams() (names []string) {
	for _, s := range hub.Streams(1) {
		names = append(names, s.Name)
	}
	for _, b := range hub.Buckets(1) {
		names = append(names, "KV_"+b.Bucket)
	}
	return names
}

// refusals are which of the subjects the hub lets somebody neither publish to nor, if sub, subscribe to.
func refusals(t *testing.T, h *hub.Hub, subjects []string, sub bool) map[string]bool {
	t.Helper()
	said := make(chan string, 10_000)
	h.Conn.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { said <- err.Error() })
	for _, s := range subjects {
		var err error
		if sub {
			var kept *nats.Subscription
			if kept, err = h.Conn.SubscribeSync(s); err == nil {
				defer kept.Unsubscribe()
			}
		} else {
			err = h.Conn.PublishRequest(s, h.Conn.NewInbox(), []byte("{}"))
		}
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := h.Conn.FlushTimeout(30 * time.Second); err != nil {
		t.Fatal(err)
	}
	h.Conn.SetErrorHandler(nil) // what the hub said came before its answer to the flush
	done := map[string]bool{}
	for deadline := time.After(200 * time.Millisecond); ; { // handed on by a goroutine of nats.go
		select {
		case e := <-said:
			for _, s := range subjects {
				if strings.Contains(e, `"`+s+`"`) {
					done[s] = true
				}
			}
			continue
		case <-deadline:
		}
		return done
	}
}

// altering are the API's subjects by which streams and what is in them are changed or lost.
func altering() (list []string) {
	for _, s := range append(streams(), "NEW") {
		for _, verb := range []string{"STREAM.CREATE", "STREAM.UPDATE", "STREAM.DELETE", "STREAM.PURGE", "STREAM.MSG.DELETE", "STREAM.SNAPSHOT", "STREAM.RESTORE", "STREAM.PEER.REMOVE", "STREAM.LEADER.STEPDOWN", "CONSUMER.DURABLE.CREATE", "CONSUMER.PAUSE", "CONSUMER.RESET", "CONSUMER.LEADER.STEPDOWN"} {
			list = append(list, "$JS.API."+verb+"."+s)
			if strings.HasPrefix(verb, "CONSUMER") {
				list[len(list)-1] += ".x"
			}
		}
	}
	return append(list, "$JS.API.STREAM.TEMPLATE.CREATE.x", "$JS.API.META.LEADER.STEPDOWN", "$JS.API.SERVER.REMOVE", "$JS.API.ACCOUNT.PURGE.x",
		"$JS.API.CONSUMER.DELETE.ALERTS.hold-hq-dmz-b", "$JS.API.CONSUMER.DELETE.ALERTS.own-hq", "$JS.API.CONSUMER.CREATE.ALERTS",
		"$SYS.REQ.SERVER.PING", "$SYS.REQ.CLAIMS.UPDATE", "$SYS.REQ.CLAIMS.DELETE", "$JS.EVENT.ADVISORY.x", "something", "alerts.a.b", "events.a.b", "_INBOX.dmz-b.x", "_INBOX.hub.x")
}

// TestWalls: what a collector and who looks at a tenant may not do, subject by subject, on the
// real server; beside each is what it may do, so that a wall is none that keeps all out.
func TestWalls(t *testing.T) {
	a := startHub(t, map[string][]string{"acme": {"dmz-a", "dmz-b"}})
	for user, c := range map[string]struct{ no, yes, deaf []string }{
		"dmz-a": {
			no: append(altering(),
				"$KV.grab-status.dmz-b", "$KV.grab-status.dmz-a.x", "$KV.grab-directory.hq.dmz-b", "$KV.grab-directory.dmz-a", "$KV.grab-share.dmz-b.hq.lent.k.expc01", "$KV.grab-share.dmz-a", "$KV.grab-share.x", "$KV.other.x", "$O.other.C.x",
				"$JS.API.DIRECT.GET.EVENTS", "$JS.API.DIRECT.GET.EVENTS.events.hq", "$JS.API.STREAM.MSG.GET.EVENTS", "$JS.API.CONSUMER.CREATE.EVENTS.x.events.hq", "$JS.API.CONSUMER.MSG.NEXT.EVENTS.x",
				"$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST", "$JS.API.CONSUMER.NAMES.ALERTS", "$JS.API.CONSUMER.LIST.ALERTS", "ask.now.hq"),
			yes: []string{"alerts.hq", "events.hq", "$KV.grab-status.dmz-a", "$KV.grab-directory.hq.dmz-a", "$KV.grab-share.dmz-a.hq.part.00.1", "$JS.API.DIRECT.GET.KV_grab-share.x", "$KV.grab-epochs.hq", "$JS.API.STREAM.INFO.ALERTS",
				"$JS.API.CONSUMER.CREATE.ALERTS.x"}, // of several sites; one of any site it may have anyway
			deaf: []string{">", "alerts.>", "alerts.hq", "events.hq", "_INBOX.>", "_INBOX.dmz-b.>", "_INBOX.hub.>", "$KV.>", "$KV.grab-logins.x", "$O.>", "$JS.>", "$JS.ACK.>", "$JS.API.>", "$SYS.>", "ask.>", "*.*", "*.hq"},
		},
		Viewer: {
			no: append(altering(),
				"alerts.hq", "events.hq", "$KV.grab-status.hub", "$KV.grab-status.dmz-a", "$KV.grab-epochs.hq", "$KV.grab-claims.hq.x", "$KV.grab-logins.x", "$KV.grab-seen.x", "$KV.grab-directory.hq.hub",
				"$KV.grab-share.hub.x", "$JS.API.DIRECT.GET.KV_grab-share", "$JS.API.STREAM.MSG.GET.KV_grab-share", "$JS.API.CONSUMER.CREATE.KV_grab-share.x", "$O.grab-slices.C.x", "$JS.ACK.ALERTS.hold-hq-dmz-a.1.1.1.1.0", "$JS.API.CONSUMER.CREATE.ALERTS.x", "$JS.API.CONSUMER.CREATE.ALERTS.x.alerts.hq", "$JS.API.CONSUMER.MSG.NEXT.ALERTS.hold-hq-dmz-a", "$JS.API.CONSUMER.UNPIN.ALERTS.own-hq",
				"$JS.API.DIRECT.GET.OBJ_grab-slices"),
			yes:  []string{"ask.now.hq", "$JS.API.STREAM.INFO.ALERTS", "$JS.API.DIRECT.GET.KV_grab-status"},
			deaf: []string{">", "alerts.hq", "events.hq", "ask.now.hq", "ask.*.*", "_INBOX.>", "_INBOX.dmz-a.>", "$KV.>", "$JS.>", "$SYS.>"},
		},
	} {
		h := a.as(t, "acme", user)
		refused := refusals(t, h, append(slices.Clone(c.no), c.yes...), false)
		for _, s := range c.no {
			if !refused[s] {
				t.Errorf("%s may publish to %s", user, s)
			}
		}
		for _, s := range c.yes {
			if refused[s] {
				t.Errorf("%s may not publish to %s", user, s)
			}
		}
		refused = refusals(t, h, append(slices.Clone(c.deaf), fleet.InboxPrefix(user)+".x"), true)
		for _, s := range c.deaf {
			if !refused[s] {
				t.Errorf("%s may subscribe to %s", user, s)
			}
		}
		if refused[fleet.InboxPrefix(user)+".x"] {
			t.Errorf("%s may not hear answers", user)
		}
	}
	for _, name := range streams() { // nothing of all this was done
		if _, err := a.whole(t, "acme").Stream.Stream(t.Context(), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// whole is a connection to a tenant's account that may do everything there.
func (a *aHub) whole(t *testing.T, tenant string) *hub.Hub {
	t.Helper()
	m := a.maker(t)
	k := m.keys.tenants[tenant].account
	h, err := m.open(public(k), k)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

func (a *aHub) maker(t *testing.T) *maker {
	t.Helper()
	m := &maker{folder: &folder{dir: a.dir}}
	var err error
	if m.state, err = ReadState(a.dir); err == nil {
		err = m.loadKeys()
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestTenants: who may do everything in one tenant's account hears nothing of another's, finds
// nothing of it, and harms nothing there, whatever he asks for; nor does who pretends to be of it.
func TestTenants(t *testing.T) {
	a := startHub(t, map[string][]string{"acme": {"dmz-a"}, "rival": {"dmz-a"}})
	acme, rival := a.as(t, "acme", "dmz-a"), a.whole(t, "rival")
	ears, err := rival.Conn.SubscribeSync(">")
	if err != nil {
		t.Fatal(err)
	}
	if err := rival.Conn.FlushTimeout(30 * time.Second); err != nil {
		t.Fatal(err)
	}

	for i := range 3 {
		if _, err := acme.Stream.Publish(t.Context(), fleet.AlertSubject("hq"), []byte("acme's"), jetstream.WithMsgID(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range hub.Buckets(1) {
		key := fleet.Token("dmz-a")
		switch b.Bucket {
		case fleet.DirectoryBucket:
			key = fleet.DirectoryKey("hq", "dmz-a")
		case fleet.ShareBucket:
			key = fleet.LentKey("dmz-a", "hq", "k", "expc01")
		}
		if err := bucket(b.Bucket, func(ctx context.Context, kv jetstream.KeyValue) error {
			_, err := kv.Put(ctx, key, []byte("acme's"))
			return err
		})(t.Context(), acme); err != nil {
			t.Fatal(err)
		}
	}

	account := public(a.maker(t).keys.tenants["acme"].account)
	for _, s := range append(altering(), "$SYS.REQ.ACCOUNT."+account+".INFO", "$SYS.REQ.ACCOUNT."+account+".CONNZ", "$SYS.REQ.ACCOUNT."+account+".JSZ", "$SYS.REQ.ACCOUNT."+account+".SUBSZ",
		"$SYS.REQ.ACCOUNT."+account+".CLAIMS.LOOKUP", "$SYS.REQ.ACCOUNT."+account+".CLAIMS.UPDATE", "$SYS.REQ.CLAIMS.LIST", "$SYS.REQ.CLAIMS.PACK", "$JS."+account+".API.STREAM.LIST", "$JS.acme.API.STREAM.LIST",
		"$SYS.ACCOUNT."+account+".CONNECT", "$JS.API.STREAM.LIST", "$JS.API.STREAM.NAMES") {
		reply, err := rival.Conn.Request(s, []byte("{}"), 100*time.Millisecond)
		if err == nil && (strings.Contains(string(reply.Data), account) || strings.Contains(string(reply.Data), "acme")) {
			t.Errorf("%s: %s", s, reply.Data)
		}
	}
	for m, err := ears.NextMsg(100 * time.Millisecond); err == nil; m, err = ears.NextMsg(100 * time.Millisecond) {
		if strings.Contains(string(m.Data), "acme") {
			t.Errorf("it heard %s: %s", m.Subject, m.Data)
		}
	}
	for _, name := range streams() {
		if s, err := rival.Stream.Stream(t.Context(), name); err == nil && s.CachedInfo().State.Msgs > 1 { // one may be its own, of altering
			t.Errorf("%s of the other has %d messages", name, s.CachedInfo().State.Msgs)
		}
		rival.Stream.DeleteStream(t.Context(), name)
	}
	alerts, err := acme.Stream.Stream(t.Context(), fleet.AlertStream)
	if err != nil || alerts.CachedInfo().State.Msgs != 3 {
		t.Fatalf("acme's alerts: %v", err)
	}
	if err := bucket(fleet.StatusBucket, func(ctx context.Context, kv jetstream.KeyValue) error { _, err := kv.Get(ctx, "dmz-a"); return err })(t.Context(), acme); err != nil {
		t.Error(err)
	}

	a.forge(t)
}

// forge tries to come to acme with what rival's keys sign.
func (a *aHub) forge(t *testing.T) {
	t.Helper()
	m := a.maker(t)
	for what, signer := range map[string]nkeys.KeyPair{"account": m.keys.tenants["rival"].account, "signing key": m.keys.tenants["rival"].collector} {
		k, err := nkeys.CreateUser()
		if err != nil {
			t.Fatal(err)
		}
		c := jwt.NewUserClaims(public(k))
		c.Name, c.IssuerAccount = "dmz-a", public(m.keys.tenants["acme"].account)
		c.SetScoped(what == "signing key")
		text, err := sealed(c, signer, k)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(a.dir, CredsFile("acme", "forged")), text, 0o600); err != nil {
			t.Fatal(err)
		}
		h := a.opened(t, "acme", "forged")
		for !hub.Refused(h.Down()) && t.Context().Err() == nil {
			if h.Down() == nil {
				t.Fatalf("by another tenant's %s it came in", what)
			}
			time.Sleep(10 * time.Millisecond)
		}
		h.Close()
	}
}

// TestRenew: new credentials are good at once, and the old ones for nothing, for who is connected
// with them too; a tenant and a collector are added to a hub that runs.
func TestRenew(t *testing.T) {
	a := startHub(t, map[string][]string{"acme": {"dmz-a"}})
	file := filepath.Join(a.dir, CredsFile("acme", "dmz-a"))
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(a.dir, CredsFile("acme", "lost")), old, 0o600); err != nil {
		t.Fatal(err)
	}
	lost := a.as(t, "acme", "lost")
	if _, err := Make(a.dir, Wish{Tenant: "acme", Collectors: []string{"dmz-b"}, Renew: []string{"dmz-a"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := Make(a.dir, Wish{Tenant: "beta", Collectors: []string{"dmz-a"}}); err != nil {
		t.Fatal(err)
	}
	if err := Apply(t.Context(), a.dir, func(string) {}); err != nil {
		t.Fatal(err)
	}
	for !hub.Refused(lost.Down()) && t.Context().Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	for tenant, user := range map[string]string{"acme": "dmz-b", "beta": "dmz-a"} {
		h := a.as(t, tenant, user)
		if _, err := h.Stream.Publish(t.Context(), fleet.AlertSubject("hq"), []byte("{}")); err != nil {
			t.Errorf("%s: %v", tenant, err)
		}
	}
	h := a.as(t, "acme", "dmz-a")
	if _, err := h.Stream.AccountInfo(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestDeliverElsewhere: a consumer has the hub deliver nothing where its maker may not write: what
// a bucket is made of is no subscriber to a consumer.
func TestDeliverElsewhere(t *testing.T) {
	a := startHub(t, map[string][]string{"acme": {"dmz-a"}})
	h := a.as(t, "acme", "dmz-a")
	put := func(ctx context.Context, kv jetstream.KeyValue) error {
		_, err := kv.Put(ctx, "dmz-a", []byte("x"))
		return err
	}
	if err := bucket(fleet.StatusBucket, put)(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	req, err := json.Marshal(map[string]any{"stream_name": "KV_grab-status", "config": map[string]any{"name": "x", "deliver_subject": "$KV.grab-directory.hq.dmz-b", "filter_subject": "$KV.grab-status.dmz-a", "ack_policy": "none", "deliver_policy": "all"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Conn.Request("$JS.API.CONSUMER.CREATE.KV_grab-status.x.$KV.grab-status.dmz-a", req, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := bucket(fleet.StatusBucket, put)(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	whole := a.whole(t, "acme")
	s, err := whole.Stream.Stream(t.Context(), "KV_grab-status")
	if err != nil {
		t.Fatal(err)
	}
	if c, err := s.PushConsumer(t.Context(), "x"); err == nil && (c.CachedInfo().PushBound || c.CachedInfo().Delivered.Consumer > 0) {
		t.Errorf("%+v", c.CachedInfo())
	}
	err = bucket(fleet.DirectoryBucket, func(ctx context.Context, kv jetstream.KeyValue) error { _, err := kv.Get(ctx, "hq.dmz-b"); return err })(t.Context(), h)
	if !errors.Is(err, jetstream.ErrKeyNotFound) {
		t.Error(err)
	}
}
