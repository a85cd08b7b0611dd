package export

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"rtmtgrab/internal/registration"
)

var begin = time.Date(2026, 3, 2, 14, 14, 7, 0, time.UTC)

// A logged is a record of a message.
type logged struct {
	after       time.Duration // since begin
	host        string        // zero: expc01
	sent        bool
	local, peer string // address and port with a blank between; zero: 10.0.30.2 25001, 10.0.20.11 5061; "-" is none
	hash        string
	text        string // of the message, with LF
	cut         bool   // the record ends with the text
}

// record is a record as network_log has it.
func (l logged) record() string {
	def := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	def(&l.host, "expc01")
	def(&l.local, "10.0.30.2 25001")
	def(&l.peer, "10.0.20.11 5061")
	end := func(what, s string) string {
		if s == "-" {
			return ""
		}
		ip, port, _ := strings.Cut(s, " ")
		return fmt.Sprintf(`%s-ip="%s" %s-port="%s" `, what, ip, what, port)
	}
	action, peer := "Received", "Src"
	if l.sent {
		action, peer = "Sent", "Dst"
	}
	at := begin.Add(l.after)
	s := fmt.Sprintf(`%s %s tvcs: UTCTime="%s" Module="network.sip" Level="DEBUG":  Action="%s" %s%sMsg-Hash="%s"`, at.Format("2006-01-02T15:04:05.000-07:00"), l.host,
		at.Format("2006-01-02 15:04:05,000"), action, end("Local", l.local), end(peer, l.peer), l.hash)
	s += "\n SIPMSG:\n |" + strings.ReplaceAll(strings.TrimSuffix(l.text, "\n"), "\n", "\n ")
	if l.cut {
		return s + "\n"
	}
	return s + "\n |\n\n"
}

func source(file string, text string) registration.Source {
	return registration.Source{File: file, MTime: begin, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
}

func log(ls ...logged) string {
	var b strings.Builder
	for _, l := range ls {
		b.WriteString(l.record())
	}
	return b.String()
}

// options is the text of an OPTIONS with that CSeq and so many bytes in its body.
func options(cseq int, content string) string {
	return fmt.Sprintf("OPTIONS sip:7022@cucm01.example.com SIP/2.0\nVia: SIP/2.0/TLS 10.0.30.2:5061;branch=z9hG4bK%d\nFrom: <sip:7022@a>;tag=1\nTo: <sip:7@b>\nCall-ID: call%d@a\nCSeq: %d OPTIONS\nContent-Length: %d\n\n%s",
		cseq, cseq, cseq, len(content), content)
}

// A packet is one of a file.
type packet struct {
	at          time.Time
	on, comment string
	from, to    string // address and port
	seq, ack    uint32
	tcp, push   bool
	text        string
}

// run exports sources and reads the file back.
func run(t testing.TB, o Options, src ...registration.Source) (*Result, []packet) {
	t.Helper()
	var file bytes.Buffer
	res, err := PCAPNG(t.Context(), &file, src, o)
	if err != nil {
		t.Fatal(err)
	}
	return res, read(t, file.Bytes())
}

// read takes a file apart. That checksums and lengths are right is looked at too.
func read(t testing.TB, file []byte) (out []packet) {
	t.Helper()
	r, err := pcapgo.NewNgReader(bytes.NewReader(file), pcapgo.NgReaderOptions{ErrorOnMismatchingLinkType: true})
	if err != nil {
		t.Fatal(err)
	}
	for {
		data, info, opts, err := r.ReadPacketDataWithOptions()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		i, err := r.Interface(info.InterfaceIndex)
		if err != nil || i.LinkType != linkRaw || i.SnapLength != snapLength || len(opts.Comments) != 1 {
			t.Fatalf("%+v, %v, %v", i, err, opts.Comments)
		}
		p := packet{at: info.Timestamp.UTC(), on: i.Name, comment: opts.Comments[0]}
		d := gopacket.NewPacket(data, layers.LinkTypeRaw, gopacket.Default)
		if f := d.ErrorLayer(); f != nil {
			t.Fatal(f.Error())
		}
		if s, ok := d.TransportLayer().(transport); !ok || s.SetNetworkLayerForChecksum(d.NetworkLayer()) != nil {
			t.Fatalf("no TCP or UDP: %v", d)
		}
		if err, bad := d.VerifyChecksums(); err != nil || len(bad) > 0 {
			t.Fatalf("checksums: %v %v", err, bad)
		}
		flow := d.NetworkLayer().NetworkFlow()
		switch l := d.TransportLayer().(type) {
		case *layers.TCP:
			p.tcp, p.seq, p.ack, p.push = true, l.Seq, l.Ack, l.PSH
			p.from, p.to = fmt.Sprint(flow.Src(), " ", uint16(l.SrcPort)), fmt.Sprint(flow.Dst(), " ", uint16(l.DstPort))
			p.text = string(l.Payload)
		case *layers.UDP:
			p.from, p.to = fmt.Sprint(flow.Src(), " ", uint16(l.SrcPort)), fmt.Sprint(flow.Dst(), " ", uint16(l.DstPort))
			p.text = string(l.Payload)
		}
		out = append(out, p)
	}
}

func source1(file, text string) []registration.Source {
	return []registration.Source{source(file, text)}
}

// headersOf reads the first Content-Length of a message that is SIP; -1: none.
func headersOf(text string) (sip bool, length int) {
	var w wire
	var m message
	_, length, sip = w.headers(&m, []byte(strings.ReplaceAll(text, "\r\n", "\n")), true)
	return sip, length
}
