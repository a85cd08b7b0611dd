package export

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/scenario"
	"rtmtgrab/internal/registration"
	"rtmtgrab/internal/testrace"
	"rtmtgrab/internal/testserver"
)

var playedUntil = time.Date(2026, 3, 2, 14, 20, 0, 0, time.UTC)

// A row is what a message is in tshark's eyes, and by the plain reading of a log.
type row struct {
	time, from, to, what, cseq string
}

// A told is what logs say, in plain words and in those of the report.
type told struct {
	mu     sync.Mutex
	all    []registration.Source
	want   map[string]row    // by the place of the record
	odd    map[string]bool   // one of the message's records has no time to the millisecond
	ladder map[string]string // what the report says of a record
	calls  map[string]bool   // Call-IDs of registrations
}

// play adds a scenario, with its report.
func (x *told) play(t *testing.T, sc scenario.Scenario) {
	src := played(t, sc)
	rows, odd := plainRows(t, src)
	rep, err := registration.Analyze(t.Context(), src, registration.Options{})
	if err != nil {
		t.Fatal(err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.all = append(x.all, src...)
	maps.Copy(x.want, rows)
	maps.Copy(x.odd, odd)
	for _, p := range rep.Phones {
		for _, tr := range p.Transactions {
			for _, h := range tr.Hops {
				for _, pr := range h.Proofs {
					place := fmt.Sprintf("%s %s byte %d", pr.Host, pr.File, pr.Offset)
					x.ladder[place] = stamp(pr.Time) + " " + h.What
					if _, ok := rows[place]; ok && len(sc.Edits) == 0 { // of a cut message the Call-ID may be cut
						x.calls[tr.CallID] = true
					}
				}
			}
		}
	}
}

// TestScenarios: of the scenarios of the laboratory tshark lists the messages that the
// logs have, and those of the report's ladder among them. GRAB_LONG=1 takes all of them,
// which takes minutes, else every fifth; of these a fifth with the race detector.
func TestScenarios(t *testing.T) {
	t.Parallel()
	tshark := testserver.Need(t, "tshark")
	x := &told{want: map[string]row{}, odd: map[string]bool{}, ladder: map[string]string{}, calls: map[string]bool{}}
	t.Run("played", func(t *testing.T) {
		for i, sc := range scenario.Scenarios() {
			if os.Getenv("GRAB_LONG") == "" && i%5 != 0 || testrace.Skips(i, 25) {
				continue
			}
			t.Run(sc.Name, func(t *testing.T) {
				t.Parallel()
				x.play(t, sc)
			})
		}
	})
	all, want := x.all, x.want
	file := filepath.Join(t.TempDir(), "all.pcapng")
	res := writeFile(t, file, all, Options{})
	if int(res.Messages) != len(want) || len(res.LeftOut) > 0 || len(res.Notes) > 0 || res.Duplicates > 0 {
		t.Errorf("%d messages in the logs: %+v", len(want), res)
	}
	got, missed := sharkRows(t, tshark, file)
	if len(missed) != int(res.Foreign) {
		t.Errorf("tshark takes %d messages for another protocol's, not %d: %v", len(missed), res.Foreign, missed)
	}
	if len(missed) > 0 {
		again := filepath.Join(t.TempDir(), "missed.pcapng")
		all = slices.DeleteFunc(all, func(s registration.Source) bool {
			return !slices.ContainsFunc(missed, func(place string) bool { return strings.Contains(place, s.File) })
		})
		writeFile(t, again, all, Options{})
		more, missed := sharkRows(t, tshark, again, "-o", "tcp.try_heuristic_first:TRUE")
		if len(missed) > 0 {
			t.Errorf("with heuristics first too: %v", missed)
		}
		maps.Copy(got, more)
	}
	for place, r := range got {
		if r != want[place] {
			t.Fatalf("%s: tshark says %+v, the log %+v", place, r, want[place])
		}
	}
	if len(got) != len(want) {
		for place, r := range want {
			if _, ok := got[place]; !ok {
				t.Errorf("%s is not listed: %+v", place, r)
				break
			}
		}
		t.Fatalf("tshark lists %d messages, the logs have %d", len(got), len(want))
	}
	shown := 0
	for place, says := range x.ladder {
		if r, ok := got[place]; ok {
			shown++
			at, what, _ := strings.Cut(says, " ")
			if what != r.what || at != r.time && !x.odd[place] {
				t.Fatalf("%s: the ladder says %s, tshark %+v", place, says, r)
			}
		}
	}
	if shown < testrace.Smaller(1000, 5) {
		t.Errorf("only %d messages of ladders were compared", shown)
	}
	openInSngrep(t, file, x.calls)
}

// played are the logs of a scenario, under names that no other has.
func played(t *testing.T, sc scenario.Scenario) []registration.Source {
	t.Helper()
	dir, err := os.MkdirTemp("", "export-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p, err := sc.Play(t.Context(), dir, playedUntil)
	if err != nil {
		t.Fatal(err)
	}
	var out []registration.Source
	for _, l := range p.Logs() {
		if l.Family != lab.NetworkLog { // no other has messages
			continue
		}
		text, err := os.ReadFile(l.Path)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, registration.Source{Role: l.Role, Family: l.Family, File: sc.Name + "/" + l.Host + "/" + l.Family, Zone: l.Zone, MTime: p.Until,
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }})
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

func writeFile(t testing.TB, name string, src []registration.Source, o Options) *Result {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	res, err := PCAPNG(t.Context(), f, src, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return res
}

// TestOddMessages: tshark reads what is long, cut, of IPv6, over UDP, without
// Content-Length, and at ports that are another protocol's, and loses nothing after it.
func TestOddMessages(t *testing.T) {
	t.Parallel()
	long := options(1, strings.Repeat("0123456789abcde\n", 70<<10/16))
	lacking := strings.Replace(options(2, "v=0\ns=-\n"), "Content-Length: 8\n", "", 1)
	cutHead, _, _ := strings.Cut(options(3, ""), "Content-Length")
	var ls []logged
	add := func(l logged) {
		l.after, l.hash = time.Duration(len(ls))*time.Second, fmt.Sprint(len(ls))
		ls = append(ls, l)
	}
	add(logged{text: long})
	add(logged{text: lacking})
	add(logged{text: cutHead, cut: true})
	add(logged{text: options(4, "0123456789")[:len(options(4, "0123456789"))-5], cut: true})
	add(logged{text: "SIP/2.0 200 OK\nCSeq: 5 OPTIONS\nCall-ID: x\nl: 3\n\nabcdefgh"})
	add(logged{local: "2001:db8::5 5061", peer: "2001:db8::9 40000", text: long})
	add(logged{local: "2001:db8::5 5060", peer: "2001:db8::9 5060", text: strings.Replace(options(7, "a\nb\n"), "/TLS", "/UDP", 1)})
	ports := 0
	for _, r := range claimedTCP {
		for p := r.from; p <= r.to; p++ {
			if in(listens, p) {
				continue
			}
			add(logged{local: "10.0.40.5 5061", peer: fmt.Sprint("198.51.100.7 ", p), text: options(100+ports, "")})
			add(logged{local: "10.0.40.5 5061", peer: fmt.Sprint("198.51.100.7 ", p), sent: true, text: "SIP/2.0 200 OK\nCSeq: 5 OPTIONS\nCall-ID: x\nl: 0\n\n"})
			ports++
		}
	}
	add(logged{local: "10.0.40.5 7001", peer: "10.0.30.2 29418", sent: true, text: options(9, "")})
	add(logged{local: "10.0.30.2 29418", peer: "10.0.40.5 7001", host: "expe01", text: options(9, "")})
	for _, p := range []int{1024, 4999, 5062, 9999, 25000, 29999, 34981, 44817, 65535} {
		add(logged{local: "10.0.40.5 5061", peer: fmt.Sprint("198.51.100.7 ", p), text: options(p, "")})
	}
	add(logged{text: options(8, "")})
	file := filepath.Join(t.TempDir(), "odd.pcapng")
	src := []registration.Source{source("a", log(ls...))}
	res := writeFile(t, file, src, Options{})
	got, missed := sharkRows(t, testserver.Need(t, "tshark"), file)
	if len(got)+len(missed) != len(ls) || int(res.Messages) != len(ls) || res.Foreign == 0 || len(missed) > int(res.Foreign) {
		t.Errorf("%d of %d messages, missed %d %.500v: %+v", len(got), len(ls), len(missed), missed, res)
	}
}
