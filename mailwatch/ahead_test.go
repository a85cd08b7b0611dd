package mailwatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/internal/testserver"
)

// counting counts the commands that are sent: each is a round trip.
type counting struct {
	net.Conn
	commands *atomic.Int64
}

func (c counting) Write(b []byte) (int, error) {
	c.commands.Add(int64(bytes.Count(b, []byte("\r\n"))))
	return c.Conn.Write(b)
}

// A thousand mails cost some round trips, not one each; each is handled once, in
// order, made safe before the cursor passes it, and marked then.
func TestBacklog(t *testing.T) {
	const n = 1000
	d, k := testserver.StartDovecot(t, testserver.DovecotOptions{}), newKeeper(t)
	for i := range n {
		d.Deliver("", alert(fmt.Sprintf("c%04d", i)))
	}
	var commands atomic.Int64
	w := k.watcher(dovecotServer(d))
	w.TLS, w.Addr, w.Mark = TLSNone, d.IMAP, MarkFlagged
	w.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		return counting{c, &commands}, err
	}
	failed := false
	w.Sync = func(context.Context) error {
		var err error
		return errors.Join(k.note("", func() {
			if len(k.mails) > 600 && !failed { // the second batch is not safe: it comes again
				failed, err = true, errors.New("fault")
				k.events = append(k.events, "fault")
				return
			}
			k.events = append(k.events, "sync")
		}), err)
	}
	k.run(w)
	k.scanned()
	k.mu.Lock()
	defer k.mu.Unlock()
	if got := k.subjects(); len(got) != n || !slices.IsSorted(got) {
		t.Errorf("%d alerts", len(got))
	}
	var steps []string
	for _, e := range k.events {
		if !strings.HasPrefix(e, "handle ") {
			steps = append(steps, e)
		}
	}
	if got, want := strings.Join(steps, ", "), "save 0, sync, save 512, fault, flush, sync, save 1000, flush"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if len(k.mails) != 2*n-512 {
		t.Errorf("%d handled, want those of the second batch twice", len(k.mails))
	}
	if m := k.mails[0]; m.Alert.Folder != "INBOX" || m.Alert.Kind != "partial" {
		t.Errorf("%+v", m.Alert)
	}
	if flags := d.Flags(""); slices.ContainsFunc(flags, func(f string) bool { return !strings.Contains(f, "F") }) {
		t.Errorf("not all are marked: %q", flags)
	}
	if c := commands.Load(); c > 60 {
		t.Errorf("%d round trips for %d mails", c, n)
	} else {
		t.Logf("%d round trips, %.1f s at 50 ms", c, float64(c)*0.05)
	}
}

func TestTogether(t *testing.T) {
	var floor time.Time
	metas := make([]meta, 150)
	for i := range metas {
		metas[i] = meta{uid: uint32(i + 1), size: 100}
	}
	if got := together(metas[0], metas[1:], floor); len(got) != aheadMails {
		t.Errorf("%d together", len(got))
	}
	metas[2].size = 1 << 40 // counts for 1 MiB: it is read alone
	if got := together(metas[0], metas[1:], floor); len(got) != 2 {
		t.Errorf("%d together before one that is large", len(got))
	}
	floor = time.Unix(1, 0)
	metas[3].internal, metas[149].internal = time.Unix(2, 0), time.Unix(2, 0)
	if got := together(metas[3], metas[4:], floor); !slices.Equal(got, []uint32{4, 150}) {
		t.Errorf("%v together where others are too old", got)
	}
}

// A mail that the server cannot give does not keep the others from being read, be it
// that the server says so or that it goes away.
func TestOneSickMailAmongMany(t *testing.T) {
	for _, answer := range []string{"NO [SERVERBUG] broken", ""} {
		var got []string
		play(t, 10*time.Minute, func(p *puppet, tag, command string) bool {
			switch {
			case strings.HasPrefix(command, "EXAMINE"):
				p.say("* 3 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n* OK [UIDNEXT 4] x\r\n%s OK done\r\n", tag)
			case strings.HasPrefix(command, "UID SEARCH"):
				p.say("* SEARCH 1 2 3\r\n%s OK done\r\n", tag)
			case strings.Contains(command, "RFC822.SIZE"):
				for i := range 3 {
					p.say("* %d FETCH (UID %d INTERNALDATE \"%s\" RFC822.SIZE 100)\r\n", i+1, i+1, time.Now().Format("02-Jan-2006 15:04:05 -0700"))
				}
				p.say("%s OK done\r\n", tag)
			case strings.Contains(command, "BODY"):
				set := strings.Fields(command)[2]
				if set == "2" || strings.Contains(set, ":") {
					if answer == "" {
						p.Close()
					}
					p.say("%s %s\r\n", tag, answer)
					return true
				}
				raw := alert("mail" + set)
				p.say("* %s FETCH (UID %s BODY[]<0> {%d}\r\n%s)\r\n%s OK done\r\n", set, set, len(raw), raw, tag)
			default:
				return false
			}
			return true
		}, func(w *Watcher) {
			var cur Cursor
			have := false
			w.Load = func() (Cursor, bool, error) { return cur, have, nil }
			w.Save = func(c Cursor) error { cur, have = c, true; return nil }
			w.Handle = func(_ context.Context, m Mail) error {
				got = append(got, m.Alert.Cluster)
				return nil
			}
			w.Sync = func(context.Context) error { return nil }
		})
		slices.Sort(got)
		if got = slices.Compact(got); !slices.Equal(got, []string{"mail1", "mail3"}) {
			t.Errorf("answer %q: got %v", answer, got)
		}
	}
}

// A batch that is not safe begins again where the mailbox was renumbered to, though
// that could not be saved when it was opened.
func TestNotSafeAfterRenumbering(t *testing.T) {
	d, k := testserver.StartDovecot(t, testserver.DovecotOptions{}), newKeeper(t)
	d.Deliver("", alert("one"))
	w := k.watcher(dovecotServer(d))
	w.TLS, w.Addr = TLSNone, d.IMAP
	k.cursor, k.have = Cursor{UIDValidity: 1, UID: 5000, LastInternal: time.Now().UTC()}, true
	saves, syncs := 0, 0
	k.fail = func(event string) error {
		if strings.HasPrefix(event, "save") {
			if saves++; saves == 1 {
				return errors.New("no room")
			}
		}
		if event == "sync" {
			if syncs++; syncs == 1 {
				return errors.New("no room")
			}
		}
		return nil
	}
	w.Sync = func(context.Context) error { return k.note("sync", func() {}) }
	k.run(w)
	k.scanned()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cursor.UIDValidity == 1 || k.cursor.UID != 1 || syncs != 2 {
		t.Errorf("%+v after %v", k.cursor, k.events)
	}
}
