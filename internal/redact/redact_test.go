package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"rtmtgrab/internal/testrace"
)

// An encoding is a way in which a peer may quote what it was sent.
type encoding struct {
	name string
	do   func(r *rand.Rand, s string) string
}

// encodings are those that must not let a secret through.
var encodings = []encoding{
	{"plain", func(_ *rand.Rand, s string) string { return s }},
	{"form", func(_ *rand.Rand, s string) string { return url.QueryEscape(s) }},
	{"path", func(_ *rand.Rand, s string) string { return url.PathEscape(s) }},
	{"percent in parts", percent},
	{"percent twice", func(r *rand.Rand, s string) string { return percent(r, percent(r, s)) }},
	{"base64", func(r *rand.Rand, s string) string { return base64.StdEncoding.EncodeToString(around(r, s)) }},
	{"base64 unpadded", func(r *rand.Rand, s string) string { return base64.RawStdEncoding.EncodeToString(around(r, s)) }},
	{"base64 url", func(r *rand.Rand, s string) string { return base64.URLEncoding.EncodeToString(around(r, s)) }},
	{"base64 url unpadded", func(r *rand.Rand, s string) string { return base64.RawURLEncoding.EncodeToString(around(r, s)) }},
	{"base64 in lines", func(r *rand.Rand, s string) string {
		return strings.Join(pieces(base64.StdEncoding.EncodeToString(around(r, s)), 1+r.IntN(8)), "\r\n")
	}},
	{"base64 percent", func(r *rand.Rand, s string) string {
		return percent(r, base64.StdEncoding.EncodeToString(around(r, s)))
	}},
	{"base64 as PHP escapes it", func(r *rand.Rand, s string) string {
		return strings.ReplaceAll(base64.StdEncoding.EncodeToString(around(r, s)), "/", `\/`)
	}},
	{"base64 of a form", func(r *rand.Rand, s string) string {
		return base64.StdEncoding.EncodeToString([]byte("user=me&password=" + url.QueryEscape(s)))
	}},
	{"JSON", inJSON},
	{"JSON in JSON", func(r *rand.Rand, s string) string { return inJSON(r, inJSON(r, s)) }},
	{"JSON in ASCII", func(_ *rand.Rand, s string) string { q := strconv.QuoteToASCII(s); return q[1 : len(q)-1] }},
	{"JSON all escaped", func(_ *rand.Rand, s string) string {
		var b strings.Builder
		for _, c := range s {
			if c > 0xffff {
				c -= 0x10000
				fmt.Fprintf(&b, `\u%04x\u%04X`, 0xd800+c>>10, 0xdc00+c&0x3ff)
				continue
			}
			fmt.Fprintf(&b, `\u%04x`, c)
		}
		return b.String()
	}},
	{"Go", func(_ *rand.Rand, s string) string { return fmt.Sprintf("%q", s) }},
	{"HTML", func(_ *rand.Rand, s string) string { return html.EscapeString(s) }},
	{"hex", func(r *rand.Rand, s string) string { return hex.EncodeToString(around(r, s)) }},
	{"HEX", func(r *rand.Rand, s string) string { return strings.ToUpper(hex.EncodeToString(around(r, s))) }},
}

// around puts something before and after a secret, so that it has any alignment.
func around(r *rand.Rand, s string) []byte {
	before := []string{"", "\x00", "me\x00", "user=me\x01auth=Bearer ", "abcde ", "\x00rtmt@example.com\x00"}
	after := []string{"", "\x01\x01", "x", "??", " and more"}
	return []byte(before[r.IntN(len(before))] + s + after[r.IntN(len(after))])
}

func percent(r *rand.Rand, s string) string {
	form := []string{"%%%02x", "%%%02X"}
	var b strings.Builder
	for i := range len(s) {
		if r.IntN(2) == 0 || strings.IndexByte("% &\\", s[i]) >= 0 {
			fmt.Fprintf(&b, form[r.IntN(2)], s[i])
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func inJSON(_ *rand.Rand, s string) string {
	b, _ := json.Marshal(s)
	return string(b[1 : len(b)-1])
}

func pieces(s string, n int) (list []string) {
	for len(s) > n {
		list, s = append(list, s[:n]), s[n:]
	}
	return append(list, s)
}

// secretOf is a random secret of what people and machines choose.
func secretOf(r *rand.Rand) string {
	alphabets := []string{"abcdefghijklmnopqrstuvwxyz", "ABCDEFabcdef0123456789", `aZ9%"\/&<>'+ =-_.~!$#`, "aäöß€😀z1", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"}
	letters := []rune(alphabets[r.IntN(len(alphabets))])
	var b strings.Builder
	for b.Len() < 8+r.IntN(30) {
		b.WriteRune(letters[r.IntN(len(letters))])
	}
	return strings.TrimSpace(b.String())
}

// quoted is what a peer may say of a secret in an encoding.
func quoted(r *rand.Rand, e encoding, secret string) string {
	before := []string{"", "no such thing: ", `{"error":"`, "https://example.com/", "token=", "abc", "x/", "a %b "}
	after := []string{"", ".", `"}`, "&more=1", " is wrong", "/x", "==", "%", "\\"}
	return before[r.IntN(len(before))] + e.do(r, secret) + after[r.IntN(len(after))]
}

// TestEncodings: whatever a peer quotes and however it writes it, nothing of it is left
// from which the secret could be read.
func TestEncodings(t *testing.T) {
	for seed := range uint64(60) {
		for _, e := range encodings {
			r := rand.New(rand.NewPCG(seed, 7))
			secret := secretOf(r)
			if len(secret) < shortest {
				continue
			}
			var red Redactor
			red.Add(secret)
			said := quoted(r, e, secret)
			got := red.Foreign(said, 2000)
			if strings.TrimSpace(secret) == "" || !strings.Contains(got, Stars) || leaks(got, secret) {
				t.Errorf("seed %d, %s: secret %q\nsaid %q\ngot  %q", seed, e.name, secret, said, got)
			}
		}
	}
}

// leaks reports whether the secret, or most of it, can be read from a text.
func leaks(text, secret string) bool {
	r := rand.New(rand.NewPCG(1, 2))
	for _, e := range encodings[:3] {
		if strings.Contains(text, e.do(r, secret)) {
			return true
		}
	}
	for i := range 3 { // what of base64 does not depend on what is around
		enc := base64.RawStdEncoding.EncodeToString([]byte("\x00\x00"[:i%3] + secret))
		if mid := enc[min(4, len(enc)):]; len(mid) > 6 && strings.Contains(text, mid[:len(mid)-2]) {
			return true
		}
	}
	return false
}

// TestCut: a text that is cut off within a secret ends before the secret.
func TestCut(t *testing.T) {
	for seed := range uint64(testrace.Smaller(40, 8)) {
		for _, e := range encodings {
			r := rand.New(rand.NewPCG(seed, 11))
			secret := secretOf(r)
			enc := "it said " + e.do(r, secret)
			var red Redactor
			red.Add(secret)
			for n := range len(enc) {
				got := red.Foreign(enc[:n], 2000)
				if len(secret) > 8 && strings.Contains(got, secret[:5]) {
					t.Fatalf("seed %d, %s: secret %q\nsaid %q\ngot  %q", seed, e.name, secret, enc[:n], got)
				}
			}
		}
	}
}

func TestForeign(t *testing.T) {
	var red Redactor
	red.Add("Tr0ub4dor&3")
	red.Add("abc")
	red.Add("password") // somebody's is
	for said, want := range map[string]string{
		"invalid user or secret":                     "invalid user or secret",
		"Tr0ub4dor&3":                                "***",
		"<Tr0ub4dor&amp;3>":                          "<***>",
		"a Tr0ub4dor%263Tr0ub4dor&3 b":               "a *** b",
		"abc is wrong, abcd is not":                  "*** is wrong, abcd is not",
		"AGFiYwBhYmM= is wrong":                      "*** is wrong", // \0abc\0abc
		"wrong password":                             "wrong ***",
		"line one\r\nTr0ub4":                         "line one  ***",
		"what ends with Tr0":                         "what ends with Tr0",
		strings.Repeat("Tr0ub4dor&3 ", 2000):         strings.Repeat("*** ", 25) + "...",
		strings.Repeat("x", maxForeign-5) + "Tr0ub4": strings.Repeat("x", 100) + "...",
	} {
		if got := red.Foreign(said, 100); got != want {
			t.Errorf("%.80q: %q, want %q", said, got, want)
		}
	}
	if got := red.text("the password of abc: Tr0ub4dor&3"); got != "the password of abc: ***" {
		t.Errorf("in our own words: %q", got)
	}
}

func TestAddURL(t *testing.T) {
	var red Redactor
	red.AddURL("https://me:gehe1m@hooks.example.com/services/T0AB/zX9k?sig=a%2Bb%3D%3D&v=1")
	for said, want := range map[string]string{
		"no token zX9k for hooks.example.com":       "no token *** for hooks.example.com",
		"/services/T0AB/zX9k?sig=a%2Bb%3D%3D&v=1 ?": "*** ?",
		"bad sig a+b==":       "bad sig ***",
		"bad sig a%2bb%3d%3d": "bad sig ***",
		"user me:gehe1m":      "user ***",
	} {
		if got := red.Foreign(said, 200); got != want {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
	}
}

// TestMany: the redactor forgets those that were not used for long, and no others.
func TestMany(t *testing.T) {
	testrace.Whole(t)
	var red Redactor
	for i := range 3 * maxSecrets {
		red.Add(fmt.Sprintf("token-%d-%d", i, i*i))
		red.Add("k3pt-in-use")
	}
	if len(red.known) > maxSecrets {
		t.Errorf("%d secrets are kept", len(red.known))
	}
	last := 3*maxSecrets - 1
	if got := red.Foreign(fmt.Sprintf("k3pt-in-use token-%d-%d", last, last*last), 100); got != "*** ***" {
		t.Error(got)
	}
	red.Add(strings.Repeat("x", 2*maxPattern))
	if got := red.Foreign(strings.Repeat("x", maxForeign), 100); got != "***" {
		t.Errorf("a long one: %q", got)
	}
}

func TestError(t *testing.T) {
	Add("0pen-sesame")
	err := Error(fmt.Errorf("it said %q: %w", "0pen-sesame", fs.ErrNotExist))
	if err.Error() != `it said "***": file does not exist` || !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := errors.New("as it was"); Error(err) != err || Error(nil) != nil {
		t.Error("what holds no secret has changed")
	}
}

func TestHandler(t *testing.T) {
	Add("0pen-sesame")
	var out bytes.Buffer
	log := slog.New(Handler(slog.NewTextHandler(&out, nil))).With("by", "0pen-sesame").WithGroup("g")
	log.Info("0pen-sesame", "s", "x0pen-sesamex", "err", errors.New("no 0pen-sesame"), "n", 7, "in", slog.GroupValue(slog.String("a", "MHBlbi1zZXNhbWU=")),
		"any", struct{ A string }{"0pen-sesame"})
	if s := out.String(); strings.Contains(s, "sesame") || strings.Contains(s, "MHBlbi1") || strings.Count(s, Stars) != 6 || !strings.Contains(s, "g.n=7") {
		t.Error(s)
	}
}

func FuzzForeign(f *testing.F) {
	f.Add("Tr0ub4dor&3", uint64(1), uint8(3))
	f.Add("ab%41 c+\\u0041", uint64(2), uint8(5))
	f.Fuzz(func(t *testing.T, secret string, seed uint64, which uint8) {
		secret = strings.ToValidUTF8(secret, "")
		if len(strings.TrimSpace(secret)) < shortest || len(secret) > 1000 || secret != strings.TrimSpace(secret) {
			return
		}
		r := rand.New(rand.NewPCG(seed, 3))
		e := encodings[int(which)%len(encodings)]
		var red Redactor
		red.Add(secret)
		said := quoted(r, e, secret)
		got := red.Foreign(said, 1<<20)
		if !strings.Contains(got, Stars) {
			t.Errorf("%s: secret %q\nsaid %q\ngot  %q", e.name, secret, said, got)
		}
	})
}
