package health

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/growth"
)

// A fault lasts since the proof that found it first; what was seen of the families stays,
// as old as it is, while the folder itself cannot be told; a clock is what was measured last.
func TestProven(t *testing.T) {
	book, err := growth.Open(atomicfile.JSON[growth.State]{Path: filepath.Join(t.TempDir(), "growth.json")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := hostNotes{Growth: book}
	h := &config.Host{Name: "h"}
	h.Logs.Families = []string{"messages", "network_log"}
	at := time.Now().UTC()
	seen := func() (st status.Host) {
		_, note := n.of("k", "h")
		n.prove(&st, h, note, nil, evidence.NewWindow(at.Add(-time.Hour), at.Add(time.Hour)))
		return st
	}
	offset := time.Hour
	n.Clock("h", at, hostconn.KeeperState{Up: true, Clock: &offset})
	good := logset.FamilyProof{Family: "messages", Newest: at.Add(time.Hour), Size: 5}
	bad := logset.FamilyProof{Family: "network_log", Err: errors.New("permission denied")}

	n.Proven("h", logset.Proof{At: at, Families: []logset.FamilyProof{good, bad}})
	n.Proven("h", logset.Proof{At: at.Add(time.Minute), Families: []logset.FamilyProof{good, bad}})
	st := seen()
	if f := st.Families; len(f) != 2 || !f[0].Newest.Equal(at) || f[0].Error != "" || f[1].Error != "permission denied" || !f[1].Since.Equal(at) || !f[1].Proven.Equal(at.Add(time.Minute)) || f[0].Growth.Kind != "unknown" {
		t.Errorf("%+v", st)
	}

	n.Proven("h", logset.Proof{At: at.Add(2 * time.Minute), Err: errors.New("no folder")})
	st = seen()
	if !st.ProofSince.Equal(at.Add(2*time.Minute)) || st.ProofError != "no folder" || !st.Proven.Equal(st.ProofSince) || len(st.Families) != 2 || !st.Families[0].Proven.Equal(at.Add(time.Minute)) {
		t.Errorf("%+v", st)
	}

	n.Proven("h", logset.Proof{At: at.Add(3 * time.Minute), Families: []logset.FamilyProof{good, good}})
	leapt := 2 * time.Hour
	n.Clock("h", at.Add(3*time.Minute), hostconn.KeeperState{Up: true, Clock: &leapt})
	if st = seen(); st.ProofError != "" || !st.ProofSince.IsZero() || !st.Stepped.Equal(at.Add(3*time.Minute)) || st.SteppedMS != 3600_000 {
		t.Errorf("%+v", st)
	}
	n.Clock("h", at, hostconn.KeeperState{Up: true, Clock: &offset, ClockErr: errors.New("it was not measured now")})
	if _, note := n.of("k", "h"); *note.clock != leapt.Milliseconds() {
		t.Error(*note.clock)
	}

	n.Unproven("h")
	if st = seen(); !st.Proven.IsZero() || len(st.Families) != 0 {
		t.Errorf("it is configured anew: %+v", st)
	}
}

// A record of the future tells that a clock is ahead, where it cannot be measured: commands
// are not allowed, or none came of it.
func TestAhead(t *testing.T) {
	at := time.Now().UTC()
	for name, tt := range map[string]struct {
		commands, measured bool
		err                string
		by                 time.Duration
		want               float64
	}{
		"no commands":      {by: 5 * time.Minute, want: 300},
		"within a minute":  {by: time.Minute},
		"behind":           {by: -5 * time.Minute},
		"measured":         {commands: true, measured: true, by: 5 * time.Minute},
		"never measured":   {commands: true, by: 5 * time.Minute, want: 300},
		"not measured now": {commands: true, measured: true, err: "no date", by: 5 * time.Minute, want: 300},
		"of an old bundle": {measured: true, by: 5 * time.Minute, want: 300},
	} {
		n, h := hostNotes{}, &config.Host{Name: "h"}
		h.SSH.Commands = tt.commands
		n.Proven("h", logset.Proof{At: at, Families: []logset.FamilyProof{{Family: "messages", Newest: at.Add(tt.by)}, {Family: "network_log"}}})
		st, ms := status.Host{}, tt.by.Milliseconds()
		if st.ClockError = tt.err; tt.measured {
			st.ClockMS = &ms
		}
		_, note := n.of("k", "h")
		n.prove(&st, h, note, nil, evidence.Window{})
		if st.AheadS != tt.want {
			t.Errorf("%s: %v, want %v", name, st.AheadS, tt.want)
		}
	}
}
