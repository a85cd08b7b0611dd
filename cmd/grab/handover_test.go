//go:build !windows

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/delivery"
	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testsite"
)

// handed reads what --json printed.
func handed[T any](t *testing.T, r result) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.out), &v); err != nil {
		t.Fatalf("%v: %s", err, r)
	}
	return v
}

// What a retry by hand seals goes where a grab's bundle goes.
func TestRetryIsHandedOver(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Name: "expc01", Role: "C"}, lab.ExpresswayConfig{Name: "expe01", Role: "E"})
	c.Extra = "handover:\n  - {name: Share, folder: share}\n"
	c.Write()
	if err := c.Peers[1].SetDown(true); err != nil {
		t.Fatal(err)
	}
	if r := c.grab("now", "--patience", "1s"); r.code != advice.Partial || !strings.Contains(r.err, "to be handed over to Share") {
		t.Fatal(r)
	}
	if err := c.Peers[1].SetDown(false); err != nil {
		t.Fatal(err)
	}
	if r := c.grab("retry", "@last"); r.code != 0 || !strings.Contains(r.err, "to be handed over to Share") {
		t.Error(r)
	}
	if r := c.grab("retry", "@last"); r.code != 0 || strings.Contains(r.err, "to be handed over") { // it was said
		t.Error(r)
	}
	store, err := incident.OpenStore(filepath.Join(c.Dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := store.List()
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	if in, err := store.Read(list[0].Incident); err != nil || len(in.Revisions) != 2 || len(in.Revisions[1].HandTo) != 1 {
		t.Errorf("%+v, %v", in.Revisions, err)
	}
}

// What is sealed is delivered by itself and by hand, through a watch and without one; a
// destination that is away or taken out costs nothing.
func TestHandover(t *testing.T) {
	t.Parallel()
	c := newLab(t, lab.ExpresswayConfig{Name: "expc01", Role: "C"})
	share, vault := filepath.Join(c.Dir, "share"), filepath.Join(c.Dir, "vault")
	os.Mkdir(share, 0o700)
	c.Extra = "handover:\n  - {name: Share, folder: share, kinds: [hand]}\n  - {name: vault, folder: vault, verdicts: [partial]}\n"
	c.StartMail()
	in := func(dir string) (names []string) {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	stop := c.watching(c.Socket())
	if r := c.grab("now", "--case", "698112233"); r.code != 0 {
		t.Fatal(r)
	}
	testsite.Until(t, "the bundle is in the share", func() bool { return len(in(share)) == 1 && strings.HasSuffix(in(share)[0], ".zip") })
	var st status.Report
	testsite.Until(t, "status says so", func() bool {
		st = handed[status.Report](t, c.grab("status", "--json"))
		return len(st.Handover) == 2 && st.Handover[0].Count == 1
	})
	if d := st.Handover[0]; d.Name != "Share" || d.Waiting != 0 || d.Place != filepath.Join(share, in(share)[0]) || d.Sink != "folder" {
		t.Errorf("%+v", d)
	}

	// by hand, to one that is not there yet
	testsite.Until(t, "an attempt that came to nothing", func() bool {
		r := c.grab("send", "@last", "--to", "VAULT", "--wait", "1s", "--json")
		return r.code == 1 && strings.Contains(r.out, "is the share mounted")
	})
	list := handed[[]delivery.Delivered](t, c.grab("send", "--list", "--json"))
	if len(list) != 1 || list[0].To != "vault" || list[0].Cause != "unreachable" {
		t.Fatalf("%+v", list)
	}
	id := list[0].Incident

	// it is taken out: the bundle waits, and that is said
	c.Replace("  - {name: vault, folder: vault, verdicts: [partial]}\n", "")
	if r := c.grab("reload"); r.code != 0 {
		t.Fatal(r)
	}
	st = handed[status.Report](t, c.grab("status", "--json"))
	said := false
	for _, p := range st.Problems {
		said = said || p.Key == "handover/vault" && strings.Contains(p.What, "1 bundle waits") && !p.Blocks
	}
	if !said {
		t.Errorf("%+v", st.Problems)
	}
	if set := handed[collector.CaseSet](t, c.grab("case", id, "42", "--json")); set.Case != "42" || set.Incident != id {
		t.Errorf("%+v", set)
	}

	// and goes without a watch when it is back, beside what is sent by hand
	stop()
	os.Mkdir(vault, 0o700)
	c.Extra += "bundle: {format: tar.zst}\n"
	c.Write()
	if r := c.grab("send", id, "--to", "vault"); r.code != 0 || !strings.Contains(r.out, "confirmed by sha256") {
		t.Fatal(r)
	}
	if names := in(vault); len(names) != 1 || names[0] != id+".tar.zst" {
		t.Errorf("%q", names)
	}
	if r := c.grab("verify", filepath.Join(vault, id+".tar.zst"), "--key", filepath.Join(c.Dir, "store", "seal.pub")); r.code != 0 {
		t.Error(r)
	}
	if r := c.grab("send", "--list"); r.code != 0 || !strings.Contains(r.out, "nothing waits") {
		t.Error(r)
	}

	// a bundle of another place, and what cannot be
	if r := c.grab("send", filepath.Join(vault, id+".tar.zst"), "--to", "share"); r.code != 0 {
		t.Error(r)
	}
	for _, args := range [][]string{{"send"}, {"send", id}, {"send", id, "--to", "nobody"}, {"send", id, "--to", "share", "--case", "a/b"}, {"case", id}, {"case", id, "../x"}} {
		if r := c.grab(args...); r.code != 2 {
			t.Errorf("%q: %s", args, r)
		}
	}
	for _, args := range [][]string{{"send", "20260302T141407Z-hq-3fa2c1", "--to", "share"}, {"send", id, "--to", "share", "--drop"}, {"case", "20260302T141407Z-hq-3fa2c1", "1"}} {
		if r := c.grab(args...); r.code != 1 {
			t.Errorf("%q: %s", args, r)
		}
	}
	custody := c.Read("store/custody/" + id + ".jsonl")
	if n := strings.Count(custody, `"act":"delivery"`); n < 3 || !strings.Contains(custody, vault) || !strings.Contains(custody, share) {
		t.Errorf("%d deliveries in custody:\n%s", n, custody)
	}
}
