package prtlab

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A got is what a plain receiver makes of a post.
type got struct {
	fields map[string]string
	file   []byte
	name   string
	err    error
	length int64
}

// receiver reads posts as they come, and tells what it got of the last.
func receiver(t *testing.T) (string, <-chan got) {
	t.Helper()
	last := make(chan got, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g := got{fields: map[string]string{}, length: r.ContentLength}
		defer func() { last <- g }()
		_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil {
			g.err = err
			return
		}
		mr := multipart.NewReader(r.Body, params["boundary"])
		for {
			p, err := mr.NextPart()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				g.err = err
				return
			}
			b, err := io.ReadAll(p)
			if err != nil {
				g.err = err
				return
			}
			if p.FormName() == "prt_file" {
				g.file, g.name = b, p.Header.Get("Content-Disposition")
			} else {
				g.fields[p.FormName()] = string(b)
			}
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/prt", last
}

// Each way to post is on the wire what its name says.
func TestWays(t *testing.T) {
	url, last := receiver(t)
	phone := &Phone{Device: "SEP00EBD5D5D8C6", Serial: "FCH1234ABCD", User: "jdoe", From: "127.0.0.1"}
	r, err := NewReport(phone.Device, time.Unix(1795902690, 0), 5000, 7)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := NewReport(phone.Device, time.Unix(1795902690, 0), 5000, 7)
	if !bytes.Equal(r.Contents, again.Contents) || r.Name != "prt-20261128-215130-00EBD5D5D8C6.tar.gz" {
		t.Fatalf("%s is not the same twice", r.Name)
	}
	for _, c := range Cases() {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, err := phone.Post(ctx, url, r, c.Wrong)
		cancel()
		g := <-last
		whole := bytes.Equal(g.file, r.Contents) && g.err == nil && strings.Trim(g.fields["devicename"], `"`) == phone.Device
		switch {
		case c.Take == Keep && (!whole || err != nil):
			t.Errorf("%s: %d bytes came, %v, %v", c.Name, len(g.file), g.err, err)
		case c.Name == "chunked" && g.length != -1, c.Name == "quoted" && g.fields["username"] != `"jdoe"`, c.Name == "many_fields" && len(g.fields) < 20_000, c.Name == "long_field" && len(g.fields["comment"]) < 1<<20:
			t.Errorf("%s: %d bytes announced, fields %.200v", c.Name, g.length, g.fields)
		case whole && (c.Wrong.Cut > 0 || c.Wrong.NoEnd || c.Wrong.Kind != "" || c.Wrong.Short > 0 || c.Wrong.Device != "" || c.Wrong.NoDevice):
			t.Errorf("%s: nothing is wrong with it", c.Name)
		}
	}
	if _, err := phone.Post(t.Context(), url, r, Wrong{Size: 3 << 20}); err != nil {
		t.Fatal(err)
	}
	if g := <-last; len(g.file) != 3<<20 || !bytes.HasPrefix(g.file, []byte{0x1f, 0x8b}) {
		t.Errorf("%d bytes came", len(g.file))
	}
	if _, err := phone.Post(t.Context(), "http://192.0.2.1/prt", r, Wrong{}); err == nil {
		t.Error("a phone of the laboratory posts to another machine")
	}
}
