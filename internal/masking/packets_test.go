package masking

import (
	"bytes"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/lab/scenario"
	"rtmtgrab/internal/testrace"
)

var quadRE = regexp.MustCompile(`\b(?:\d{1,3}\.){3}\d{1,3}\b`)

// Of a bundle with packets the masked one has packets too, and in them nothing is left: no
// name in a message, a comment or an interface's name, and no address in a header.
func TestPackets(t *testing.T) {
	testrace.Whole(t)
	t.Parallel()
	m := newMasker(t)
	p := playAll(t, scenario.Scenarios()[0])
	b := rawOf(t, p, "headquarters", 3)
	b.Reports = append(b.Reports, textPart("report/"+analysis.ExportName, []byte("packets that are made anew")))
	made := m.masks(t, Request{Path: b.in(t, m, ".zip")})
	files := entries(t, made.File)
	packets := files["report/"+analysis.ExportName]
	if !bytes.Contains(packets, []byte("REGISTER sip:")) {
		t.Fatalf("%d bytes of packets", len(packets))
	}
	checkGone(t, secretsOf(p, b), map[string][]byte{"packets": packets})
	raw, masked := addressesIn(b.texts), addressesIn(files)
	for a := range raw {
		if inHeader(packets, a) {
			t.Errorf("%s is left in a header", a)
		}
	}
	others := 0
	for a := range masked {
		if inHeader(packets, a) {
			others++
		}
	}
	if len(raw) < 4 || others < 4 {
		t.Errorf("%d raw addresses; %d masked ones in headers", len(raw), others)
	}
}

// addressesIn are those of logs.
func addressesIn(files map[string][]byte) map[netip.Addr]bool {
	all := map[netip.Addr]bool{}
	for name, text := range files {
		if !strings.HasPrefix(name, "hosts/") {
			continue
		}
		for _, q := range quadRE.FindAll(text, -1) {
			if a, err := netip.ParseAddr(string(q)); err == nil {
				all[a] = true
			}
		}
	}
	return all
}

// inHeader reports whether a packet goes from an address or to it: it stands behind the time
// to live, the protocol and the sum.
func inHeader(packets []byte, a netip.Addr) bool {
	for at := 0; at+12 <= len(packets); at++ {
		if packets[at] == 64 && packets[at+1] == 6 && (bytes.Equal(packets[at+4:at+8], a.AsSlice()) || bytes.Equal(packets[at+8:at+12], a.AsSlice())) {
			return true
		}
	}
	return false
}
