//go:build linux

package chaos

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// troubles are what goes wrong, one thing after the other.
type troubles struct {
	*rig
	rng      *rand.Rand
	count    map[string]int
	validity uint32
}

// run makes trouble until done is closed.
func (tr *troubles) run(done <-chan struct{}) {
	kinds := []struct {
		name   string
		weight int
		do     func()
	}{
		{"cut", 6, func() { tr.line.Cut() }},
		{"cut within an answer", 6, func() { tr.line.CutAfter(int64(tr.rng.IntN(4000))); tr.wait(300); tr.line.CutAfter(-1) }},
		{"delayed", 4, func() { tr.line.SetRoundTrip(time.Duration(tr.rng.IntN(300)) * time.Millisecond) }},
		{"slow", 2, func() { tr.line.SetRate(int64(2000 + tr.rng.IntN(20000))); tr.wait(500); tr.line.SetRate(0) }},
		{"stalled", 2, func() { tr.line.Stall(true); tr.wait(1500); tr.line.Stall(false) }},
		{"answers doubled", 5, func() { tr.line.Duplicate(1 + tr.rng.IntN(3)) }},
		{"expunged", 5, tr.expunge},
		{"watcher killed", 5, func() { tr.alive(); tr.kill(); tr.startWatch() }},
		{"server restarted", 1, func() { tr.mu.Lock(); defer tr.mu.Unlock(); tr.mail.Restart() }},
		{"renumbered", 1, tr.renumber},
	}
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	for next := 0; ; next++ {
		select {
		case <-done:
			return
		case <-time.After(time.Duration(100+tr.rng.IntN(500)) * time.Millisecond):
		}
		pick := tr.rng.IntN(total)
		for _, k := range kinds {
			if pick -= k.weight; pick < 0 {
				k.do()
				tr.count[k.name]++
				break
			}
		}
		tr.alive()
		tr.measure()
	}
}

func (tr *troubles) wait(ms int) { time.Sleep(time.Duration(ms/2+tr.rng.IntN(ms)) * time.Millisecond) }

// renumber gives the mailbox a new UIDVALIDITY.
func (tr *troubles) renumber() {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.validity++
	tr.mail.SetUIDValidity("", 1000+tr.validity)
}

// expunge removes some of the mails that the watcher has on disk, as another user
// of the mailbox might. What it has not seen yet would be nobody's to account for.
func (tr *troubles) expunge() {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, sub := range []string{"new", "cur"} {
		dir := filepath.Join(tr.mail.Dir, "mail", sub)
		list, err := os.ReadDir(dir)
		tr.check(err)
		for _, e := range list {
			if tr.rng.IntN(4) != 0 {
				continue
			}
			name := filepath.Join(dir, e.Name())
			b, err := os.ReadFile(name)
			if err == nil && tr.known(string(b)) {
				os.Remove(name)
			}
		}
	}
}

// known reports whether a mail's alert is in the store.
func (tr *troubles) known(raw string) bool {
	_, rest, ok := strings.Cut(raw, "Message-ID: <")
	id, _, _ := strings.Cut(rest, ">")
	if !ok {
		return false
	}
	_, err := os.Stat(filepath.Join(tr.dir, "store", "alerts", alertID(id)+".json"))
	return err == nil
}
