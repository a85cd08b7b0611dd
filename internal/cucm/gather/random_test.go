package gather

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident/material"
	"rtmtgrab/internal/lab/cucmlab"
)

// draw is some devices' records on some nodes, as of now.
func draw(rng *rand.Rand, nodes []string, now time.Time) []cucmlab.Record {
	var out []cucmlab.Record
	for i := range 25 {
		for _, n := range nodes {
			if rng.IntN(3) == 0 {
				continue
			}
			r := partial(fmt.Sprintf("SEP%012X", i), n, now.Add(-time.Duration(rng.IntN(6))*time.Minute))
			switch rng.IntN(3) {
			case 0:
				r.Status = "Registered"
				r.Lines = r.Lines[:1]
			case 1:
				r.Status = "UnRegistered"
			}
			out = append(out, r)
		}
	}
	return out
}

// newest is what is so of a device: its newest record over all nodes; tied: two of one
// second differ.
func newest(of []cucmlab.Record, device string) (r cucmlab.Record, tied bool) {
	for _, o := range of {
		switch {
		case o.Device != device:
		case r.Device == "" || o.Since.After(r.Since):
			r, tied = o, false
		case o.Since.Equal(r.Since) && o.Status != r.Status:
			tied = true
		}
	}
	return r, tied
}

// TestRandomNames: whatever nodes have, cut off or do not answer, and whatever changes
// between the rounds, a phone that is certain is so, and where all is certain none is missing.
func TestRandomNames(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 7))
		nodes := []string{"cucm01.example.com", "cucm02.example.com", "cucm03.example.com"}[:1+rng.IntN(3)]
		b := newBench(t, cucmlab.Config{Nodes: nodes})
		now := time.Now().UTC().Truncate(time.Second)
		before := draw(rng, nodes, now)
		after := before
		if rng.IntN(2) == 0 {
			after = draw(rng, nodes, now)
		}
		spoil := func(records []cucmlab.Record) func(*cucmlab.Faults) {
			f := cucmlab.RISFault{Records: records, Nil: rng.IntN(2) == 0, NoLines: rng.IntN(4) == 0, NotTotal: rng.IntN(5) == 0}
			if rng.IntN(3) == 0 {
				f.Unanswered = []string{nodes[rng.IntN(len(nodes))]}
			}
			if rng.IntN(6) == 0 {
				f.Most = 10 + rng.IntN(60)
			}
			return func(all *cucmlab.Faults) { all.RIS = f }
		}
		for i := range 25 {
			if rng.IntN(2) == 0 {
				b.logs["expc01"] += register(fmt.Sprintf("SEP%012X", i))
			}
		}
		b.lab.SetFaults(spoil(before))
		g := b.gatherer()
		g.Begin(b.in)
		waitFor(t, func() bool {
			s, err := material.Of(b.store, "k").Read()
			return err == nil && len(s.CUCM) > 0
		})
		b.lab.SetFaults(spoil(after))
		g.Await(t.Context(), b.in, b.complete())
		doc, _ := b.names()
		seen[doc.State]++
		listed := map[string]evidence.CUCMPhone{}
		for _, p := range doc.Phones {
			listed[p.Device] = p
			r, tied := newest(after, p.Device)
			if p.Certain && (r.Status != p.Status || tied || doc.State != evidence.NamesCertain) {
				t.Errorf("seed %d: %s is %s for certain (%s), and is %s, tied %t", seed, p.Device, p.Status, doc.State, r.Status, tied)
			}
		}
		if doc.State == evidence.NamesCertain && doc.Why == "" {
			for i := range 25 {
				device := fmt.Sprintf("SEP%012X", i)
				r, tied := newest(after, device)
				_, asked := listed[device]
				inFirst := false
				for _, o := range before {
					inFirst = inFirst || o.Device == device && o.Status == cucm.StatusPartial
				}
				if inLogs := strings.Contains(b.logs["expc01"], device); r.Status == cucm.StatusPartial && !tied && !asked && inLogs {
					t.Errorf("seed %d: %s is partial and in the logs, and is not named (first %t)", seed, device, inFirst)
				}
			}
		}
		g.Close()
		b.lab.Close()
	}
	t.Log(seen)
}
