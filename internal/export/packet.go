package export

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net/netip"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"rtmtgrab/internal/evidence"
)

// Bounds of the file.
const (
	snapLength = 256 << 10 // of every interface: libpcap opens no file in which they differ
	maxSegment = 64_000    // bytes of a message in one packet
	maxHosts   = 1000      // interfaces; hosts beyond share one
	maxFlows   = 100_000   // connections whose sequence numbers are known at least
	maxName    = 100       // of a host
)

// linkRaw is raw IP by the number that systems have for it, DLT_RAW, and not by
// LINKTYPE_RAW, 101: libpcap up to its present head compares a second interface's
// number with that of the system, so that sngrep and tcpdump read no file with more
// than one interface of 101. Wireshark and libpcap take both numbers for raw IP.
const linkRaw layers.LinkType = 12

// packets writes messages as packets.
type packets struct {
	buffered   *bufio.Writer
	program    string
	file       *pcapgo.NgWriter // nil before the first packet
	interfaces map[string]int
	now, older map[ends2]*flow
	sent       uint32 // bytes, of all connections
	id         uint16
	packets    int64
	buf        gopacket.SerializeBuffer
}

// ends2 are the two ends of a connection, the lower first.
type ends2 struct{ low, high netip.AddrPort }

// A flow is a connection: the next sequence number of either direction.
type flow struct{ fromLow, fromHigh uint32 }

func newPackets(w io.Writer, program string) *packets {
	return &packets{buffered: bufio.NewWriterSize(w, 256<<10), program: program, interfaces: map[string]int{}, now: map[ends2]*flow{}, buf: gopacket.NewSerializeBuffer()}
}

// write writes a message in as many packets as it needs. place begins their comment.
func (p *packets) write(m *item, msg *message, place string) error {
	on, err := p.interfaceOf(m.Host)
	if err != nil {
		return err
	}
	from, to := m.Peer, m.Local
	if m.Sent {
		from, to = to, from
	}
	place += remarks(msg)
	parts := (len(msg.text) + maxSegment - 1) / maxSegment
	for i := range parts {
		text := msg.text[i*maxSegment : min(len(msg.text), (i+1)*maxSegment)]
		if msg.udp && parts == 1 {
			err = p.datagram(from, to, text)
		} else {
			err = p.segment(from, to, text, i == parts-1)
		}
		if err != nil {
			return fmt.Errorf("make a packet of %s: %w", place, err)
		}
		comment := place
		if parts > 1 {
			comment += fmt.Sprintf("; part %d of %d", i+1, parts)
		}
		data := p.buf.Bytes()
		info := gopacket.CaptureInfo{Timestamp: m.Time, CaptureLength: len(data), Length: len(data), InterfaceIndex: on}
		if err := p.file.WritePacketWithOptions(info, data, pcapgo.NgPacketOptions{Comments: []string{comment}}); err != nil {
			return err
		}
		p.packets++
	}
	return nil
}

// remarks say what of a message is not as it was logged.
func remarks(m *message) string {
	s := ""
	if m.cut {
		s += "; cut in its headers"
	}
	if m.instead {
		s += "; over UDP, for Wireshark takes this TCP port for another protocol's"
	}
	if m.padded > 0 {
		s += fmt.Sprintf("; %d bytes at its end are padded, not from the log", m.padded)
	}
	if m.surplus > 0 {
		s += fmt.Sprintf("; %d bytes of the log, beyond Content-Length, are left out", m.surplus)
	}
	if m.mixed {
		s += "; its body has LF and CRLF, and which is where the log does not tell"
	}
	if m.masked > 0 {
		s += "; credentials masked"
	}
	return s
}

// interfaceOf is the interface of a host, a new one if there is none.
func (p *packets) interfaceOf(host string) (int, error) {
	if i, ok := p.interfaces[host]; ok {
		return i, nil
	}
	name, what := evidence.Printable(host, maxName), "SIP messages that this host logged; not captured on a wire"
	switch {
	case len(p.interfaces) == maxHosts:
		return maxHosts - 1, nil
	case len(p.interfaces) == maxHosts-1:
		name = "other hosts"
	}
	i := pcapgo.NgInterface{Name: name, Description: what, LinkType: linkRaw, SnapLength: snapLength}
	var err error
	index := 0
	if p.file == nil {
		p.file, err = pcapgo.NewNgWriterInterface(p.buffered, i, pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{Application: p.program,
			Comment: "Made from the logs of Expressways. Addresses, ports, times and SIP are theirs; TCP, UDP and IP headers are made for them, and TLS is left out."}})
	} else {
		index, err = p.file.AddInterface(i)
	}
	p.interfaces[host] = index
	return index, err
}

var serialize = gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}

// segment makes a TCP segment. Sequence numbers run on over all messages between two
// ends, whoever logged them, and acknowledge all that came the other way.
func (p *packets) segment(from, to netip.AddrPort, text []byte, last bool) error {
	f, swapped := p.flow(from, to)
	next, ack := &f.fromLow, &f.fromHigh
	if swapped {
		next, ack = ack, next
	}
	tcp := layers.TCP{SrcPort: layers.TCPPort(from.Port()), DstPort: layers.TCPPort(to.Port()), Seq: *next, Ack: *ack, ACK: true, PSH: last, Window: math.MaxUint16}
	*next += uint32(len(text))
	p.sent += uint32(len(text))
	return p.serialize(from, to, layers.IPProtocolTCP, &tcp, text)
}

func (p *packets) datagram(from, to netip.AddrPort, text []byte) error {
	udp := layers.UDP{SrcPort: layers.UDPPort(from.Port()), DstPort: layers.UDPPort(to.Port())}
	return p.serialize(from, to, layers.IPProtocolUDP, &udp, text)
}

// flow is the connection between two ends. A new one begins at a number that none of
// the same ends can have reached: a flow that was forgotten does not repeat itself.
func (p *packets) flow(from, to netip.AddrPort) (f *flow, swapped bool) {
	k := ends2{from, to}
	if swapped = to.Compare(from) < 0; swapped {
		k = ends2{to, from}
	}
	f = p.now[k]
	if f != nil {
		return f, swapped
	}
	if f = p.older[k]; f == nil {
		f = &flow{p.sent + 1, p.sent + 1}
	}
	if len(p.now) == maxFlows {
		p.now, p.older = map[ends2]*flow{}, p.now
	}
	p.now[k] = f
	return f, swapped
}

// A transport is TCP or UDP.
type transport interface {
	gopacket.SerializableLayer
	SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
}

func (p *packets) serialize(from, to netip.AddrPort, protocol layers.IPProtocol, t transport, text []byte) error {
	src, dst := from.Addr(), to.Addr()
	if src.Is4() {
		p.id++
		ip := layers.IPv4{Version: 4, TTL: 64, Id: p.id, Flags: layers.IPv4DontFragment, Protocol: protocol, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
		if err := t.SetNetworkLayerForChecksum(&ip); err != nil {
			return err
		}
		return gopacket.SerializeLayers(p.buf, serialize, &ip, t, gopacket.Payload(text))
	}
	ip := layers.IPv6{Version: 6, HopLimit: 64, NextHeader: protocol, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
	if err := t.SetNetworkLayerForChecksum(&ip); err != nil {
		return err
	}
	return gopacket.SerializeLayers(p.buf, serialize, &ip, t, gopacket.Payload(text))
}

// flush writes what is buffered.
func (p *packets) flush() error {
	if err := p.file.Flush(); err != nil {
		return err
	}
	return p.buffered.Flush()
}
