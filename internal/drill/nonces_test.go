package drill

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
)

// clocked are nonces in a folder of their own whose time stands still.
func clocked(t testing.TB) (n *Nonces, now *time.Time) {
	at := time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)
	return &Nonces{File: filepath.Join(t.TempDir(), "drill-nonces.json"), Now: func() time.Time { return at }}, &at
}

func said(node string) Saying {
	one := 1
	return SayingOf(evidence.Alert{Kind: "partial", Name: "PartiallyRegisteredPhone", Cluster: "HQ", Node: node, Count: &one}, "Number of phones (1)\nis over 0 on node "+node+".\n")
}

func issue(t testing.TB, n *Nonces, site string) (mark string) {
	t.Helper()
	mark = NewMark()
	if _, err := n.Issue(mark, site, said("cucm01")); err != nil {
		t.Fatal(err)
	}
	return mark
}

// A nonce makes one mail a drill, in ten minutes, across restarts, and only if the mail says
// what was sent.
func TestUse(t *testing.T) {
	changed := said("cucm01")
	changed.Text = "something else"
	more := said("cucm01")
	more.Text = "CAUTION: external mail. " + more.Text + " Confidential."
	two := said("cucm01")
	two.Devices = []string{"SEP00EBD5D5D8C6"}
	for _, c := range []struct {
		name string
		came Saying
		age  time.Duration
		site string
	}{
		{"as sent", said("cucm01"), Life - time.Second, "hq"},
		{"with a banner", more, time.Second, "hq"},
		{"expired", said("cucm01"), Life, ""},
		{"issued in the future", said("cucm01"), -time.Hour, ""},
		{"another node", said("cucm02"), time.Second, ""},
		{"another text", changed, time.Second, ""},
		{"a device", two, time.Second, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, now := clocked(t)
			mark := issue(t, n, "hq")
			*now = now.Add(c.age)
			again := &Nonces{File: n.File, Now: n.Now} // after a restart
			if site, why := again.Use(mark, c.came, "id1"); site != c.site || (why == "") != (site != "") {
				t.Errorf("%q, %q", site, why)
			}
		})
	}
}

// No second mail is a drill by the same nonce; the same mail, read again, is.
func TestUsedUp(t *testing.T) {
	n, now := clocked(t)
	mark := issue(t, n, "hq")
	if site, why := n.Use(mark, said("cucm01"), "id1"); site != "hq" {
		t.Fatal(why)
	}
	for _, n := range []*Nonces{n, {File: n.File, Now: n.Now}} {
		if site, why := n.Use(mark, said("cucm01"), "id2"); site != "" || !strings.Contains(why, "used") {
			t.Errorf("%q, %q", site, why)
		}
	}
	*now = now.Add(time.Hour)
	if site, why := n.Use(mark, said("cucm01"), "id1"); site != "hq" || why != "" {
		t.Errorf("%q, %q", site, why)
	}
	if !n.Known(mark, said("cucm01")) || n.Known(mark, said("cucm02")) || n.Known(NewMark(), said("cucm01")) || n.Known("", said("cucm01")) {
		t.Error("known")
	}
}

// What cannot be written down as used is no drill, now or later.
func TestUseIsSaved(t *testing.T) {
	n, _ := clocked(t)
	mark := issue(t, n, "hq")
	n.File = filepath.Join(n.File, "no folder")
	for _, id := range []string{"id1", "id2"} {
		if site, why := n.Use(mark, said("cucm01"), id); site != "" || why == "" {
			t.Errorf("%q, %q", site, why)
		}
	}
	if _, err := n.Issue(NewMark(), "hq", said("cucm01")); err == nil {
		t.Error("a nonce that is not saved was issued")
	}
}

// The number of nonces is bounded, and those that wait for their mails outlive the others.
func TestBounded(t *testing.T) {
	n, now := clocked(t)
	waiting := issue(t, n, "hq")
	for i := range 2 * maxKept {
		n.list = append(n.list, issued{Mark: NewMark(), Site: "hq", At: *now, UsedBy: fmt.Sprint(i)})
	}
	issue(t, n, "hq")
	if len(n.list) > maxKept+2 {
		t.Errorf("%d are kept", len(n.list))
	}
	if site, why := n.Use(waiting, said("cucm01"), "id"); site != "hq" {
		t.Error(why)
	}
	for range maxValid {
		n.list = append(n.list, issued{Mark: NewMark(), Site: "hq", At: *now})
	}
	if _, err := n.Issue(NewMark(), "hq", said("cucm01")); err != ErrMany {
		t.Error(err)
	}
	*now = now.Add(keptFor)
	issue(t, n, "hq")
	if len(n.list) != 1 {
		t.Errorf("%d are kept after a month", len(n.list))
	}
}

// A damaged file is set aside, and drills go on.
func TestDamaged(t *testing.T) {
	n, _ := clocked(t)
	if err := os.WriteFile(n.File, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if site, _ := n.Use(issue(t, n, "hq"), said("cucm01"), "id"); site != "hq" {
		t.Error("no drill")
	}
}

// Whatever a mail's header holds, only the very nonce makes it a drill.
func FuzzMarkOf(f *testing.F) {
	n, _ := clocked(f)
	mark := issue(f, n, "hq")
	for _, s := range []string{Field + ": " + mark + "\r\n\r\n", "x-grab-drill:\r\n " + mark + "\r\n\r\n", Field + ": " + mark + "\r\n" + Field + ": " + mark + "\r\n\r\n",
		Field + ": \"" + mark + "\"\r\n\r\n", "Subject: x\r\n\r\n" + Field + ": " + mark + "\r\n", Field + ": GRABD1-00\r\n\r\n", strings.ToUpper(Field + ": " + mark + "\r\n\r\n")} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got := MarkOf(raw)
		if got == "" {
			return
		}
		if !markRE.MatchString(got) || !bytes.Contains(raw, []byte(got)) || !bytes.Contains(bytes.ToLower(raw), []byte("x-grab-drill:")) {
			t.Errorf("%q of %q", got, raw)
		}
		if n.Known(got, said("cucm01")) && got != mark {
			t.Errorf("%q is no nonce of ours", got)
		}
	})
}
