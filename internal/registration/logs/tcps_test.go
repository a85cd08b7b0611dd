package logs

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

var logEnd = time.Date(2026, 3, 2, 14, 20, 0, 0, time.UTC)

func TestTCPNotes(t *testing.T) {
	var l tcpRecords
	type entry struct {
		TCPRecord
		from, to string
	}
	var want, got []entry
	ends := []string{"10.0.30.2:5061", "[2001:db8::1]:25000", "[fe80::1%eth0]:1", "192.0.2.1:65535"}
	for i := range 5000 {
		n := TCPRecord{At: logEnd.UnixNano() + int64(i%7-3)*1e9, place: Place{int64(i) * 100_003, int32(i), 3}, Host: Text(i % 3), What: Text(i % 5), Reason: Text(i)}
		e := entry{n, ends[i%4], ends[i/4%4]}
		l.add(n, netip.MustParseAddrPort(e.from), netip.MustParseAddrPort(e.to))
		want = append(want, e)
	}
	l.add(TCPRecord{place: Place{Source: 3}}, netip.AddrPort{}, netip.MustParseAddrPort("[::ffff:192.0.2.9]:7"))
	want = append(want, entry{TCPRecord{place: Place{Source: 3}}, "invalid AddrPort", "192.0.2.9:7"})
	l.each(3, func(n TCPRecord, src, dst netip.AddrPort) { got = append(got, entry{n, src.String(), dst.String()}) })
	if l.n != len(want) || !slices.Equal(got, want) {
		t.Errorf("%d notes, want %d; %v", len(got), len(want), got[0])
	}
	bytes := 0
	for _, c := range l.chunks {
		bytes += cap(c)
	}
	if bytes > 5000*40+tcpChunk {
		t.Errorf("5000 notes take %d bytes", bytes)
	}
}

// TestForeignConnections: of connections that carry no REGISTER next to nothing is kept,
// though each comes from a port of its own.
func TestForeignConnections(t *testing.T) {
	var b strings.Builder
	const n = 20_000
	for i := range n {
		at := logEnd.Add(time.Duration(i-n) * time.Millisecond)
		fmt.Fprintf(&b, `%s expc01 tvcs: UTCTime="%s" Module="network.tcp" Level="DEBUG":  Src-ip="10.0.%d.15" Src-port="%d" Dst-ip="10.0.30.2" Dst-port="5061" Detail="TCP Connection Established"`+"\n",
			at.Format("2006-01-02T15:04:05.000-07:00"), at.Format("2006-01-02 15:04:05,000"), i%250, 20_000+i)
	}
	sc := &scanner{texts: newTexts(), sources: []Source{{Host: "expc01", Role: "C", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(b.String())), nil }}}}
	sc.rations = rations(sc.sources, nil)
	s := sc.read(t.Context(), 0)
	bytes := 0
	for _, c := range s.tcps.chunks {
		bytes += cap(c)
	}
	if s.tcps.n != n || bytes > n*40 || len(sc.texts.ports) > 10 {
		t.Errorf("%d notes take %d bytes, and %d ends are numbered", s.tcps.n, bytes, len(sc.texts.ports))
	}
	l := &Logs{Texts: sc.texts, Sources: sc.sources, Scans: []*Scan{s}, ByName: map[Text]*Host{}}
	cucm := netip.MustParseAddrPort("10.0.20.11:5060")
	tcps := l.TakeTCP(func(_ *Host, _ string, src, dst netip.AddrPort) bool { return src == cucm || dst == cucm })
	if len(tcps) > 0 || len(sc.texts.ports) > 10 || s.tcps.chunks != nil {
		t.Errorf("%d notes stay, %d ends", len(tcps), len(sc.texts.ports))
	}
}
