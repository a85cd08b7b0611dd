package registration

import (
	"cmp"
	"slices"
	"time"

	"rtmtgrab/internal/registration/logs"
)

// A stall is when REGISTERs of several phones were held up at once on one hop, by clocks
// that agree before and after: a peer stood still or a zone was stuck.
type stall struct {
	from, to *logs.Host // the same host: inside it
	begin    int64      // when the first of them was sent
	end      int64      // when the last of them was received
	most     int64      // ns
	calls    map[logs.Text]bool
}

// held is one REGISTER that was held up on a hop.
type held struct {
	out, in *logs.Message
	sent    int64
	got     int64
	by      int64
}

// stuck is from when on a delay on the way may be a stall.
const stuck = int64(5 * time.Second)

// stalls finds them on the way from E to C and inside C.
func stalls(w *wire) []stall {
	usual := usualHops(w)
	hops := map[[2]logs.Text][]held{}
	eachHop(w, func(k [2]logs.Text, h held) {
		if h.by-usual[k] >= stuck {
			hops[k] = append(hops[k], h)
		}
	})
	var out []stall
	for k, hs := range hops {
		if slices.ContainsFunc(w.clocks.shaken, func(s shaken) bool { return s.c.ID == k[1] && s.e.ID == k[0] }) {
			continue
		}
		out = append(out, stallsOf(w, k, hs, usual[k])...)
	}
	slices.SortFunc(out, func(x, y stall) int {
		return cmp.Or(cmp.Compare(x.begin, y.begin), cmp.Compare(x.from.Name, y.from.Name), cmp.Compare(x.to.Name, y.to.Name))
	})
	return out
}

// eachHop gives every REGISTER's way from E to C and through C.
func eachHop(w *wire, f func(k [2]logs.Text, h held)) {
	for _, l := range w.lines {
		for _, at := range l.attempts {
			for _, m := range [][2]*logs.Message{{at.at[logs.OutOfE], at.at[logs.IntoC]}, {at.at[logs.IntoC], at.sentUp}} {
				if x, y := m[0], m[1]; x != nil && y != nil {
					f([2]logs.Text{x.Host, y.Host}, held{x, y, w.unstepped(x), w.unstepped(y), w.unstepped(y) - w.unstepped(x)})
				}
			}
		}
	}
}

// usualHops is how long each way takes as a rule, by some of the REGISTERs.
func usualHops(w *wire) map[[2]logs.Text]int64 {
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
		out[k] = median(v)
	}
	return out
}

// stallsOf are those of one hop: two phones or more, received in one stretch.
func stallsOf(w *wire, k [2]logs.Text, hs []held, usual int64) []stall {
	slices.SortFunc(hs, func(x, y held) int { return cmp.Or(cmp.Compare(x.got, y.got), cmp.Compare(x.sent, y.sent)) })
	var out []stall
	for _, h := range hs {
		n := len(out) - 1
		if n < 0 || h.sent > out[n].end {
			out = append(out, stall{from: w.ByName[k[0]], to: w.ByName[k[1]], begin: h.sent, calls: map[logs.Text]bool{}})
			n++
		}
		s := &out[n]
		s.begin, s.end, s.most = min(s.begin, h.sent), max(s.end, h.got), max(s.most, h.by-usual)
		s.calls[h.out.Call] = true
	}
	return slices.DeleteFunc(out, func(s stall) bool {
		set := func(p step) bool {
			return (p.host == k[0] || p.host == k[1]) && p.at > s.begin-lookAhead && p.at < s.end+lookAhead
		}
		return len(s.calls) < 2 || slices.ContainsFunc(w.steps, set)
	})
}
