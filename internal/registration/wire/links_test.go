package wire

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration/logs"
)

var begin = time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)

// A c is the log of one Expressway-C whose only port to its only CUCM node is opened
// again and again.
type c struct{ strings.Builder }

func (l *c) record(after time.Duration, module, level, rest string) {
	at := begin.Add(after)
	fmt.Fprintf(l, `%s expc01 tvcs: UTCTime="%s" Module="%s" Level="%s":  %s`+"\n", at.Format("2006-01-02T15:04:05.000-07:00"), at.Format("2006-01-02 15:04:05,000"), module, level, rest)
}

func (l *c) tcp(after time.Duration, what string) {
	l.record(after, "network.tcp", "DEBUG", fmt.Sprintf(`Src-ip="10.0.30.2" Src-port="25100" Dst-ip="10.0.20.11" Dst-port="5060" Detail="%s"`, what))
}

// register is a REGISTER that C sent on, and its answer.
func (l *c) register(after time.Duration, cseq int) {
	ends := `Local-ip="10.0.30.2" Local-port="25100" %[1]s-ip="10.0.20.11" %[1]s-port="5060"`
	of := fmt.Sprintf("CSeq=%d, To=sip:7022@cucm01.example.com, Call-ID=00ebd5d5-d8c60003-1a2b3c4d-5e6f7081@192.0.2.7, From-Tag=a, To-Tag=, Msg-Hash=", cseq)
	l.record(after, "network.sip", "INFO", fmt.Sprintf(`Action="Sent" %s Detail="Sending Request Method=REGISTER, %s%d"`, fmt.Sprintf(ends, "Dst"), of, 2*cseq))
	l.record(after+time.Millisecond, "network.sip", "INFO", fmt.Sprintf(`Action="Received" %s Detail="Receive Response Code=200, Method=REGISTER, %s%d"`, fmt.Sprintf(ends, "Src"), of, 2*cseq+1))
}

func (l *c) read(tb testing.TB) *Wire {
	tb.Helper()
	text := l.String()
	src := logs.Source{Host: "expc01", Role: "C", Family: "network_log", File: "f", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
	read, msgs, err := logs.Read(tb.Context(), []logs.Source{src}, evidence.Window{}, nil, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return New(read, msgs)
}

// carriers are, of each REGISTER by CSeq from 0 on, the records that show its connection,
// each as the second of its minute.
func carriers(w *Wire) []string {
	var out []string
	for _, l := range w.Timelines {
		for _, t := range l.Txns {
			s := fmt.Sprint(t.Link != nil)
			if t.Link != nil {
				s = ""
				for _, n := range t.Link.notes {
					s += time.Unix(0, n.At).UTC().Format("05") + " "
				}
			}
			out = append(out, strings.TrimSpace(s))
		}
	}
	return out
}

// TestLinkOf: a REGISTER goes with the connection that was open when it was sent, also
// where the logs do not show all of it.
func TestLinkOf(t *testing.T) {
	const connecting, opened, closed, failed = "TCP Connecting", "TCP Connection Established", "TCP Connection Closed", "TCP Connection Failed"
	type at struct {
		second int
		what   string // empty: a REGISTER
	}
	for _, x := range []struct {
		what string
		log  []at
		want string // of each REGISTER; "": a connection that no record shows
	}{
		{"one after the other", []at{{1, opened}, {2, ""}, {3, closed}, {11, opened}, {12, ""}, {13, closed}}, "01 03|11 13"},
		{"before the first, between two, after the last", []at{{1, ""}, {5, opened}, {6, closed}, {8, ""}, {10, opened}, {12, closed}, {14, ""}}, "||"},
		{"the end is not logged", []at{{1, opened}, {2, ""}, {5, connecting}, {6, opened}, {7, ""}, {8, closed}}, "01|05 06 08"},
		{"the beginning is not logged", []at{{1, opened}, {2, ""}, {3, closed}, {6, ""}, {8, closed}, {10, opened}, {11, ""}}, "01 03|08|10"},
		{"whether it was opened is not logged", []at{{1, opened}, {2, ""}, {3, closed}, {5, ""}, {7, connecting}, {8, ""}}, "01 03||07"},
		{"an attempt that failed", []at{{1, opened}, {2, ""}, {3, closed}, {5, connecting}, {6, failed}, {8, connecting}, {9, opened}, {10, ""}}, "01 03|08 09"},
		{"no record at all", []at{{1, ""}, {30, ""}}, "|"},
	} {
		var l c
		n := 0
		for _, a := range x.log {
			if after := time.Duration(a.second) * time.Second; a.what != "" {
				l.tcp(after, a.what)
			} else {
				l.register(after, n)
				n++
			}
		}
		if got := strings.Join(carriers(l.read(t)), "|"); got != x.want {
			t.Errorf("%s: %q, want %q", x.what, got, x.want)
		}
	}
}

// reopened is a C whose port is opened n times, for one REGISTER each.
func reopened(n int) *c {
	var l c
	for i := range n {
		after := time.Duration(i) * 10 * time.Second
		l.tcp(after, "TCP Connecting")
		l.tcp(after+10*time.Millisecond, "TCP Connection Established")
		l.register(after+2*time.Second, i)
		l.tcp(after+4*time.Second, "TCP Connection Closed")
	}
	return &l
}

// TestReopened: a port that is opened ten thousand times costs as much for each
// connection as one that is opened a few times.
func TestReopened(t *testing.T) {
	const few, many = 1000, 10_000
	run := func(n int) uint64 {
		var before, after runtime.MemStats
		l := reopened(n)
		runtime.ReadMemStats(&before)
		w := l.read(t)
		runtime.ReadMemStats(&after)
		if len(w.Links.All) != n {
			t.Fatalf("%d connections of %d", len(w.Links.All), n)
		}
		for i, x := range w.Timelines[0].Txns {
			if k := x.Link; k == nil || k.Opened > x.Sent || k.Closed < x.Sent || k.Heard < x.Sent || k.Heard > k.Closed {
				t.Fatalf("REGISTER %d went over %+v", i, k)
			}
		}
		for _, ts := range w.Links.tenures {
			steps := 0
			for i := range ts {
				if got := tenureAt(ts, ts[i].since, func(t *tenure, at int64) bool { steps++; return begun(t, at) }); got != i {
					t.Fatalf("tenure %d is found at %d", i, got)
				}
			}
			if steps > 16*len(ts) {
				t.Errorf("%d steps to find %d tenures", steps, len(ts))
			}
		}
		return after.TotalAlloc - before.TotalAlloc
	}
	least, most := run(few), run(many)
	if most > 2*many/few*least {
		t.Errorf("%d connections take %d bytes, %d take %d", few, least, many, most)
	}
}

// BenchmarkReopened: ns/op over connections stays the same.
func BenchmarkReopened(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			l := reopened(n)
			read, msgs, err := logs.Read(b.Context(), []logs.Source{{Host: "expc01", Role: "C", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(l.String())), nil }}}, evidence.Window{}, nil, nil)
			if err != nil {
				b.Fatal(err)
			}
			w := New(read, msgs)
			b.ResetTimer()
			for i := range b.N {
				if w.Links.Of(msgs[i%len(msgs)]) == nil {
					b.Fatal("no connection")
				}
			}
		})
	}
}
