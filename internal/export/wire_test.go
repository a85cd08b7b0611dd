package export

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestBody: the body has Content-Length bytes, whatever the log made of its line ends.
func TestBody(t *testing.T) {
	for name, c := range map[string]struct {
		length  int // -1: no such header
		content string
		cut     bool
		want    string
		padded  int
		surplus int
		mixed   bool
	}{
		"none":                      {0, "", false, "", 0, 0, false},
		"CRLF":                      {8, "aa\nbb\n", false, "aa\r\nbb\r\n", 0, 0, false},
		"CRLF, the last dropped":    {8, "aa\nbb", false, "aa\r\nbb\r\n", 0, 0, false},
		"CRLF, none at the end":     {6, "aa\nbb\n", false, "aa\r\nbb", 0, 0, false},
		"one line":                  {2, "aa\n", false, "aa", 0, 0, false},
		"LF":                        {8, "a\nb\nc\nd\n", false, "a\nb\nc\nd\n", 0, 0, false},
		"LF, none at the end":       {7, "a\nb\nc\nd\n", false, "a\nb\nc\nd", 0, 0, false},
		"LF and CRLF":               {9, "a\nb\nc\nd\n", false, "a\r\nb\r\nc\nd", 0, 0, true},
		"cut":                       {20, "aa\nbb", true, "aa\r\nbb..............", 14, 0, false},
		"cut after a line":          {20, "aa\nbb\n", true, "aa\r\nbb\r\n............", 12, 0, false},
		"masked by the log":         {20, "aa\nbb\n", false, "aa\r\nbb\r\n............", 12, 0, false},
		"cut, one byte":             {9, "aa\nbb", true, "aa\r\nbb...", 3, 0, false},
		"cut, its line ends are LF": {8, "a\nb\nc\nd", true, "a\nb\nc\nd.", 1, 0, false},
		"all of it":                 {5, "", true, ".....", 5, 0, false},
		"more than it says":         {3, "aaaa\nbb\n", false, "aaa", 0, 4, false},
		"no Content-Length":         {-1, "aa\nbb\n", false, "aa\r\nbb\r\n", 0, 0, false},
	} {
		head := "OPTIONS sip:a@b SIP/2.0\nCSeq: 1 OPTIONS\n"
		if c.length >= 0 {
			head += fmt.Sprintf("Content-Length: %d\n", c.length)
		}
		var w wire
		m, ok := w.build([]byte(head+"\n"+c.content), !c.cut, false)
		want := strings.ReplaceAll(head+"\n", "\n", "\r\n") + c.want
		if !ok || string(m.text) != want || m.padded != c.padded || m.surplus != c.surplus || m.mixed != c.mixed || m.cut {
			t.Errorf("%s: %q %+v, want %q", name, m.text, m, want)
		}
	}
}

// TestCutHeaders: a message that ends in its headers is made one that can be read, and
// says so.
func TestCutHeaders(t *testing.T) {
	var w wire
	for log, want := range map[string]string{
		"OPTIONS sip:a@b SIP/2.0\nl: 3\nCSe":           "OPTIONS sip:a@b SIP/2.0\r\nl: 3\r\n CSe\r\n\r\n...",
		"OPTIONS sip:a@b SIP/2.0\nCall-ID: x\n":        "OPTIONS sip:a@b SIP/2.0\r\nCall-ID: x\r\n\r\n",
		"OPTIONS sip:a@b SIP/2.0":                      "OPTIONS sip:a@b SIP/2.0\r\n\r\n",
		"OPTIONS sip:a@b SIP/2.0\nl: 3\n folded\nx: y": "OPTIONS sip:a@b SIP/2.0\r\nl: 3\r\n folded\r\nx: y\r\n\r\n...",
	} {
		m, ok := w.build([]byte(log), false, false)
		added := len(want) - len(strings.ReplaceAll(log, "\n", "\r\n"))
		if strings.Contains(log, "CSe") {
			added-- // the blank in front, with which it goes on with the header above
		}
		if !ok || string(m.text) != want || !m.cut || m.padded != added {
			t.Errorf("%q: %q %+v, %d bytes are added", log, m.text, m, added)
		}
	}
	if m, _ := w.build([]byte("OPTIONS sip:a@b SIP/2.0\nContent-Length: 0\n"), true, false); m.cut || m.padded != 0 || !bytes.HasSuffix(m.text, []byte(": 0\r\n\r\n")) {
		t.Errorf("%+v: the record is whole, and its empty line is not the log's", m)
	}
	_, got := run(t, Options{}, source("a", log(logged{text: strings.TrimSuffix(options(1, "0123456789"), "456789"), cut: true})))
	if !strings.HasSuffix(got[0].text, "0123\r\n....") || !strings.HasSuffix(got[0].comment, "; 4 bytes at its end are padded, not from the log") {
		t.Errorf("%+v", got)
	}
}

// TestCredentials: what follows Authorization is not in the file, but the scheme; what
// a body quotes keeps its length.
func TestCredentials(t *testing.T) {
	quoted := "SIP/2.0 401 Unauthorized\nAuthorization: Digest username=\"SECRET\",\n  response=\"SECRET\"\nExpires: 1\n"
	text := "REGISTER sip:a SIP/2.0\nVia: SIP/2.0/TLS z;branch=z9hG4bK\nAuthorization: Digest username=\"u\",\n response=\"SECRET\"\nproxy-authorization:Bearer SECRET\nresponse=SECRET\n" +
		"X: a\nAUTHORIZATION : SECRET\nReason: SIP;text=\"Authorization: Basic SECRET\"\nContent-Length: " + fmt.Sprint(len(quoted)+strings.Count(quoted, "\n")) + "\n\n" + quoted
	want := "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/TLS z;branch=z9hG4bK\r\nAuthorization: Digest [masked]\r\nproxy-authorization: Bearer [masked]\r\n" +
		"X: a\r\nAUTHORIZATION: [masked]\r\nReason: SIP;text=\"Authorization: Basic [masked]\r\n"
	res, got := run(t, Options{}, source("a", log(logged{text: text})))
	if !strings.HasPrefix(got[0].text, want) || strings.Contains(got[0].text, "SECRET") || res.Masked != 5 || res.Padded != 0 || !strings.Contains(got[0].comment, "credentials masked") {
		t.Errorf("%+v %+v", res, got)
	}
	if _, body, _ := strings.Cut(got[0].text, "\r\n\r\n"); len(body) != len(quoted)+strings.Count(quoted, "\n") || !strings.HasSuffix(body, ".\r\nExpires: 1\r\n") {
		t.Errorf("%q", body)
	}
	res, got = run(t, Options{Raw: true}, source("a", log(logged{text: text})))
	if strings.Count(got[0].text, "SECRET") != 7 || res.Masked != 0 {
		t.Errorf("raw: %+v", got)
	}
}

// TestFoldedCredentials: a credential that begins on the line after its header's name keeps its
// scheme, and nothing else.
func TestFoldedCredentials(t *testing.T) {
	for text, want := range map[string]string{
		"Authorization:\n\tDigest username=\"SECRET\",\n response=\"SECRET\"\nX: a\n\n": "Authorization: Digest [masked]\r\nX: a\r\n",
		"Proxy-Authorization : \n  SECRET\nX: a\n\n":                                    "Proxy-Authorization: [masked]\r\nX: a\r\n",
		"Authorization:\nX: a\n\n":                                                      "Authorization: [masked]\r\nX: a\r\n",
		"Authorization:\n":                                                              "Authorization: [masked]\r\n",
	} {
		var w wire
		if m, ok := w.build([]byte("REGISTER sip:a SIP/2.0\n"+text), false, false); !ok || !strings.Contains(string(m.text), want) || strings.Contains(string(m.text), "SECRET") {
			t.Errorf("%q: %q", text, m.text)
		}
	}
}

// FuzzMessage: of whatever a record holds the file can be read, its payloads joined
// are a message, and its body has Content-Length bytes.
func FuzzMessage(f *testing.F) {
	f.Add(options(1, "v=0\ns=-\n"), false)
	f.Add(strings.Replace(options(1, strings.Repeat("x\n", 100)), "\n\n", "\nAuthorization: Digest a=\"SECRET\"\n\n", 1), true)
	f.Add("Content-Length: 2 Authorization: Digest SECRET\n\nabcd", false)
	f.Add("REGISTER sip:a SIP/2.0\nl: 7\nv: SIP/2.0/UDP x\n\na\nb", true)
	f.Add("SIP/2.0 200 OK\nAuthorization: Digest\n SECRET\nSECRET\n\nProxy-Authorization: Bearer SECRET\nb", false)
	f.Fuzz(func(t *testing.T, text string, cut bool) {
		if strings.ContainsRune(text, 0) || strings.Contains(text, "HTTPMSG:") || len(text) > 200<<10 {
			return // of the reader
		}
		text = strings.ReplaceAll("OPTIONS sip:a@b SIP/2.0\n"+text, "\r", "")
		rec := logged{text: text, cut: cut}
		var file bytes.Buffer
		if _, err := PCAPNG(t.Context(), &file, source1("a", rec.record()+logged{after: time.Second, text: options(2, "")}.record()), Options{}); err != nil {
			t.Fatal(err)
		}
		got := read(t, file.Bytes())
		var first strings.Builder
		for _, p := range got[:len(got)-1] {
			first.WriteString(p.text)
		}
		if len(got) == 1 {
			return // left out
		}
		if last := got[len(got)-1].text; !strings.Contains(last, "CSeq: 2 OPTIONS\r\n") {
			return // the text has a record's head in it
		}
		var w wire
		_, body, ok := strings.Cut(first.String(), "\r\n\r\n")
		if m, length := headersOf(first.String()); !ok || length >= 0 && m && len(body) != length {
			t.Fatalf("Content-Length %d, %d bytes: %q", length, len(body), first.String())
		}
		if m, ok := w.build([]byte(text), !cut, false); !ok || len(m.text) > maxContent+len(text)*2+4 {
			t.Fatalf("%+v", m)
		}
	})
}
