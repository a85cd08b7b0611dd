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

// The laboratory's phones, in every way that they post and whatever they call the file: the good
// are there byte for byte, and the bad leave nothing behind.
func TestPhones(t *testing.T) {
	ways := prtlab.Cases()
	for _, name := range prtlab.Names() {
		ways = append(ways, prtlab.Case{Name: "name " + name[:min(len(name), 20)], Wrong: prtlab.Wrong{FileName: name}, Take: prtlab.Keep})
	}
	for i, c := range ways {
		t.Run(c.Name, func(t *testing.T) {
			e := open(t, func(s *Settings, _ *Receiver) { s.Max = 1 << 20 }) // one each: what a phone sent that hung up may be kept after it is gone
			p := &prtlab.Phone{Device: []string{phone, "SEP00EBD5D5D8C7", "SEP00EBD5D5D8C8"}[i%3], Serial: "FCH1234ABCD", User: "jdoe", From: "127.0.0.1"}
			r, err := prtlab.NewReport(p.Device, time.Unix(1795902690, 0), 3000, uint64(i))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			a, err := p.Post(ctx, "http://"+e.s.Addr+"/prt", r, c.Wrong)
			e.settled()
			list := e.waiting()
			switch kept, ok := len(list), err == nil && a.Status == http.StatusOK; {
			case kept > 1, c.Take == prtlab.Keep && (kept != 1 || !ok), c.Take == prtlab.Refuse && (kept != 0 || a.Status == http.StatusOK):
				t.Errorf("%d reports are kept, answer %d %q, %v: %+v", kept, a.Status, a.Text, err, e.v.Tally.Counts().Last)
			case c.Take == prtlab.Refuse && a.Status == 0 && err == nil:
				t.Error("nothing was said")
			}
			for _, one := range list {
				f, err := e.v.Box.Open(one.ID)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(f)
				f.Close()
				if err != nil || !bytes.Equal(got, r.Contents) || one.Device != p.Device || a.Status == 0 && c.Wrong.TooLong == 0 {
					t.Errorf("%d bytes of %s are kept, want %d; answer %d, %v", len(got), one.Device, len(r.Contents), a.Status, err)
				}
				if strings.ContainsAny(one.File, "\x00\r\n\u202e") || len(one.File) > 500 || strings.ContainsAny(one.ID, `/\:`) {
					t.Errorf("%q is called %q", one.ID, one.File)
				}
			}
			filepath.WalkDir(filepath.Dir(e.dir), func(path string, _ os.DirEntry, _ error) error {
				if strings.Contains(path, "evil") || strings.Contains(path, "cron.d") || strings.HasSuffix(path, ".part") {
					t.Errorf("%s is there", path)
				}
				return nil
			})
		})
	}
}

// coming reports whether there is a report of which not all has come.
func (e *end) coming() (is bool) {
	filepath.WalkDir(filepath.Dir(e.dir), func(path string, _ os.DirEntry, _ error) error {
		is = is || strings.HasSuffix(path, ".part")
		return nil
	})
	return is
}

// settled waits until no upload is under way, that of a phone which hung up before it was heard
// of included.
func (e *end) settled() {
	deadline := time.After(time.Minute)
	for len(e.v.slots) > 0 || e.coming() {
		select {
		case <-deadline:
			e.t.Fatal("an upload is still under way")
		case <-time.After(5 * time.Millisecond):
		}
	}
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

func TestManyAtOnceFromElsewhere(t *testing.T) {
	e := open(t, nil)
	p := &prtlab.Phone{Device: phone, From: "127.0.7.7"}
	r, err := prtlab.NewReport(phone, time.Unix(1795902690, 0), 5000, 1)
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := p.Post(t.Context(), "http://"+e.s.Addr+"/prt", r, prtlab.Wrong{}); err == nil && answer.Status != 403 {
		t.Errorf("%+v", answer)
	}
	if len(e.waiting()) != 0 {
		t.Error("it is kept")
	}
}
