package expressway_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/internal/expressway"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/mra"
)

// quarter is the network_log of an Expressway-C and the REGISTERs that reached CUCM
// through it, of so many phones in a quarter of an hour.
func quarter(t testing.TB, phones int) (text []byte, happened []mra.Happening) {
	t.Helper()
	cfg := mra.SiteConfig{Phones: phones}
	for _, role := range []string{"C", "E"} {
		e, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Name: "exp" + role, Role: role, Logs: lab.LogConfig{RotateSize: -1}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.Close() })
		if role == "C" {
			cfg.C = append(cfg.C, e)
		} else {
			cfg.E = append(cfg.E, e)
		}
	}
	s, err := mra.NewSite(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	now := time.Now()
	for _, ev := range []mra.Event{{At: now.Add(-5 * time.Minute), Kind: mra.LateKeepAlive, Phone: 1}, {At: now.Add(-2 * time.Minute), Kind: mra.DropTCP}} {
		if err := s.Schedule(ev); err != nil {
			t.Fatal(err)
		}
	}
	s.Backfill(now.Add(-15 * time.Minute))
	text, err = os.ReadFile(filepath.Join(cfg.C[0].Dir(), lab.NetworkLog))
	if err != nil {
		t.Fatal(err)
	}
	return text, s.Happened()
}

// TestSite reads what the laboratory wrote: the two records of each message say
// the same, and the answers that CUCM gave are all there.
func TestSite(t *testing.T) {
	text, happened := quarter(t, 4)
	records := expressway.NewRecordReader(bytes.NewReader(text), 0, expressway.Ref{})
	lines, bodies := map[string]*expressway.SIP{}, map[string]*expressway.SIP{}
	newRegs, bulk, closed := map[string]bool{}, map[string]bool{}, 0
	for {
		r, err := records.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(r.Text, []byte("NOTIFY")) { // of these the request in full alone is a note
			continue
		}
		n, ok := r.Note()
		switch {
		case !ok || n.Host != "expC" || !n.Local.IsValid() || !n.Peer.IsValid():
			t.Fatalf("%s\n%+v", r.Text, n)
		case n.Kind == expressway.NoteSIP:
			lines[n.Hash] = n.SIP
		case n.Kind == expressway.NoteBody:
			bodies[n.Hash] = n.SIP
			s := n.SIP
			if s.Cut || s.Request && (len(s.Contacts) != 1 || s.Device == "" || s.Device != "SEP"+s.MAC) {
				t.Fatalf("%s\n%+v", r.Text, s)
			}
			if mac, ok := expressway.MACOfCallID(s.CallID); !ok || s.MAC != "" && s.MAC != mac {
				t.Fatalf("%s of %s, %s by its Contact", mac, s.CallID, s.MAC)
			}
			newRegs[s.CallID] = newRegs[s.CallID] || s.NewReg
			bulk[s.CallID] = bulk[s.CallID] || s.Bulk
		case n.TCP == expressway.TCPClosed:
			closed++
		}
	}
	if len(lines) != len(bodies) || len(lines) == 0 {
		t.Fatalf("%d lines, %d bodies", len(lines), len(bodies))
	}
	for hash, l := range lines {
		b := bodies[hash]
		if b == nil || l.Request != b.Request || l.Method != b.Method || l.Code != b.Code || l.CSeq != b.CSeq || l.CallID != b.CallID ||
			l.To != b.To || l.ToHost != b.ToHost || l.ToUser != b.ToUser || l.FromTag != b.FromTag || l.ToTag != b.ToTag {
			t.Fatalf("%s:\n%+v\n%+v", hash, l, b)
		}
	}
	drops := 0
	for _, h := range happened {
		switch {
		case h.What == mra.TCPClosed:
			drops++
		case h.NewReg && !newRegs[h.CallID]:
			t.Errorf("%s was registered anew at %v, no answer says so", h.Device, h.Time)
		case h.What == mra.Registered && !bulk[h.CallID]:
			t.Errorf("%s registered all lines at %v, no bulk body", h.Device, h.Time)
		}
	}
	if drops == 0 || closed != drops {
		t.Errorf("%d connections closed, %d seen", drops, closed)
	}
}
