package find

import (
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
)

// sameAsBefore scans a text with what was seen before and without.
func sameAsBefore(t *testing.T, m *Memory, text string, o Options) {
	t.Helper()
	with, without := o, o
	with.Memory = m
	with.Domains, without.Domains = map[string]bool{}, map[string]bool{}
	hits, lengths := Scan([]byte(text), with, nil)
	s := scanner{Options: without, b: []byte(text)}
	s.run()
	for i := range max(len(hits), len(s.hits)) {
		if i < min(len(hits), len(s.hits)) && reflect.DeepEqual(hits[i], s.hits[i]) {
			continue
		}
		of := func(h []Hit) string {
			if i >= len(h) {
				return "nothing"
			}
			return fmt.Sprintf("%v %q, by %v, at %q", h[i].Class, h[i].V, h[i].Rule, text[max(0, h[i].From-80):min(len(text), int(h[i].To)+20)])
		}
		t.Fatalf("with what was seen before:\n%s\nwithout:\n%s\n%q", of(hits), of(s.hits), text)
	}
	if !reflect.DeepEqual(lengths, s.msg.done) {
		t.Fatalf("lengths %v, without what was seen before %v: %q", lengths, s.msg.done, text)
	}
}

// TestSeenBefore: what a word or a line turned out to be never changes what is found, whatever
// stands around it the next time.
func TestSeenBefore(t *testing.T) {
	given := [Classes]map[string]string{
		Names: {"alice01": "bxqcd77", "bob": "xyz", "cucm01": "qwer55", "anna": "ymmc", "walther": "bnmkloi"}, MACs: {"00ebd5d5d8c6": "028f0308b701", "192168100200": "020202020202"},
		Addrs: {"10.0.0.1": "10.9.8.7", "10.0.30.2": "10.66.1.2"},
	}
	known := NewDictionary(&given, map[string]bool{"corp.com": true, "site.home": true}, false)
	words := append(strings.Fields(`alice01 walther 10.0.0.1-x Chrome SGVsbG8gPz8 SGVsbG8gPz8+YWxpY2UwMUBjb3JwLmNvbQ== bob cucm01 anna ALICE01 cucm01.corp.com a.b.com pbx.site.home 10.0.0.1 10.0.30.2 10-0-0-1 1.2.3.4.5 192.168.100.200 127.0.0.1 7042 22 00 EB d5 D5 d8 C6 0x0A000001 0A000001
		00ebd5d5d8c6 SEP00EBD5D5D8C6 SEP00EBD5D5D8C6.corp.com 00ebd5d5-d8c60002-1c3f5a77-12345678 00ebd5d5ebd5a5f0e992776e z9hG4bK09ecf2d500f8 00-eb-d5-d5-d8-c6 00eb.d5d5.d8c6 CSFANNA TCTBOB BOTX.y Botnet
		FOC2117A1B2 CEtls-cucm01.corp.com CEtcp-10.0.0.1 user User by host Host server From To Contact Call-ID tag branch Name name Password password Token nonce response realm Digest Bearer Basic abcdef0123456789x
		YWxpY2UwMUBjb3JwLmNvbQ== eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm5hIn0 Received from Warning 399 number extension SIP/2.0/TLS SIP HTTP Chrome/10.0.0.1 /10.0.0.1 description Description device
		o s=x v=0 m=audio sip: sips: tel: https:// mailto: Cookie: Authorization: Set-Cookie: -----BEGIN -----END SIPMSG: Content-Length: 12 <user> </user> <x> [ ] { } -- .. _x- 3fa2.c1 %61lice01 =40corp.com
		al=69ce01 &#97;nna \u0061nna #012From: 2026-11-29T18:50:47.599+00:00 expc01 tvcs: UTCTime="2026-11-29 18:50:47,596" Module="network.sip" Local-ip="10.0.30.2" cisco.com localhost`), "00 EB D5 D5 D8 C6", "00 EB ", "<password>ab\ncd</password>", "user bob")
	begins := []string{"", "", " ", " ", " |", "2026-11-29T18:50:47.599+00:00 h ", " by mx9.corp.com with id 7 ", " v=0\n", " s=Jane Doe\n", " o=anna 1 2 IN IP4 10.0.0.1\n", ` "users": [`, ` "anna",`, `: "`, " Authorization: Digest x=\"y\", ", " Cookie: a"}
	between := []string{" ", " ", " ", " ", "=", "=\"", "\"", "\" ", ": ", ":", ";", ",", ", ", "@", "@", "<", ">", "/", "(", ")", "'", "|", "-", ".", "%", "\\", "\"\n", "\n", "\n ", "\n |", "\n\t", "\r\n", ":\n", ">\n", ",\n", "&"}
	var r *rand.Rand
	some := func(of []string, n int) []string { // few at a time, or they would seldom meet
		var out []string
		for range n {
			out = append(out, of[r.IntN(len(of))])
		}
		return out
	}
	line := func(words, between []string) string {
		var b strings.Builder
		b.WriteString(begins[r.IntN(len(begins))])
		for range r.IntN(9) {
			b.WriteString(words[r.IntN(len(words))])
			b.WriteString(between[r.IntN(len(between))])
		}
		return b.String()
	}
	rounds := 1500
	if os.Getenv("GRAB_LONG") != "" {
		rounds = 100_000
	}
	for seed := range uint64(rounds) {
		r = rand.New(rand.NewPCG(seed, 7))
		o := Options{Log: seed%2 == 0, Identities: seed%8 != 7, Ours: seed%16 == 3}
		if seed%4 < 2 {
			o.Known = known
		}
		words, between := some(words, 8), some(between, 6)
		lines := make([]string, 12)
		for i := range lines {
			lines[i] = line(words, between)
		}
		m := &Memory{}
		for range 6 {
			var text strings.Builder
			for range 30 {
				text.WriteString(lines[r.IntN(len(lines))])
				text.WriteString([]string{"\n", "\n", "\n", "", "\r\n", "\n\n"}[r.IntN(6)])
			}
			sameAsBefore(t, m, text.String(), o)
		}
	}
}

// TestSeenElsewhere: words that are nothing in one place and something in another.
func TestSeenElsewhere(t *testing.T) {
	given := [Classes]map[string]string{Names: {"bob": "xyz", "walther": "bnmkloi"}, MACs: {"eb00d5d5d8c6": "028f0308b701", "192168100200": "020202020202"}, Addrs: {"10.0.0.1": "10.9.8.7"}}
	known := NewDictionary(&given, nil, false)
	for _, c := range [][2]string{
		{"SGVsbG8gPz8 x", "SGVsbG8gPz8+YWxpY2UwMUBjb3JwLmNvbQ== x"},
		{"eb x", "eb 00 d5 d5 d8 c6 x"},
		{"a Chrome/10.0.0.3-x b", "a 10.0.0.3-x b"},
		{"Chrome/10.0.0.3 b", "a 10.0.0.3 b"},
		{"a 10.0.0.3 b", "Chrome/10.0.0.3 b"},
		{"a bob b", "user bob b"},
		{"a bob b", `the "bob" b`},
		{"walther=x", "a walther b"},
		{"a tok12 b", "SIP/2.0/TLS tok12 b"},
		{"a tok12 b", "on node tok12 b"},
		{"a bearer b", "bearer abcdefghij0123456789"},
		{"a BEGIN b", "-----BEGIN PRIVATE KEY-----\nAAAA"},
		{"192.168.100.200 x", "a 192.168.100.200-0 x"},
		{"a 012Cookie b", "x#012Cookie: abc"},
		{"7042 a", "number 7042, 7043 a"},
		{"a sip b", "a sip:7042@h b"},
	} {
		for _, d := range []*Dictionary{nil, known} {
			m := &Memory{}
			for _, text := range []string{strings.Repeat(c[0]+"                        \n", 3), strings.Repeat(" "+c[1]+"                        \n", 3)} {
				sameAsBefore(t, m, text, Options{Log: true, Identities: true, Known: d})
			}
		}
	}
}
