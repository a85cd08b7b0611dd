package mailwatch

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A keeper keeps what a Watcher hands over, as the journal of incidents does:
// one alert per ID.
type keeper struct {
	t testing.TB

	mu      sync.Mutex
	changed chan struct{} // closed at every change
	mails   []Mail        // all, repeats too
	cursor  Cursor
	have    bool
	events  []string // "handle ID", "save UID", "flush"
	state   State
	told    int                      // states
	nows    []time.Time              // of all states, if not nil
	fail    func(event string) error // for Handle, Save and Flush
	log     strings.Builder
}

func newKeeper(t testing.TB) *keeper { return &keeper{t: t, changed: make(chan struct{})} }

func (k *keeper) note(event string, do func()) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail != nil {
		if err := k.fail(event); err != nil {
			return err
		}
	}
	if event != "" {
		k.events = append(k.events, event)
	}
	do()
	close(k.changed)
	k.changed = make(chan struct{})
	return nil
}

func (k *keeper) Write(b []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.log.Write(b)
}

// watcher is a Watcher that this keeper serves.
func (k *keeper) watcher(s Server) *Watcher {
	return &Watcher{
		Server: s, CatchUp: time.Hour, Poll: time.Minute,
		CursorStore: CursorStore{
			Load: func() (c Cursor, have bool, err error) {
				return c, have, k.note("", func() { c, have = k.cursor, k.have })
			},
			Save: func(c Cursor) error {
				return k.note(fmt.Sprintf("save %d", c.UID), func() { k.cursor, k.have = c, true })
			},
		},
		Intake: Intake{
			Handle: func(_ context.Context, m Mail) error {
				return k.note(fmt.Sprintf("handle %d", m.UID), func() { k.mails = append(k.mails, m) })
			},
			Flush: func(context.Context) error { return k.note("flush", func() {}) },
		},
		State: func(s State) {
			k.note("", func() {
				k.state = s
				k.told++
				if k.nows != nil {
					k.nows = append(k.nows, s.Now)
				}
			})
		},
		Log: slog.New(slog.NewTextHandler(k, nil)),
	}
}

// run runs a Watcher until stop is called or the test ends.
func (k *keeper) run(w *Watcher) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-done:
				if err != nil {
					k.t.Error(err)
				}
			case <-time.After(10 * time.Second):
				k.t.Error("Run did not end")
			}
		})
	}
	k.t.Cleanup(stop)
	return stop
}

// until waits until ok, which is called with the lock held.
func (k *keeper) until(what string, ok func() bool) {
	k.t.Helper()
	guard := time.After(50 * time.Second)
	for {
		k.mu.Lock()
		yes, changed := ok(), k.changed
		k.mu.Unlock()
		if yes {
			return
		}
		select {
		case <-changed:
		case <-guard:
			k.mu.Lock()
			defer k.mu.Unlock()
			k.t.Fatalf("never: %s; state %+v, events %q, log:\n%s", what, k.state, k.events, k.log.String())
		}
	}
}

// idling waits until the Watcher has looked and waits for news.
func (k *keeper) scanned() {
	k.t.Helper()
	k.until("a look", func() bool { return k.state.Event == EventScanned })
}

// subjects are those of the mails in their order, each ID once.
func (k *keeper) subjects() []string {
	seen := map[string]bool{}
	var out []string
	for _, m := range k.mails {
		if !seen[m.Alert.ID] {
			seen[m.Alert.ID] = true
			out = append(out, m.Alert.Cluster)
		}
	}
	return out
}

// gets waits until exactly these alerts came, by the cluster in their subject.
func (k *keeper) gets(want ...string) {
	k.t.Helper()
	k.until(fmt.Sprint("alerts ", want), func() bool { return len(k.subjects()) >= len(want) })
	k.mu.Lock()
	defer k.mu.Unlock()
	if got := k.subjects(); !slices.Equal(got, want) {
		k.t.Fatalf("got alerts %q, want %q", got, want)
	}
}

func (k *keeper) lines(text string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return strings.Count(k.log.String(), text)
}

// alert is a mail of now whose cluster is its name.
func alert(name string) []byte {
	return alertAt(name, time.Now())
}

func alertAt(name string, at time.Time) []byte {
	return []byte("From: RTMT <rtmt@example.com>\r\nTo: noc@example.com\r\nSubject: [RTMT-ALERT-" + name + "] PartiallyRegisteredPhone\r\nDate: " + at.Format(time.RFC1123Z) + "\r\nMessage-ID: <" + name + "@x>\r\n\r\n" +
		"At " + at.Format("Mon Jan 2 15:04:05 MST 2006") + " on node cucm01, the following PartiallyRegisteredPhone events generated:\r\nPartiallyRegisteredPhone = 1\r\n")
}
