package cucm

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// A model is RISPort as it is described: at most so many records in an answer, the rest
// held back without a flag; a limit for calls a minute, shared with others.
type model struct {
	records []Device
	most    int
	limit   int // a minute
	others  int // calls that another application makes in every minute before ours
	down    map[string]bool
	starts  []time.Time
}

func (m *model) ask(_ context.Context, _ *Cluster, n Node, status string, items []string) (answer, error) {
	if m.down[n.Name] {
		return answer{}, &Error{Kind: KindUnreachable, Node: n.Name}
	}
	now := time.Now()
	m.starts = append(m.starts, now)
	recent := 0
	for _, at := range m.starts {
		if now.Sub(at) < time.Minute {
			recent++
		}
	}
	if recent+m.others > m.limit {
		return answer{}, &Error{Kind: KindRate, Node: n.Name}
	}
	a := answer{nodes: []NodeAnswer{{"cucm01", "Ok"}, {"cucm02", "Ok"}}}
	for _, d := range m.records {
		if status != StatusAny && d.Status != status || !slices.ContainsFunc(items, func(p string) bool { ok, _ := path.Match(p, d.Name); return ok }) {
			continue
		}
		a.total++
		if len(a.devices) < m.most {
			a.devices = append(a.devices, d)
		}
	}
	return a, nil
}

func (m *model) cluster(nodes ...Node) *Cluster {
	c := New(Config{Cluster: "Cluster", Publisher: "cucm01:8443", Nodes: nodes})
	c.selects = m.ask
	return c
}

var epoch = time.Date(2026, 11, 28, 21, 31, 0, 0, time.UTC)

// drawRecords makes phones, of some several records.
func drawRecords(t *rapid.T, most int) []Device {
	fronts := rapid.SampledFrom([][]string{{"SEP00"}, {"SEP0", "SEP7", "SEPA"}, {"SEP", "CSF", "TCT", "BOT", "TAB"}, {"SEP", "CSF", "ATA"}}).Draw(t, "fronts")
	var records []Device
	for i := range rapid.IntRange(0, most).Draw(t, "phones") {
		front := fronts[i%len(fronts)]
		name := front + fmt.Sprintf("%0*X", 15-len(front), i*0x10F0F0F0F1%(1<<(4*(15-len(front)))))
		for node := range 1 + i%7/6 {
			records = append(records, Device{Name: name, Node: fmt.Sprintf("cucm0%d", node+1), Status: []string{StatusPartial, StatusRegistered}[(i+node)%2*(i%3/2)], Since: epoch.Add(time.Duration(i%5+node) * time.Second)})
		}
	}
	return records
}

// TestRound: what is missing from a round is said, whatever was held back; the newest
// record of each phone is taken; the budget holds.
func TestRound(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{records: drawRecords(rt, 300), most: rapid.IntRange(20, 300).Draw(rt, "most"), limit: 15}
		status := rapid.SampledFrom([]string{StatusAny, StatusPartial}).Draw(rt, "status")
		synctest.Test(t, func(*testing.T) {
			p, err := m.cluster().Phones(context.Background(), Query{Status: status})
			if err != nil || p.Calls > callsOfRound || p.Calls != len(m.starts) {
				rt.Fatalf("%d calls of %d, %v", p.Calls, len(m.starts), err)
			}
			want := map[string]Device{}
			for _, d := range m.records {
				if old, seen := want[d.Name]; status == StatusAny || d.Status == status {
					if !seen || d.Since.After(old.Since) {
						want[d.Name] = d
					}
				}
			}
			if !p.Truncated && len(p.Devices) != len(want) {
				rt.Fatalf("%d phones of %d, and that is not said", len(p.Devices), len(want))
			}
			for _, d := range p.Devices {
				if w := want[d.Name]; !p.Truncated && (w.Status != d.Status || !w.Since.Equal(d.Since)) {
					rt.Fatalf("%+v, want %+v", d, w)
				}
			}
			for i := range m.starts {
				if i >= risPerMinute && m.starts[i].Sub(m.starts[i-risPerMinute]) < time.Minute {
					rt.Fatalf("six calls in %s", m.starts[i].Sub(m.starts[i-risPerMinute]))
				}
			}
		})
	})
}

// TestRoundRate: the rate fault is waited out three times, each time for 30 s and more.
func TestRoundRate(t *testing.T) {
	for others, want := range map[int]Kind{0: "", 14: "", 15: KindRate} {
		synctest.Test(t, func(t *testing.T) {
			m := &model{most: maxDevices, limit: 15, others: others, records: []Device{{Name: "SEP0", Node: "cucm01", Status: StatusPartial}}}
			p, err := m.cluster().Phones(t.Context(), Query{Status: StatusPartial})
			e, _ := errors.AsType[*Error](err)
			if want == "" {
				if err != nil || p.Calls != 1 {
					t.Errorf("%d others: %d calls, %v", others, p.Calls, err)
				}
				return
			}
			if e == nil || e.Kind != want || p.Calls != 1+rateTries {
				t.Errorf("%d others: %d calls, %v", others, p.Calls, err)
			}
			for i := 1; i < len(m.starts); i++ {
				if d := m.starts[i].Sub(m.starts[i-1]); d < 30*time.Second {
					t.Errorf("asked again after %s", d)
				}
			}
		})
	}
}

// TestRoundNodes: another node is asked where one does not answer, and not where the
// account is refused.
func TestRoundNodes(t *testing.T) {
	nodes := []Node{{Name: "cucm01", Address: "cucm01:8443"}, {Name: "cucm02", Address: "cucm02:8443"}}
	m := &model{most: maxDevices, limit: 15, down: map[string]bool{"cucm01": true}}
	if p, err := m.cluster(nodes...).Phones(t.Context(), Query{}); err != nil || p.Calls != 2 || !p.Complete() {
		t.Errorf("%+v, %v", p, err)
	}
	m.down["cucm02"] = true
	p, err := m.cluster(nodes...).Phones(t.Context(), Query{})
	if e, ok := errors.AsType[*Error](err); !ok || e.Kind != KindUnreachable || e.Node != "cucm01" || p.Calls != 2 || p.Complete() {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestNewer: of two records of one second none makes a phone partial.
func TestNewer(t *testing.T) {
	a := Device{Name: "SEP0", Status: StatusPartial, Since: epoch}
	b := Device{Name: "SEP0", Status: StatusRegistered, Since: epoch}
	for _, d := range []Device{newer(a, b), newer(b, a)} {
		if d.Status != StatusRegistered || !d.Tied {
			t.Errorf("%+v", d)
		}
	}
	b.Since = epoch.Add(-time.Second)
	for _, d := range []Device{newer(a, b), newer(b, a)} {
		if d.Status != StatusPartial || d.Tied {
			t.Errorf("%+v", d)
		}
	}
}
