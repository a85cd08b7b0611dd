package prt

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/lab/prtlab"
)

// The laboratory's phones, in every way that they post: the good are there byte for byte,
// and the bad leave nothing behind.
func TestPhones(t *testing.T) {
	p := &prtlab.Phone{Device: phone, Serial: "FCH1234ABCD", User: "jdoe", From: "127.0.0.1"}
	for i, c := range prtlab.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			e := open(t, nil)
			r, err := prtlab.NewReport(phone, time.Unix(1795902690, 0), 3000, uint64(i))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			a, err := p.Post(ctx, "http://"+e.s.Addr+"/prt", r, c.Wrong)
			e.settled()
			list := e.waiting()
			for _, one := range list {
				f, err := e.v.Box.Open(one.ID)
				if err != nil {
					t.Fatal(err)
				}
				got, _ := io.ReadAll(f)
				f.Close()
				if !bytes.Equal(got, r.Contents) || one.Device != phone || a.Status == 0 && c.Wrong.TooLong == 0 {
					t.Errorf("%d bytes of %s are kept, want %d; answer %d", len(got), one.Device, len(r.Contents), a.Status)
				}
			}
			switch {
			case c.Take == prtlab.Keep && (len(list) != 1 || a.Status != http.StatusOK || err != nil):
				t.Errorf("%d reports are kept, answer %d %q, %v", len(list), a.Status, a.Text, err)
			case c.Take == prtlab.Refuse && (len(list) != 0 || a.Status == http.StatusOK):
				t.Errorf("%d reports are kept, answer %d", len(list), a.Status)
			case c.Take == prtlab.Refuse && a.Status == 0 && err == nil:
				t.Error("nothing was said")
			}
		})
	}
}

// settled waits until no upload is under way.
func (e *end) settled() {
	deadline := time.After(time.Minute)
	for len(e.v.slots) > 0 {
		select {
		case <-deadline:
			e.t.Fatal("an upload is still under way")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Names of files harm nobody: nothing is outside of the box, and nothing in it is called so.
func TestPhonesNames(t *testing.T) {
	e := open(t, nil)
	p := &prtlab.Phone{Device: phone}
	for i, name := range prtlab.Names() {
		r, err := prtlab.NewReport(phone, time.Unix(1795902690, 0), 2000, uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		a, err := p.Post(t.Context(), "http://"+e.s.Addr+"/prt", r, prtlab.Wrong{FileName: name})
		t.Logf("%.30q: %d %.60q %v", name, a.Status, a.Text, err)
	}
	e.settled()
	for _, r := range e.waiting() {
		if strings.ContainsAny(r.File, "\x00\r\n\u202e") || len(r.File) > 500 || strings.ContainsAny(r.ID, `/\:`) {
			t.Errorf("%q is called %q", r.ID, r.File)
		}
	}
	filepath.WalkDir(filepath.Dir(e.dir), func(path string, d os.DirEntry, err error) error {
		if strings.Contains(path, "evil") || strings.Contains(path, "cron.d") {
			t.Errorf("%s is there", path)
		}
		return nil
	})
}

// One that is far too large costs the disk no more than what is allowed.
func TestPhonesHuge(t *testing.T) {
	e := open(t, func(s *Settings, _ *Receiver) { s.Max = 4 << 20 })
	for _, w := range []prtlab.Wrong{{Size: 500 << 20}, {Size: 500 << 20, Chunked: true}} {
		a, err := (&prtlab.Phone{Device: phone}).Post(t.Context(), "http://"+e.s.Addr+"/prt", prtlab.Report{Name: "x"}, w)
		if a.Status != http.StatusRequestEntityTooLarge && err == nil {
			t.Errorf("answer %d", a.Status)
		}
	}
	e.settled()
	if n := len(e.waiting()); n > 0 {
		t.Errorf("%d are kept", n)
	}
	if e.v.Box.coming != 0 || e.v.Box.senders != 0 {
		t.Errorf("%d bytes of %d senders are still counted", e.v.Box.coming, e.v.Box.senders)
	}
}

// Slow ones end with those that sent them, and give back what they took.
func TestPhonesHang(t *testing.T) {
	e := open(t, nil)
	gate := make(chan struct{})
	r, err := prtlab.NewReport(phone, time.Unix(1795902690, 0), 2000, 1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	for range senders + 5 {
		go func() {
			_, err := (&prtlab.Phone{Device: phone}).Post(ctx, "http://"+e.s.Addr+"/prt", r, prtlab.Wrong{Gate: gate})
			done <- err
		}()
	}
	deadline := time.After(time.Minute)
	for len(e.v.slots) < senders {
		select {
		case <-deadline:
			t.Fatalf("%d are sending", len(e.v.slots))
		case <-time.After(5 * time.Millisecond):
		}
	}
	a, err := (&prtlab.Phone{Device: phone}).Post(t.Context(), "http://"+e.s.Addr+"/prt", r, prtlab.Wrong{})
	t.Logf("while all hang: %d %q %v", a.Status, a.Text, err)
	cancel()
	for range senders + 5 {
		<-done
	}
	e.settled()
	if a, err := (&prtlab.Phone{Device: phone}).Post(t.Context(), "http://"+e.s.Addr+"/prt", r, prtlab.Wrong{}); err != nil || a.Status != 200 {
		t.Errorf("after all hung up: %d %q %v", a.Status, a.Text, err)
	}
}
