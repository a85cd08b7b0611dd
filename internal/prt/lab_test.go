package prt

import (
	"bytes"
	"io"
	"testing"
	"time"

	"rtmtgrab/internal/lab/prtlab"
)

// Every way in which the laboratory's phones post: the good ones byte for byte, of the others
// nothing.
func TestWaysToPost(t *testing.T) {
	p := &prtlab.Phone{Device: "SEP00EBD5D5D8C6", Serial: "FCH1234ABCD", User: "jdoe", From: "127.0.0.1"}
	ways := prtlab.Cases()
	for _, name := range prtlab.Names() {
		ways = append(ways, prtlab.Case{Name: "name " + name[:min(len(name), 20)], Wrong: prtlab.Wrong{FileName: name}, Take: prtlab.Keep})
	}
	for i, c := range ways {
		e := open(t, func(s *Settings, _ *Receiver) { s.Max = 1 << 20 }) // one each: what a phone sent that hung up may be kept after it is gone
		p.Device = []string{"SEP00EBD5D5D8C6", "SEP00EBD5D5D8C7", "SEP00EBD5D5D8C8"}[i%3]
		r, err := prtlab.NewReport(p.Device, time.Unix(1795902690, 0), 5000, uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		before := len(e.v.Box.Waiting())
		answer, err := p.Post(t.Context(), "http://"+e.s.Addr+"/prt", r, c.Wrong)
		if err == nil && answer.Status == 200 && c.Take == prtlab.Refuse || c.Take == prtlab.Keep && (err != nil || answer.Status != 200) {
			t.Errorf("%s: %+v, %v: %+v", c.Name, answer, err, e.v.Tally.Counts().Last[:min(1, len(e.v.Tally.Counts().Last))])
		}
		for deadline := time.Now().Add(time.Minute); len(e.v.slots) > 0; time.Sleep(time.Millisecond) { // a phone that hung up is noticed later
			if time.Now().After(deadline) {
				t.Fatalf("%s: it is being received still", c.Name)
			}
		}
		list := e.v.Box.Waiting()
		if kept := len(list) - before; kept > 1 || kept == 1 && c.Take == prtlab.Refuse || kept == 0 && c.Take == prtlab.Keep {
			t.Errorf("%s: %d are kept", c.Name, kept)
		}
		for _, one := range list[before:] {
			f, err := e.v.Box.Open(one.ID)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(f)
			f.Close()
			if c.Name == "two_files" {
				continue // which of the two is the receiver's to say
			}
			if err != nil || !bytes.Equal(b, r.Contents) || one.Device != p.Device {
				t.Errorf("%s: what is kept is another report: %d bytes, %+v, %v", c.Name, len(b), one, err)
			}
		}
		e.waiting()
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
