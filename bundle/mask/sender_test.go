package mask

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"rtmtgrab/internal/testrace"
)

// A sender writes what whoever reaches an Expressway-E may write into its logs, of pieces that look nearly like something.
type sender struct{ *rand.Rand }

func (s sender) of(words ...string) string { return words[s.IntN(len(words))] }

func (s sender) chars(n int, of string) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = of[s.IntN(len(of))]
	}
	return string(b)
}

// groups are so many groups of hexadecimal or decimal digits with one sign between them.
func (s sender) groups(n, digits int) string {
	of, sep, parts := s.of("0123456789abcdef", "0123456789ABCDEF", "0123456789"), s.of(".", "-", ":", "_", "%3a", ""), make([]string, n)
	for i := range parts {
		parts[i] = s.chars(1+s.IntN(digits), of)
	}
	return strings.Join(parts, sep)
}

func (s sender) piece() string {
	switch s.IntN(16) {
	case 0:
		return s.of("10.1.2.3", "192.0.2.55", "00ebd5d5d8c6", "alice1", "7022", "bob1", "cucm01.corp.com", "[2001:db8::1]")
	case 1:
		return fmt.Sprintf("%d.%d.%d.%d", s.IntN(300), s.IntN(300), s.IntN(12), s.IntN(300))
	case 2:
		return s.of("", "ip-", "IP-", "host-", "a.") + s.groups(4, 3)
	case 3:
		return s.groups(6, 2)
	case 4:
		return s.of("", "SEP", "ATA", "CSF", "BOT", "::", "0x") + s.chars(12, "0123456789abcdef")
	case 5:
		return s.groups(3, 4) + "::" + s.chars(2, "0123456789abcdefgz")
	case 6:
		return s.of("com", "user", "sip", "unknown", "true", "null", "number", "Bearer", "token", "password", "tls", "local", "host")
	case 7:
		return s.of("é", "日本", "\xff", "\u200b", "İ", "\x00", "\r", ".", "..", "--", "#", "*", "\\", "%", "&", "=", "?", "/", "\"", "<", ">", ";", "(", "[", "{", "|", " ", "@", ":")
	case 8:
		return base64.StdEncoding.EncodeToString([]byte(s.piece() + s.of("@", ".", " ", "/") + s.piece()))
	case 9:
		return base64.RawURLEncoding.EncodeToString([]byte("sip:" + s.piece() + "@" + s.piece()))
	case 10:
		return url.QueryEscape(s.piece() + s.of("@", ":", " ", "=") + s.piece())
	case 11:
		var b strings.Builder
		for _, c := range []byte(s.piece()) {
			if b.WriteString(string(rune(c))); s.IntN(3) == 0 {
				fmt.Fprintf(&b, s.of("%%%02x", "=%02X", "&#%d;", "&#x%x;", `\u%04x`, "#%03o", `\x%02x`), c)
			}
		}
		return b.String()
	case 12:
		return s.of("user=", "name=", "host=", "mac=", "password=", "number=", "tag=", "received=", "maddr=", "pwd:", "token=", "inline:") + s.piece()
	case 13:
		return s.of("sip:", "tel:", "mailto:", "http://", "urn:uuid:", "im:", "xmpp:") + s.piece()
	case 14:
		return s.of("********", "%40", "&amp;", "\\\"", "\\n", "#012", "=?utf-8?B?YWxpY2U=?=", "%2540", "Content-Length:8", "SIPMSG:")
	}
	return s.piece() + s.of("@", ".", "", "-", ":") + s.piece()
}

func (s sender) header() string {
	p := s.piece
	return s.of("From: \""+p()+"\" <sip:"+p()+"@"+p()+">;tag="+p(), "Via: SIP/2.0/TLS "+p()+":5060;branch=z9hG4bK"+p()+";received="+p(), "Call-ID: "+p()+"@"+p(), "User-Agent: "+p()+" "+p(),
		"Authorization: Digest username=\""+p()+"\", realm=\""+p()+"\", response=\""+p()+"\", "+p()+"="+p(), "Content-Length: "+s.of("8", "200", p()), "c=IN IP4 "+p(), "o="+p()+" 1 1 IN IP4 "+p(),
		"a=crypto:1 AES inline:"+p(), "a=candidate:1 1 UDP 1 "+p()+" 8998 typ host", `{"user":"`+p()+`"}`, "<user>"+p()+"</user>", p()+": "+p())
}

func (s sender) text() string {
	sep := s.of("\n ", "\n ", "#012 ")
	text := s.of("", "2026-03-02T09:00:03.626-05:00 expc01 tvcs: Module=\"network.sip\" Level=\"DEBUG\": Src-ip=\"192.0.2.55\""+sep+"SIPMSG:"+sep+"|INVITE sip:"+s.piece()+"@"+s.piece()+" SIP/2.0"+sep)
	for range 1 + s.IntN(4) {
		text += s.header() + sep
	}
	return text + "|\n\n"
}

// TestSentToBeRefused: nobody who may send a message can have the search refuse a masked bundle, and next to nobody have
// one that is masked again become another. 100,000 messages with GRAB_LONG=1.
func TestSentToBeRefused(t *testing.T) {
	t.Parallel()
	others, n := 0, uint64(testrace.More(100_000, 200))
	for seed := range n {
		if once, again := sentTwice(t, seed); once != again {
			others++
		}
	}
	if others > int(n/20_000) {
		t.Errorf("of %d messages %d are others when they are masked again", n, others)
	}
}

// TestSecretAcrossEscapes: a secret that goes on in escapes goes whole, also where it stands beside stars already, and
// the search sees one that does not.
func TestSecretAcrossEscapes(t *testing.T) {
	for _, rest := range []string{`&#51;x&#120;3a\x61%3B9&#57;9`, `&#x42;3%2&#50;533A&#x41;F#106B`, `&#116;el:4.#0567&#55;.13.\u002e9`} {
		once := through(t, fixed(), Identities, Log, " a=crypto:1 AES inline:%3A%3A%26%23"+rest+"\n")[0]
		if once != " a=crypto:1 AES inline:********\n" {
			t.Errorf("%q", once)
		}
		var found *Found
		if err := New(fixed(), Identities).Search("a", Log, strings.NewReader(" a=crypto:1 AES inline:********"+rest+"\n")); !errors.As(err, &found) {
			t.Errorf("%q behind stars: %v", rest, err)
		}
	}
}

// TestSpelledOtherwise: what has its name already stays as it is written, base64 whose padding is escaped too.
func TestSpelledOtherwise(t *testing.T) {
	for _, seed := range []uint64{2278, 14062, 20304, 35423, 37494} {
		if once, again := sentTwice(t, seed); once != again {
			t.Errorf("%d: %q became %q", seed, once, again)
		}
	}
}

// sentTwice is what becomes of a sender's text, and of that.
func sentTwice(t *testing.T, seed uint64) (once, again string) {
	t.Helper()
	s, key := sender{rand.New(rand.NewPCG(seed, 13))}, bytes.Repeat([]byte{7}, keySize)
	binary.LittleEndian.PutUint64(key, seed%1000)
	table, text := newTable(key), s.text()
	first, err := try(New(table, Identities), Log, text)
	if err != nil {
		t.Fatalf("seed %d: %v\n%q\n%q", seed, err, text, first)
	}
	second, err := try(Again(table, Identities), Log, first[0])
	if err != nil {
		t.Fatalf("seed %d: %v\n%q\n%q", seed, err, text, first)
	}
	return first[0], second[0]
}
