package registration

import (
	"cmp"
	"encoding/binary"
	"net/netip"
)

// tcpNotes are the records of connections of one source, packed into some 30 bytes
// each: a log at DEBUG has hundreds of thousands, and which few of them are wanted is
// known only when all logs are read.
type tcpNotes struct {
	chunks [][]byte
	n      int
	last   place // of the note before
	at     int64 // of the note before
}

// tcpChunk is how much memory is taken at a time: what grows by doubling leaves its
// smaller self behind.
const tcpChunk = 64 << 10

// maxZone is how much of an address's zone is kept.
const maxZone = 64

func (l *tcpNotes) add(n tcpNote, src, dst netip.AddrPort) {
	var room [512]byte
	b := binary.AppendVarint(room[:0], n.at-l.at)
	b = binary.AppendVarint(b, n.place.offset-l.last.offset)
	for _, v := range []uint64{uint64(n.place.length), uint64(n.host), uint64(n.what), uint64(n.reason)} {
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
	l.at, l.last = n.at, n.place
	l.n++
}

// each gives the notes in their order, the ends apart.
func (l *tcpNotes) each(source int, f func(n tcpNote, src, dst netip.AddrPort)) {
	n := tcpNote{place: place{source: int32(source)}}
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
			n.at += signed()
			n.place.offset += signed()
			n.place.length = int32(number())
			n.host, n.what, n.reason = text(number()), text(number()), text(number())
			src, dst := end(), end()
			f(n, src, dst)
		}
	}
}

// takeTCP takes the wanted records of connections out of what the sources gave, by host
// and time, each once; the others are forgotten, and so it is called once. A host that is
// none of the logs' hosts is nil.
func (l *logs) takeTCP(wanted func(h *host, what string, src, dst netip.AddrPort) bool) []tcpNote {
	var out []tcpNote
	for i, s := range l.scans {
		s.tcps.each(i, func(n tcpNote, src, dst netip.AddrPort) {
			n.host = s.nameOf(n.host)
			if wanted(l.byName[n.host], l.texts.of(n.what), src, dst) {
				n.src, n.dst = l.texts.addEnd(src), l.texts.addEnd(dst)
				out = append(out, n)
			}
		})
		s.tcps = tcpNotes{}
	}
	return unique(out, func(x, y tcpNote) int {
		return cmp.Or(cmp.Compare(x.host, y.host), cmp.Compare(x.at, y.at), cmp.Compare(x.src, y.src), cmp.Compare(x.dst, y.dst), cmp.Compare(x.what, y.what), cmp.Compare(x.reason, y.reason))
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
