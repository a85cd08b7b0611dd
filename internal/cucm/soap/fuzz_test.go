package soap

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

// FuzzFile: whatever a node sends, what is read of it is no longer than what it sent, and
// what a manner holds comes out as it went in.
func FuzzFile(f *testing.F) {
	for _, manner := range manners {
		media, body := manner([]byte("\r\n--\x00 content\r\n"))
		f.Add(media, body)
	}
	f.Add("text/xml", []byte(fault("Server.RateControl", rateText)))
	f.Fuzz(func(t *testing.T, media string, body []byte) {
		got, err := fileOf(media, 200, bytes.NewReader(body))
		if len(got) > len(body) {
			t.Errorf("%d bytes of %d", len(got), len(body))
		}
		if err != nil && strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("an error of several lines: %q", err)
		}
		if bytes.Contains(append([]byte("\r\n"), body...), []byte("\r\n--"+boundary)) { // CUCM does not take such a boundary
			return
		}
		for name, manner := range manners {
			m, b := manner(body)
			if name == "raw" {
				continue // a file that is an envelope is taken for one
			}
			if back, err := fileOf(m, 200, bytes.NewReader(b)); err != nil || !bytes.Equal(back, body) {
				t.Errorf("%s: %q, %v; want %q", name, back, err, body)
			}
		}
	})
}

// FuzzEnvelope: an envelope gives its first element, a fault, or an error; a name that a
// well-formed one has is the same in capitals.
func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(envelope("E:", "<r><name>x</name></r>")))
	f.Add([]byte(fault("Server", "x")))
	f.Add([]byte(`<?xml version="1.0" encoding="utf-16"?><a/>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		first := func(b []byte) (string, string, bool) {
			d := NewDecoder(bytes.NewReader(b), 1<<16)
			start, fault, err := body(d)
			if err != nil {
				return "", "", false
			}
			if fault != nil {
				return "fault", fault.says(), true
			}
			var text string
			if d.DecodeElement(&text, &start) != nil || drain(d) != nil {
				return "", "", false
			}
			return start.Name.Local, text, true
		}
		name, text, ok := first(b)
		if ok && name != strings.ToLower(name) {
			t.Errorf("the name %q is not folded", name)
		}
		if len(text) > 6*len(b)+maxText { // U+FFFD in place of each byte, entities
			t.Errorf("%d bytes of text in %d", len(text), len(b))
		}
		_, _, cut := first(b[:len(b)*3/4])
		if ok && cut && xml.Unmarshal(b[:len(b)*3/4], new(struct{})) == io.ErrUnexpectedEOF {
			t.Error("an envelope that is cut off is taken for whole")
		}
	})
}

// FuzzMediaType: what mime reads is read so, and a boundary without quotes too.
func FuzzMediaType(f *testing.F) {
	f.Add("multipart/related; boundary=----=_Part_1")
	f.Add(`multipart/related; boundary="a;b"; type=text/xml`)
	f.Fuzz(func(t *testing.T, s string) {
		media, params := mediaType(s)
		if media != strings.ToLower(media) || params == nil {
			t.Errorf("%q: %q, %v", s, media, params)
		}
	})
}
