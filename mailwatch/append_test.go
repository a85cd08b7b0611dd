package mailwatch

import (
	"context"
	"errors"
	"strings"
	"testing"

	"rtmtgrab/internal/testserver"
)

// A mail that was appended is seen like any other; exactly it is removed, and nothing once
// the server has numbered its mails anew.
func TestAppend(t *testing.T) {
	d, k := testserver.StartDovecot(t, testserver.DovecotOptions{}), newKeeper(t)
	d.Deliver("", alert("before"))
	stop := k.run(k.watcher(dovecotServer(d)))
	k.gets("before")
	put := func(name string) Appended {
		t.Helper()
		a, err := Append(t.Context(), dovecotServer(d), "INBOX", alert(name))
		if err != nil || a.UID == 0 || a.UIDValidity == 0 {
			t.Fatalf("%+v, %v", a, err)
		}
		return a
	}
	first, second := put("first"), put("second")
	k.gets("before", "first", "second")
	if err := first.Remove(t.Context(), dovecotServer(d)); err != nil || len(d.Flags("")) != 2 {
		t.Errorf("%v, %q", err, d.Flags(""))
	}
	stop()
	d.SetUIDValidity("", second.UIDValidity+1)
	if err := second.Remove(t.Context(), dovecotServer(d)); err == nil || !strings.Contains(err.Error(), "renumbered") || len(d.Flags("")) != 2 {
		t.Errorf("%v, %q", err, d.Flags(""))
	}
	if err := (Appended{Mailbox: "INBOX", UIDValidity: 1}).Remove(t.Context(), dovecotServer(d)); err == nil {
		t.Error("removed a mail of which nothing is known")
	}

	stage, isStage := errors.AsType[*StageError](func() error { _, err := Append(t.Context(), dovecotServer(d), "Nowhere", alert("x")); return err }())
	if !isStage || stage.Stage != StageMailbox || !strings.Contains(stage.Error(), `append to "Nowhere"`) {
		t.Errorf("%+v", stage)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Append(ended, dovecotServer(d), "INBOX", alert("x")); err == nil || len(d.Flags("")) != 2 {
		t.Error("appended after the end: ", err)
	}
}
