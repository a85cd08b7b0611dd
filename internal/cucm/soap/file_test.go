package soap

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"
)

const boundary = "----=_Part_366_1.2"

// manners are the ways in which a node may send a file.
var manners = map[string]func(content []byte) (media string, body []byte){
	"attachment": func(b []byte) (string, []byte) {
		return `multipart/related; type="text/xml"; start="<A1>"; boundary="` + boundary + `"`, multi(envelope("E:", `<r><x href="cid:A2"/></r>`), "text/xml", "<A2>", "binary", b)
	},
	"unquoted boundary": func(b []byte) (string, []byte) {
		return `multipart/related; type=text/xml; start=<A1>; boundary=` + boundary, multi(envelope("E:", `<r><x href="cid:A2"/></r>`), "text/xml", "<A2>", "", b)
	},
	"no reference": func(b []byte) (string, []byte) {
		return `multipart/related; boundary="` + boundary + `"`, multi(envelope("", ``), "", "", "", b)
	},
	"xop": func(b []byte) (string, []byte) {
		return `multipart/related; type="application/xop+xml"; boundary="` + boundary + `"; start="<0>"`,
			multi(envelope("soapenv:", `<n:GetOneFileReturn xmlns:n="u"><xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:a%40b"/></n:GetOneFileReturn>`), "application/xop+xml; charset=UTF-8", "<a@b>", "binary", b)
	},
	"attachment in base64": func(b []byte) (string, []byte) {
		return `multipart/related; boundary="` + boundary + `"`, multi(envelope("E:", `<r/>`), "text/xml", "<A2>", "base64", []byte(lines(base64.StdEncoding.EncodeToString(b), "\r\n")))
	},
	"base64": func(b []byte) (string, []byte) {
		return "text/xml", []byte(envelope("E:", "<ns1:GetOneFileReturn xmlns:ns1='u'>"+lines(base64.StdEncoding.EncodeToString(b), "&#xd;\n")+"\n</ns1:GetOneFileReturn>"))
	},
	"raw": func(b []byte) (string, []byte) { return "application/octet-stream", b },
}

func multi(root, rootType, id, coding string, content []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "\r\n--%s\r\n", boundary)
	if rootType != "" {
		fmt.Fprintf(&b, "Content-Type: %s\r\nContent-Id: <A1>\r\n", rootType)
	}
	fmt.Fprintf(&b, "\r\n%s\r\n--%s\r\nContent-Type: application/octet-stream\r\n", root, boundary)
	if coding != "" {
		fmt.Fprintf(&b, "Content-Transfer-Encoding: %s\r\n", coding)
	}
	if id != "" {
		fmt.Fprintf(&b, "Content-Id: %s\r\n", id)
	}
	b.WriteString("\r\n")
	b.Write(content)
	fmt.Fprintf(&b, "\r\n--%s--\r\n", boundary)
	return b.Bytes()
}

func lines(s, end string) string {
	var b strings.Builder
	for len(s) > 76 {
		b.WriteString(s[:76] + end)
		s = s[76:]
	}
	b.WriteString(s)
	return b.String()
}

// ends are contents whose ends a careless reader would lose.
var ends = []string{"", " ", "\r\n", "\n", "\r", "--", "\r\n--", "--" + boundary[:10], "\r\n--" + boundary[:len(boundary)-1], "\x00", "\x1f\x8b\x08", " \t", "-"}

// TestFileBytes: in every manner the bytes are those that were sent, cut anywhere they are
// an error.
func TestFileBytes(t *testing.T) {
	for name, manner := range manners {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				content := []byte(rapid.SampledFrom(ends).Draw(t, "head") + string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "middle")) + rapid.SampledFrom(ends).Draw(t, "tail"))
				if bytes.Contains(content, []byte("--"+boundary)) {
					t.Skip("no server picks a boundary that is in the file")
				}
				media, body := manner(content)
				got, err := fileOf(media, 200, iotest.HalfReader(bytes.NewReader(body)))
				if err != nil || !bytes.Equal(got, content) {
					t.Fatalf("%q, %v; want %q", got, err, content)
				}
				cut := rapid.IntRange(0, len(body)).Draw(t, "cut")
				lost := &Error{Kind: KindUnreachable}
				got, err = fileOf(media, 200, io.MultiReader(bytes.NewReader(body[:cut]), iotest.ErrReader(lost)))
				if whole := bytes.Equal(got, content); err == nil && !whole {
					t.Fatalf("cut at %d of %d: %q without an error", cut, len(body), got)
				}
			})
		})
	}
}

// TestFileWithoutLength: a node that just hangs up ends a bare body, and nothing else.
func TestFileWithoutLength(t *testing.T) {
	for name, manner := range manners {
		media, body := manner(bytes.Repeat([]byte("0123456789"), 50))
		if name == "raw" {
			continue
		}
		for cut := len(body) / 2; cut < len(body)-len(boundary)-8; cut += 7 {
			if name == "base64" && cut > bytes.Index(body, []byte("</ns1")) {
				break
			}
			if got, err := fileOf(media, 200, bytes.NewReader(body[:cut])); err == nil {
				t.Errorf("%s: cut at %d of %d: %d bytes without an error", name, cut, len(body), len(got))
			}
		}
	}
}

// fileOf is what the client makes of an answer.
func fileOf(media string, status int, body io.Reader) ([]byte, error) {
	c := &Client{}
	reply := &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {media}}, Body: io.NopCloser(body), Request: new(http.Request)}
	r, err := c.content(context.Background(), Target{}, Request{}, reply)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func TestFileFaults(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		media  string
		body   string
		kind   Kind
	}{
		"missing":               {500, "text/xml", fault("Server", "FileName /var/log/x do not exist"), KindMissing},
		"missing, as 200":       {200, "text/xml", fault("Server", "FileName /var/log/x do not exist"), KindMissing},
		"missing, in multipart": {200, `multipart/related; boundary="` + boundary + `"`, string(multi(fault("Server", "FileName x do not exist"), "text/xml", "", "", nil)), KindMissing},
		"a page":                {200, "text/html", "<html>log in", KindAnswer},
		"service":               {404, "text/html", "<html>gone", KindService},
		"no file":               {200, "text/xml", envelope("E:", "<r/>"), KindAnswer},
		"no part":               {200, `multipart/related; boundary="` + boundary + `"`, "--" + boundary + "\r\nContent-Type: text/xml\r\n\r\n" + envelope("E:", "<r/>") + "\r\n--" + boundary + "--", KindAnswer},
		"another part":          {200, `multipart/related; boundary="` + boundary + `"`, string(multi(envelope("E:", `<r href="cid:A3"/>`), "text/xml", "<A2>", "", []byte("x"))), KindAnswer},
		"no boundary":           {200, `multipart/related`, "x", KindAnswer},
		"dime":                  {200, "application/dime", "x", KindAnswer},
		"packed":                {200, "application/octet-stream", "x", ""},
	} {
		_, err := fileOf(c.media, c.status, strings.NewReader(c.body))
		e, _ := errors.AsType[*Error](err)
		if (c.kind == "") != (err == nil) || err != nil && e.Kind != c.kind {
			t.Errorf("%s: %v; want %s", name, err, c.kind)
		}
	}
}

// TestFileStream: a file of any size passes through without being held, and a node that
// goes silent in the middle of it is given up by the context at the latest.
func TestFileStream(t *testing.T) {
	const size = 64 << 20
	release := make(chan struct{})
	c, target := node(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			w.Write(bytes.Repeat([]byte("part of it"), 1000))
			w.(http.Flusher).Flush()
			select {
			case <-release:
			case <-r.Context().Done():
			}
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		block := bytes.Repeat([]byte("x"), 1<<20)
		for range size >> 20 {
			w.Write(block)
		}
	})
	defer close(release)
	f, err := c.File(t.Context(), target, Request{Path: "/big"})
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, f)
	f.Close()
	if n != size || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	if f, err = c.File(t.Context(), target, Request{Path: "/hang"}); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, func() { f.Close() })
	if _, err := io.ReadAll(f); err == nil {
		t.Error("a file that was closed ends without an error")
	}
}
