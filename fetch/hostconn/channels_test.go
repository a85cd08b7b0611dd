package hostconn

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/testserver"
)

// A big file comes whole over as many channels as OpenSSH allows, in the packets
// that it says it can.
func TestChannelsOnOpenSSH(t *testing.T) {
	dir, end := t.TempDir(), time.Now().Truncate(time.Second)
	want := fetchtest.BigLog(t, dir, 12<<20, end)
	for what, c := range map[string]struct{ sessions, channels int }{"as it comes": {10, channelCount}, "four channels": {4, 2}, "one channel": {1, 0}} {
		t.Run(what, func(t *testing.T) {
			s, err := realConn(t, testserver.SSHDOptions{MaxSessions: c.sessions}, Commands{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			h, err := s.Open(t.Context(), filepath.Join(dir, "network_log"))
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			free := s.useChannels()
			var channels []*channel
			for len(channels) < c.channels {
				l := <-free
				if l.packet != largestPacket {
					t.Errorf("packets of %d bytes", l.packet)
				}
				channels = append(channels, l)
			}
			for _, l := range channels {
				s.giveChannel(l)
			}
			w := &source{Handle: h, s: s, Known: Known{Name: filepath.Join(dir, "network_log"), Head: want[:HeadSize], Size: int64(len(want))}, to: int64(len(want))}
			dst := &sliceFile{b: make([]byte, len(want))}
			n, err := NewTransfer(w, dst, 0, 0, w.to).Run(t.Context(), w, &Meter{})
			if err != nil || n < w.to || !bytes.Equal(dst.b, want) {
				t.Errorf("%d of %d bytes, %v", n, len(want), err)
			}
			s.leaveChannels()
			s.closeChannels()
			if s.channels.open != 0 {
				t.Errorf("%d channels are open after the copy", s.channels.open)
			}
		})
	}
}
