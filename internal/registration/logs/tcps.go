package logs

import (
	"cmp"
	"encoding/binary"
	"net/netip"
)

// tcpRecords are the records of connections of one source, packed into some 30 bytes
// each: a log at DEBUG has hundreds of thousands, and which few of them are wanted is
// known only when all logs are read.
type tcpRecords struct {
	chunks [][]byte
	n      int
	last   Place // of the note before
	at     int64 // of the note before
}

// tcpChunk is how much memory is taken at a time: what grows by doubling leaves its
// smaller self behind.
const tcpChunk = 64 << 10

// maxZone is how much of an address's zone is kept.
const maxZone = 64

func (l *tcpRecords) add(n TCPRecord, src, dst netip.AddrPort) {
	var room [512]byte
	b := binary.AppendVarint(room[:0], n.At-l.at)
	b = binary.AppendVarint(b, n.place.Offset-l.last.Offset)
	for _, v := range []uint64{uint64(n.place.Length), uint64(n.Host), uint64(n.What), uint64(n.Reason)} {
		b = binary.AppendUvarint(b, v)
	}
	for _, e := range []netip.AddrPort{src, dst} {
		e = plain(e)
		end, _ := e.MarshalBinary() // never fails
		b = append(binary.AppendUvarint(b, uint64(len(end))), end...)
	}
	if c := len(l.chunks) - 1; c < 0 || len(b) > cap(l.chunks[c])-len(l.chunks[c]) {
		l.chunks = append(l.chunks, make([]byte, 0, tcpChunk))
	}
	c := &l.chunks[len(l.chunks)-1]
	*c = append(*c, b...)
	l.at, l.last = n.At, n.place
	l.n++
}

// each gives the notes in their order, the ends apart.
func (l *tcpRecords) each(source int, f func(n TCPRecord, src, dst netip.AddrPort)) {
	n := TCPRecord{place: Place{Source: int32(source)}}
	for _, b := range l.chunks {
		signed := func() int64 {
			v, size := binary.Varint(b)
			b = b[size:]
			return v
		}
		number := func() uint64 {
			v, size := binary.Uvarint(b)
			b = b[size:]
			return v
		}
		end := func() (e netip.AddrPort) {
			size := number()
			e.UnmarshalBinary(b[:size]) // written by add
			b = b[size:]
			return e
		}
		for len(b) > 0 {
			n.At += signed()
			n.place.Offset += signed()
			n.place.Length = int32(number())
			n.Host, n.What, n.Reason = Text(number()), Text(number()), Text(number())
			src, dst := end(), end()
			f(n, src, dst)
		}
	}
}

// TakeTCP takes the wanted records of connections out of what the sources gave, by host
// and time, each once; the others are forgotten, and so it is called once. A host that is
// none of the logs' hosts is nil.
func (l *Logs) TakeTCP(wanted func(h *Host, what string, src, dst netip.AddrPort) bool) []TCPRecord {
	var out []TCPRecord
	for i, s := range l.Scans {
		s.tcps.each(i, func(n TCPRecord, src, dst netip.AddrPort) {
			n.Host = s.nameOf(n.Host)
			if wanted(l.ByName[n.Host], l.Texts.Of(n.What), src, dst) {
				n.Src, n.Dst = l.Texts.addEnd(src), l.Texts.addEnd(dst)
				out = append(out, n)
			}
		})
		s.tcps = tcpRecords{}
	}
	return unique(out, func(x, y TCPRecord) int {
		return cmp.Or(cmp.Compare(x.Host, y.Host), cmp.Compare(x.At, y.At), cmp.Compare(x.Src, y.Src), cmp.Compare(x.Dst, y.Dst), cmp.Compare(x.What, y.What), cmp.Compare(x.Reason, y.Reason))
	})
}

// plain is an end as it is compared: IPv4 is IPv4, and a zone is short.
func plain(e netip.AddrPort) netip.AddrPort {
	a := e.Addr()
	if a.Is4In6() {
		a = a.Unmap()
	}
	if len(a.Zone()) > maxZone {
		a = a.WithZone("")
	}
	return netip.AddrPortFrom(a, e.Port())
}
