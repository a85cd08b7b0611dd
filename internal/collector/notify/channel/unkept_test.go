package channel

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/collector/health/status"
)

// A channel whose queue cannot be written keeps nothing from the others, is told by them of nothing twice, and
// gets its notices all the same; when nothing can be written they come later.
func TestUnkept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		blocked := filepath.Join(dir, "command")
		if err := os.WriteFile(blocked, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		mail, command := &way{}, &way{}
		problems := []status.Problem{{Key: "store", What: "the disk is full"}}
		d := &Dispatcher{Boxes: []*Outbox{{Name: "mail", Dir: filepath.Join(dir, "mail"), Channel: mail}, {Name: "command", Dir: blocked, Channel: command}},
			Tracker: &Tracker{After: time.Minute, File: filepath.Join(dir, "notices.json")}, Problems: func() []status.Problem { return problems }}
		d.Log = d.Boxes[0].log()
		if err := d.Open(); err == nil {
			t.Fatal("a file was opened as a queue")
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { d.Run(ctx); close(done) }()
		for range 10 { // as long as it is not safe, it comes again
			if d.Notify(note(KindSealed, "one")) == nil {
				break
			}
			time.Sleep(time.Minute)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		for name, w := range map[string]*way{"mail": mail, "command": command} {
			if got := w.texts(); got != "one grab: store" {
				t.Errorf("%s got %q", name, got)
			}
		}
		cancel()
		<-done
	})
}

// What could not be saved is saved when that goes again, if it still waits then.
func TestUnkeptSavedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "mail")
		if err := os.WriteFile(dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		w := &way{answer: func(Notice) error { return os.ErrDeadlineExceeded }}
		o := &Outbox{Name: "mail", Dir: dir, Channel: w}
		o.Open()
		n := note(KindSealed, "one")
		o.hold(n, o.Add(n))
		stop := deliver(t, o)
		time.Sleep(time.Minute)
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		stop()
		next := &way{}
		stop = deliver(t, box(t, dir, next))
		time.Sleep(time.Second)
		synctest.Wait()
		if got := next.texts(); got != "one" {
			t.Errorf("after a restart came %q", got)
		}
		stop()
	})
}
