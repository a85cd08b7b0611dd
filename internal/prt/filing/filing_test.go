package filing

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/internal/config/prtconf"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/incident/material"
	"rtmtgrab/internal/prt"
)

const phone, other = "SEP001122334455", "SEP0011223344FF"

// A desk is a store, a box that receives, and what files.
type desk struct {
	t    *testing.T
	st   *incident.Store
	s    *Service
	done chan struct{}
	stop context.CancelFunc
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, st: incidenttest.Store(t, t.TempDir())}
	d.start()
	t.Cleanup(func() { d.end() })
	return d
}

func (d *desk) start() {
	d.t.Helper()
	conf := &prtconf.PRT{}
	conf.Begin()
	conf.Listen, conf.Networks = "127.0.0.1:0", []string{"127.0.0.1"}
	conf.Check(true, func(key, format string, args ...any) { d.t.Fatalf(key+": "+format, args...) })
	ctx, cancel := context.WithCancel(context.Background())
	d.s, d.stop, d.done = New(d.st, nil, slog.New(slog.DiscardHandler)), cancel, make(chan struct{})
	d.s.Configure(conf)
	if st := d.s.State(); st.Addr == "" || st.Error != "" {
		d.t.Fatalf("%+v", st)
	}
	go func() {
		defer close(d.done)
		d.s.Run(ctx)
	}()
}

func (d *desk) end() {
	d.stop()
	<-d.done
}

// incident makes one of that moment, and its folder.
func (d *desk) incident(id string, alerted time.Time, phones ...string) incident.Incident {
	d.t.Helper()
	in := incident.Incident{Key: id, ID: id, Site: "hq", Kind: incident.KindNow, State: incident.Running, Asked: evidence.NewWindow(alerted.Add(-15*time.Minute), alerted.Add(5*time.Minute)), At: alerted.UTC(), Phones: phones,
		Created: alerted.UTC(), Revision: 1}
	if err := d.st.Create(id); err != nil {
		d.t.Fatal(err)
	}
	if err := d.st.Save(in); err != nil {
		d.t.Fatal(err)
	}
	return in
}

func (d *desk) send(device, text string) []byte {
	d.t.Helper()
	var report, body bytes.Buffer
	z := gzip.NewWriter(&report)
	io.WriteString(z, text)
	z.Close()
	w := multipart.NewWriter(&body)
	w.WriteField("devicename", device)
	p, _ := w.CreateFormFile("prt_file", "x")
	p.Write(report.Bytes())
	w.Close()
	resp, err := http.Post("http://"+d.s.State().Addr+"/prt", w.FormDataContentType(), &body)
	if err != nil {
		d.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		d.t.Fatalf("answered %d: %+v", resp.StatusCode, d.s.State().Counts)
	}
	return report.Bytes()
}

// until waits for a condition.
func (d *desk) until(what string, is func() bool) {
	d.t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			d.t.Fatalf("not in a minute: %s", what)
		}
		d.s.wake()
	}
}

func (d *desk) has(key, device string, want []byte) {
	d.t.Helper()
	var state material.State
	d.until("the report of "+device+" is under "+key, func() bool {
		var err error
		state, err = material.Of(d.st, key).Read()
		return err == nil && len(state.PRTs) == 1
	})
	d.until("nothing waits", func() bool { return len(d.s.State().Waiting) == 0 })
	p := state.PRTs[0]
	got, err := os.ReadFile(filepath.Join(d.st.IncidentDir(key), filepath.FromSlash(p.Path)))
	if err != nil || !bytes.Equal(got, want) || p.Device != device || p.From != "127.0.0.1" {
		d.t.Errorf("%+v, %d bytes, %v", p, len(got), err)
	}
	if q, there := material.QueuedOf(d.st, key); !there {
		d.t.Errorf("no revision is queued: %+v", q)
	}
}

// A report goes to the incident of its phone whose alert is nearest, whoever else has one.
func TestFiled(t *testing.T) {
	d := newDesk(t)
	now := time.Now()
	d.incident("20260302T141407Z-hq-aaaaaa", now.Add(-40*time.Minute), phone)
	d.incident("20260302T141407Z-hq-bbbbbb", now.Add(-10*time.Minute), phone)
	d.incident("20260302T141407Z-hq-cccccc", now.Add(-time.Minute), other)
	d.incident("20260302T141407Z-hq-dddddd", now.Add(-3*time.Hour), phone)
	d.has("20260302T141407Z-hq-bbbbbb", phone, d.send(phone, "report"))
}

// One that comes before its incident waits for it, over a restart too; one of a phone that
// has none waits, and is no incident's.
func TestWaitsForItsIncident(t *testing.T) {
	d := newDesk(t)
	text := d.send(phone, "report")
	d.send(other, "another")
	d.end()
	if n := len(d.s.State().Waiting); n != 0 {
		t.Errorf("a service that has ended tells of %d reports", n)
	}
	d.start()
	d.until("both wait", func() bool { return len(d.s.State().Waiting) == 2 })
	key := "20260302T141407Z-hq-aaaaaa"
	in := d.incident(key, time.Now().Add(20*time.Minute))
	if n := len(d.s.State().Waiting); n != 2 {
		t.Errorf("%d wait", n)
	}
	m := evidence.Memory{Revision: 1, Partial: []evidence.PhoneTime{{Device: phone, Verdict: "partial", At: time.Now()}}} // its report names the phone
	if err := incident.MemoryFile(d.st, key).Save(m); err != nil {
		t.Fatal(err)
	}
	in.State = incident.Sealing
	if err := d.st.Save(in); err != nil {
		t.Fatal(err)
	}
	d.until("one is filed", func() bool { return len(d.s.State().Waiting) == 1 })
	state, err := material.Of(d.st, key).Read()
	if err != nil || len(state.PRTs) != 1 || state.PRTs[0].Device != phone || state.PRTs[0].Bytes != int64(len(text)) {
		t.Errorf("%+v, %v", state, err)
	}
	if w := d.s.State().Waiting; w[0].Device != other {
		t.Errorf("%+v", w)
	}
}

// Names that CUCM gives count as those that anybody named.
func TestNamedByCUCM(t *testing.T) {
	d := newDesk(t)
	key := "20260302T141407Z-hq-aaaaaa"
	d.incident(key, time.Now())
	f := material.Of(d.st, key)
	w, err := f.Create(phonesFile)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, `{"phones":[{"name":"`+phone+`","lines":[{"number":"7042"}]}]}`)
	in, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Add(time.Now(), material.Change{Files: []material.Incoming{in}}); err != nil {
		t.Fatal(err)
	}
	d.has(key, phone, d.send(phone, "report"))
}

// A kill between the incident's having it and the box's knowing so leads to one report.
func TestFiledTwice(t *testing.T) {
	d := newDesk(t)
	d.send(phone, "report")
	d.end()
	key := "20260302T141407Z-hq-aaaaaa"
	d.incident(key, time.Now(), phone)
	box, err := prt.OpenBox(d.st.Dir)
	if err != nil {
		t.Fatal(err)
	}
	f := newFiler(d.st, box, nil, slog.New(slog.DiscardHandler), time.Now)
	r := box.Waiting()[0]
	for range 2 {
		if err := f.file(t.Context(), r, key); err != nil {
			t.Fatal(err)
		}
	}
	state, err := material.Of(d.st, key).Read()
	if err != nil || len(state.PRTs) != 1 || len(state.Files) != 1 || len(box.Waiting()) != 0 {
		t.Errorf("%+v, %v", state, err)
	}
}

// A reload moves the receiver, or ends it.
func TestReload(t *testing.T) {
	d := newDesk(t)
	before := d.s.State().Addr
	conf := *d.s.conf
	conf.Networks = []string{"10.0.0.0/8"}
	d.s.Configure(&conf)
	if now := d.s.State().Addr; now != before {
		t.Errorf("it moved from %s to %s for other networks", before, now)
	}
	resp, err := http.Get("http://" + before)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("answered %d: the old networks are in force", resp.StatusCode)
	}
	moved := conf
	moved.Listen = "127.0.0.2:0"
	d.s.Configure(&moved)
	if now := d.s.State().Addr; now == before || now == "" {
		t.Errorf("it stays at %s", now)
	}
	d.s.Configure(nil)
	if st := d.s.State(); st.Listen != "" {
		t.Errorf("%+v", st)
	}
	if _, err := http.Get("http://" + before); err == nil {
		t.Error("it answers still")
	}
}
