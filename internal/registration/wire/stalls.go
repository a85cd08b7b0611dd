package wire

import (
	"cmp"
	"slices"
	"time"

	"rtmtgrab/internal/registration/logs"
)

// A Stall is when REGISTERs of several phones were held up at once on one hop, by clocks
// that agree before and after: a peer stood still or a zone was stuck.
type Stall struct {
	From, To *logs.Host // the same host: inside it
	Begin    int64      // when the first of them was sent
	End      int64      // when the last of them was received
	Most     int64      // ns that a REGISTER took longer than usual, at most
	Calls    map[logs.Text]bool
}

// A held is one REGISTER that was held up on a hop.
type held struct {
	out, in *logs.Message
	sent    int64
	got     int64
	by      int64
}

// stuck is from when on a delay on the way may be a stall.
const stuck = int64(5 * time.Second)

// Stalls finds the stalls on the way from E to C and inside C.
func Stalls(w *Wire) []Stall {
	usual := usualHops(w)
	hops := map[[2]logs.Text][]held{}
	eachHop(w, func(k [2]logs.Text, h held) {
		if h.by-usual[k] >= stuck {
			hops[k] = append(hops[k], h)
		}
	})
	var out []Stall
	for k, hs := range hops {
		if slices.ContainsFunc(w.Clocks.Shifts, func(s Shift) bool { return s.C.ID == k[1] && s.E.ID == k[0] }) {
			continue
		}
		out = append(out, stallsOf(w, k, hs, usual[k])...)
	}
	slices.SortFunc(out, func(x, y Stall) int {
		return cmp.Or(cmp.Compare(x.Begin, y.Begin), cmp.Compare(x.From.Name, y.From.Name), cmp.Compare(x.To.Name, y.To.Name))
	})
	return out
}

// eachHop gives every REGISTER's way from E to C and through C.
func eachHop(w *Wire, f func(k [2]logs.Text, h held)) {
	for _, l := range w.Timelines {
		for _, at := range l.Attempts {
			for _, m := range [][2]*logs.Message{{at.At[logs.OutOfE], at.At[logs.IntoC]}, {at.At[logs.IntoC], at.SentUp}} {
				if x, y := m[0], m[1]; x != nil && y != nil {
					f([2]logs.Text{x.Host, y.Host}, held{x, y, w.Unstepped(x), w.Unstepped(y), w.Unstepped(y) - w.Unstepped(x)})
				}
			}
		}
	}
}

// usualHops is how long each way takes as a rule, by some of the REGISTERs.
func usualHops(w *Wire) map[[2]logs.Text]int64 {
	count := map[[2]logs.Text]int{}
	eachHop(w, func(k [2]logs.Text, _ held) { count[k]++ })
	some, n := map[[2]logs.Text][]int64{}, map[[2]logs.Text]int{}
	eachHop(w, func(k [2]logs.Text, h held) {
		if n[k]++; n[k]%(1+count[k]/maxSamples) == 0 {
			some[k] = append(some[k], h.by)
		}
	})
	out := map[[2]logs.Text]int64{}
	for k, v := range some {
		out[k] = Median(v)
	}
	return out
}

// stallsOf are those of one hop: two phones or more, received in one stretch.
func stallsOf(w *Wire, k [2]logs.Text, hs []held, usual int64) []Stall {
	slices.SortFunc(hs, func(x, y held) int { return cmp.Or(cmp.Compare(x.got, y.got), cmp.Compare(x.sent, y.sent)) })
	var out []Stall
	for _, h := range hs {
		n := len(out) - 1
		if n < 0 || h.sent > out[n].End {
			out = append(out, Stall{From: w.ByName[k[0]], To: w.ByName[k[1]], Begin: h.sent, Calls: map[logs.Text]bool{}})
			n++
		}
		s := &out[n]
		s.Begin, s.End, s.Most = min(s.Begin, h.sent), max(s.End, h.got), max(s.Most, h.by-usual)
		s.Calls[h.out.Call] = true
	}
	return slices.DeleteFunc(out, func(s Stall) bool {
		set := func(p Step) bool {
			return (p.Host == k[0] || p.Host == k[1]) && p.At > s.Begin-lookAhead && p.At < s.End+lookAhead
		}
		return len(s.Calls) < 2 || slices.ContainsFunc(w.Steps, set)
	})
}
