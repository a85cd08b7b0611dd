package collector

import (
	"os"
	"testing"

	"rtmtgrab/internal/collector/control"
)

// TestSlots: no user, and not all users together, take what root and the service's own
// user need.
func TestSlots(t *testing.T) {
	var s slots
	taken := map[int]int{}
	var leave func()
	for uid := range 20 {
		for range 10 {
			l, err := s.enter(control.Peer{Known: true, UID: 5000 + uid})
			if err == nil {
				if taken[uid]++; uid < 2 {
					leave = l // of those for everybody
				}
			}
		}
	}
	if taken[0] != maxUserWorks || taken[1] != maxWorks-maxUserWorks || len(taken) != 2+firstWorks {
		t.Errorf("taken: %v", taken)
	}
	for uid := 2; uid < len(taken); uid++ {
		if taken[uid] != 1 {
			t.Errorf("user %d, who came when the others had all, has %d", uid, taken[uid])
		}
	}
	for _, uid := range []int{0, os.Getuid()} {
		l, err := s.enter(control.Peer{Known: true, UID: uid})
		if err != nil {
			t.Fatalf("uid %d: %v", uid, err)
		}
		if _, err := s.enter(control.Peer{Known: true, UID: uid}); err == nil {
			t.Errorf("uid %d has two where one is kept", uid)
		}
		l()
	}
	leave()
	last, err := s.enter(control.Peer{Known: true, UID: 7000})
	if err != nil {
		t.Error(err)
	}
	last()
	if _, err := s.enter(control.Peer{}); err != nil {
		t.Errorf("a peer whom the system does not know: %v", err)
	}
}

// TestSlotsClose: at the end nobody comes in any more.
func TestSlotsClose(t *testing.T) {
	var s slots
	leave, err := s.enter(control.Peer{})
	if err != nil {
		t.Fatal(err)
	}
	go leave()
	s.close()
	if _, err := s.enter(control.Peer{}); err == nil {
		t.Error("one came in after the end")
	}
}
