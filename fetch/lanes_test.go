package fetch

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/realsrv"
)

// A big file comes whole over as many channels as OpenSSH allows, in the packets
// that it says it can.
func TestLanesOnOpenSSH(t *testing.T) {
	dir, end := t.TempDir(), time.Now().Truncate(time.Second)
	want := fetchtest.BigLog(t, dir, 12<<20, end)
	for what, c := range map[string]struct{ sessions, lanes int }{"as it comes": {10, laneCount}, "four channels": {4, 2}, "one channel": {1, 0}} {
		t.Run(what, func(t *testing.T) {
			s, err := realConn(t, realsrv.SSHDOptions{MaxSessions: c.sessions}, Commands{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			h, err := s.Open(t.Context(), filepath.Join(dir, "network_log"))
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			free := s.useLanes()
			var lanes []*lane
			for len(lanes) < c.lanes {
				l := <-free
				if l.packet != largestPacket {
					t.Errorf("packets of %d bytes", l.packet)
				}
				lanes = append(lanes, l)
			}
			for _, l := range lanes {
				s.giveLane(l)
			}
			w := &wide{Handle: h, s: s, Known: Known{Name: filepath.Join(dir, "network_log"), Head: want[:HeadSize], Size: int64(len(want))}, to: int64(len(want))}
			dst := &sliceFile{b: make([]byte, len(want))}
			n, err := NewTransfer(w, dst, 0, 0, w.to).Run(t.Context(), w, &Meter{})
			if err != nil || n < w.to || !bytes.Equal(dst.b, want) {
				t.Errorf("%d of %d bytes, %v", n, len(want), err)
			}
			s.leaveLanes()
			s.closeLanes()
			if s.lanes.open != 0 {
				t.Errorf("%d lanes are open after the copy", s.lanes.open)
			}
		})
	}
}

// While a big file is copied it is rotated: its name is another file's then. Not a
// byte of that file gets into the slice.
func TestLanesRotation(t *testing.T) {
	dir, end := t.TempDir(), time.Now().Truncate(time.Second)
	want := fetchtest.BigLog(t, dir, 12<<20, end)
	s, err := realConn(t, realsrv.SSHDOptions{}, Commands{Allowed: true})
	if err != nil {
		t.Fatal(err)
	}
	g := newGrab(t, dir, newShared(s, &memory{}, func(bool) {}))
	defer s.Close()
	row, err := g.Pass(t.Context(), evidence.NewWindow(end.Add(-9*time.Minute), end), func(time.Time) {
		name := filepath.Join(dir, "network_log")
		if err := os.Rename(name, name+".1"); err != nil {
			t.Error(err)
		}
		if err := os.WriteFile(name, bytes.Repeat([]byte("something else\n"), 1<<20), 0o600); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.lanes.free == nil {
		t.Error("no lanes were asked for")
	}
	got := []byte(slice(t, g, "network_log"))
	if len(got) < len(want)*8/10 {
		t.Fatalf("%d of %d bytes; %+v", len(got), len(want), row.Files)
	}
	// its head first: to search for megabytes takes the race detector minutes
	if i := bytes.Index(want, got[:4<<10]); i < 0 || !bytes.HasPrefix(want[i:], got) {
		t.Errorf("%d bytes are no part of the file (%d)", len(got), i)
	}
}

// What comes later is read carefully, unless the log grows faster than that.
func TestCarefulPace(t *testing.T) {
	g := &Grab{state: &state{}}
	now := time.Now()
	part := func(n int64) []*plan {
		return []*plan{{family: "network_log", parts: []*held{{name: "network_log", found: &extent{to: n}}}}}
	}
	if p := g.careful(part(1<<30), now); p != nil {
		t.Errorf("the first pass goes at %d bytes a second", p.Rate)
	}
	g.took = now.Add(-100 * time.Second)
	if p := g.careful(part(1<<20), now); p.Rate != CarefulRate {
		t.Errorf("a later one goes at %d", p.Rate)
	}
	if p, want := g.careful(part(1<<30), now), int64(4*(1<<30)/100); p.Rate < want-1000 || p.Rate > want+1000 {
		t.Errorf("one that has much to take goes at %d, not %d", p.Rate, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (&Pacer{Rate: 1}).Wait(ctx, 1<<20); err == nil {
		t.Error("a pacer waits on after its context has ended")
	}
}
