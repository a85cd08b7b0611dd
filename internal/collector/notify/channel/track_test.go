package channel

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/collector/health/status"
)

// play looks every ten seconds for as long as is said, saves as a Dispatcher does, and
// returns what was told as "offset key event".
type play struct {
	t     *testing.T
	tr    *Tracker
	began time.Time
	told  []string
}

func newPlay(t *testing.T) *play {
	p := &play{t: t, began: time.Now()}
	p.tr = &Tracker{After: 5 * time.Minute, File: filepath.Join(t.TempDir(), "notices.json")}
	return p
}

func (p *play) run(d time.Duration, keys ...string) {
	p.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(lookEvery) {
		var list []status.Problem
		for _, k := range keys {
			list = append(list, status.Problem{Key: k, What: fmt.Sprint("bad for ", time.Since(p.began)), Hint: "mend it"})
		}
		var together []string
		for _, c := range p.tr.Look(time.Now(), list) {
			s := c.Key + " " + c.Event
			if c.Event == Flapped {
				s += fmt.Sprint(" ", c.Times, " ", c.Present)
			}
			if c.Event == Ended {
				s += " after " + c.Ended.Sub(c.Since).String()
			}
			together = append(together, s)
		}
		if len(together) > 0 {
			p.told = append(p.told, time.Since(p.began).String()+" "+strings.Join(together, ", "))
		}
		if err := p.tr.Save(); err != nil {
			p.t.Fatal(err)
		}
	}
}

// restart is a new process after a while.
func (p *play) restart(pause time.Duration) {
	p.t.Helper()
	time.Sleep(pause)
	p.tr = &Tracker{After: p.tr.After, File: p.tr.File}
	if err := p.tr.Load(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *play) want(want ...string) {
	p.t.Helper()
	if !slices.Equal(p.told, want) {
		p.t.Errorf("told\n%s\nwant\n%s", strings.Join(p.told, "\n"), strings.Join(want, "\n"))
	}
}

func virtual(t *testing.T, f func(*play)) {
	synctest.Test(t, func(t *testing.T) { f(newPlay(t)) })
}

func TestTrackOnce(t *testing.T) {
	virtual(t, func(p *play) {
		p.run(10 * time.Minute)
		p.run(3*time.Minute, "disk") // short: quiet
		p.run(10 * time.Minute)
		p.run(2*time.Hour, "disk", "mailbox/a")
		p.run(time.Hour)
		p.want("28m0s disk began, mailbox/a began", "2h24m0s disk ended after 2h0m0s, mailbox/a ended after 2h0m0s")
	})
}

func TestTrackRestart(t *testing.T) {
	virtual(t, func(p *play) {
		p.run(7*time.Minute, "disk")
		p.restart(time.Minute)
		p.run(30 * time.Second) // not found out yet: not over
		p.run(10*time.Minute, "disk")
		p.restart(3 * time.Hour) // it ended while nobody looked
		p.run(30 * time.Minute)
		p.want("5m0s disk began", "3h20m30s disk ended after 3h18m30s")
		p.restart(time.Minute)
		p.told = nil
		p.run(3*time.Minute, "host/x")
		p.restart(time.Second)
		p.run(3*time.Minute, "host/x") // it lasted, over the restart
		if len(p.told) != 1 || !strings.HasSuffix(p.told[0], "host/x began") {
			t.Error(p.told)
		}
	})
}

// TestTrackFlaps: ten minutes of every twenty, for five hours.
func TestTrackFlaps(t *testing.T) {
	virtual(t, func(p *play) {
		for range 15 {
			p.run(10*time.Minute, "host/x")
			p.run(10 * time.Minute)
		}
		p.run(3 * time.Hour)
		perHour := map[string]int{}
		for _, s := range p.told {
			d, err := time.ParseDuration(strings.Fields(s)[0])
			if err != nil {
				t.Fatal(err)
			}
			perHour[fmt.Sprint(int(d.Hours()))]++
		}
		for h, n := range perHour {
			if n > 3 {
				t.Errorf("hour %s: %d notices\n%s", h, n, strings.Join(p.told, "\n"))
			}
		}
		counted := 0
		for _, s := range p.told {
			if strings.Contains(s, "began") {
				counted++
			}
			if _, rest, ok := strings.Cut(s, "flapped "); ok {
				n := 0
				fmt.Sscan(rest, &n)
				counted += n
			}
		}
		if counted != 15 {
			t.Errorf("%d of 15 outages were told of:\n%s", counted, strings.Join(p.told, "\n"))
		}
		if last := p.told[len(p.told)-1]; !strings.Contains(last, "ended") && !strings.Contains(last, "false") {
			t.Errorf("the last word is %s", last)
		}
	})
}

// TestTrackRestless: outages that are too short to be told, one after the other.
func TestTrackRestless(t *testing.T) {
	virtual(t, func(p *play) {
		for range 20 {
			p.run(2*time.Minute, "mailbox/a")
			p.run(3 * time.Minute)
		}
		if len(p.told) != 2 || !strings.Contains(p.told[0], "mailbox/a flapped 6 ") {
			t.Error(p.told)
		}
	})
}

// TestTrackNotKept: what could not be kept on disk is told at the next look.
func TestTrackNotKept(t *testing.T) {
	tr := &Tracker{After: 0, File: filepath.Join(t.TempDir(), "gone", "notices.json")}
	for range 2 {
		if c := tr.Look(time.Now(), []status.Problem{{Key: "a"}}); len(c) != 1 {
			t.Fatal(c)
		}
		if tr.Save() == nil {
			t.Fatal("saved")
		}
		tr.Revert()
	}
}

// TestTrackUnseen: of what was there at one look and gone at the next nobody knows
// how long it lasted, be it that the machine slept in between.
func TestTrackUnseen(t *testing.T) {
	virtual(t, func(p *play) {
		p.run(lookEvery, "mailbox/a")
		time.Sleep(8 * time.Hour)
		p.run(10 * time.Minute)
		p.tr.After = lookEvery // no longer than the time between two looks
		p.run(lookEvery, "mailbox/a")
		p.run(10 * time.Minute)
		p.want()
	})
}
