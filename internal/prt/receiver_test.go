package prt

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/lab/prtlab"
)

const phone = "SEP001122334455"

// A receiving end, and what it has told.
type end struct {
	t    testing.TB
	dir  string
	v    *Receiver
	s    *Server
	mu   sync.Mutex
	came []Report
}

func open(t testing.TB, change func(*Settings, *Receiver)) *end {
	t.Helper()
	e := &end{t: t, dir: t.TempDir()}
	box, err := OpenBox(e.dir)
	if err != nil {
		t.Fatal(err)
	}
	set := Settings{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/24")}, Max: 64 << 20, Bounds: Bounds{Total: 2 << 30, Count: 500, Keep: time.Hour}}
	e.v = NewReceiver(box, func() Settings { return set }, nil, slog.New(slog.DiscardHandler), func(r Report) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.came = append(e.came, r)
	})
	if change != nil {
		change(&set, e.v)
	}
	if e.s, err = Serve("127.0.0.1:0", nil, e.v); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.s.Close)
	return e
}

// packed is a gzip stream of about n bytes.
func packed(t testing.TB, n int, seed uint64) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	io.CopyN(z, rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}), int64(n))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// form is the body of an upload, with the fields as they are given.
func form(device, file string, contents []byte) (contentType string, body []byte) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	w.WriteField("devicename", device)
	w.WriteField("serialno", "FCH1234ABCD")
	w.WriteField("username", "")
	p, _ := w.CreateFormFile("prt_file", file)
	p.Write(contents)
	w.Close()
	return w.FormDataContentType(), b.Bytes()
}

func (e *end) post(contentType string, body io.Reader) (code int) {
	e.t.Helper()
	resp, err := http.Post("http://"+e.s.Addr+"/prt", contentType, body)
	if err != nil {
		return 0 // it hung up: whoever sends on finds out so
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func (e *end) send(device, file string, contents []byte) int {
	e.t.Helper()
	kind, body := form(device, file, contents)
	return e.post(kind, bytes.NewReader(body))
}

// waiting are the reports in the box as another start finds them, which must be the files that are there.
func (e *end) waiting() []Report {
	e.t.Helper()
	box, err := OpenBox(e.dir)
	if err != nil {
		e.t.Fatal(err)
	}
	list := box.Waiting()
	entries, err := os.ReadDir(filepath.Join(e.dir, "prt"))
	if err != nil || len(entries) != 2*len(list) {
		e.t.Errorf("%d reports, and in the folder: %v, %v", len(list), entries, err)
	}
	for _, r := range list {
		f, err := box.Open(r.ID)
		if err != nil {
			e.t.Fatal(err)
		}
		h := sha256.New()
		n, err := io.Copy(h, f)
		f.Close()
		if err != nil || n != r.Bytes || hex.EncodeToString(h.Sum(nil)) != r.SHA256 {
			e.t.Errorf("%s has %d bytes, its record says %d", r.ID, n, r.Bytes)
		}
	}
	return list
}

func (e *end) refused(reason string) int64 { return e.v.Tally.Counts().Refused[reason] }

// What a phone sends is kept byte for byte, whatever the way it is sent in.
func TestReceive(t *testing.T) {
	text := packed(t, 50_000, 1)
	sum := sha256.Sum256(text)
	unquoted := "--b=1\r\nContent-Disposition: form-data; name=\"prt_file\"; filename=\"prt-1.tar.gz\"\r\n\r\n" + string(text) +
		"\r\n--b=1\r\nContent-Disposition: form-data; name=devicename\r\n\r\n\"sep001122334455\" \r\n--b=1--"
	for name, body := range map[string]func() (string, io.Reader){
		"as phones do": func() (string, io.Reader) {
			kind, b := form(phone, "prt-20261128-213127-001122334455.tar.gz", text)
			return kind, bytes.NewReader(b)
		},
		"chunked": func() (string, io.Reader) {
			kind, b := form(phone, "probrep-20261128-213127.tar.gz", text)
			return kind, io.MultiReader(bytes.NewReader(b[:100]), bytes.NewReader(b[100:]))
		},
		"quotes in the field": func() (string, io.Reader) {
			kind, b := form(`"`+phone+`"`, "prt.tar.gz", text)
			return kind, bytes.NewReader(b)
		},
		"a name that leads elsewhere": func() (string, io.Reader) {
			kind, b := form(phone, "../../../etc/cron.d/x", text)
			return kind, bytes.NewReader(b)
		},
		"the file first, the boundary not quoted": func() (string, io.Reader) {
			return "multipart/form-data; boundary=b=1", strings.NewReader(unquoted)
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := open(t, nil)
			if code := e.post(body()); code != 200 {
				t.Fatalf("answered %d: %+v", code, e.v.Tally.Counts())
			}
			list := e.waiting()
			if len(list) != 1 || list[0].Device != phone || list[0].SHA256 != hex.EncodeToString(sum[:]) || list[0].From != "127.0.0.1" {
				t.Errorf("%+v", list)
			}
			if len(e.came) != 1 || e.came[0] != list[0] {
				t.Errorf("told of %+v", e.came)
			}
		})
	}
}

// What is no report is refused with its reason, and nothing of it is left.
func TestRefuse(t *testing.T) {
	text := packed(t, 50_000, 1)
	kind, body := form(phone, "prt.tar.gz", text)
	of := func(device string, contents []byte) func(*end) int {
		return func(e *end) int { return e.send(device, "prt.tar.gz", contents) }
	}
	for name, c := range map[string]struct {
		reason string
		code   int
		send   func(*end) int
	}{
		"not gzip":          {NotGzip, 415, of(phone, []byte("PK\x03\x04 a zip"))},
		"empty":             {CutOff, 400, of(phone, nil)},
		"stream cut":        {CutOff, 400, of(phone, text[:len(text)-9])},
		"trailer cut":       {CutOff, 400, of(phone, text[:len(text)-1])},
		"wrong MAC":         {NoDevice, 400, of("SEP00112233445", text)},
		"a path as device":  {NoDevice, 400, of("../SEP001122334455", text)},
		"no device":         {NoDevice, 400, of("", text)},
		"too large":         {TooLarge, 413, of(phone, packed(t, 2<<20, 2))},
		"no form":           {NotForm, 400, func(e *end) int { return e.post("application/gzip", bytes.NewReader(text)) }},
		"form cut":          {CutOff, 400, func(e *end) int { return e.post(kind, bytes.NewReader(body[:len(body)-40])) }},
		"form cut, chunked": {CutOff, 400, func(e *end) int { return e.post(kind, io.MultiReader(bytes.NewReader(body[:30_000]))) }},
		"no file": {NotForm, 400, func(e *end) int {
			return e.post(kind, strings.NewReader(string(body[:bytes.Index(body, []byte("prt_file"))-60])+"--\r\n"))
		}},
		"read": {NotPost, 405, func(e *end) int {
			resp, err := http.Get("http://" + e.s.Addr + "/prt")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			return resp.StatusCode
		}},
		"too large, chunked": {TooLarge, 413, func(e *end) int {
			kind, b := form(phone, "x", packed(t, 3<<20, 3))
			code := e.post(kind, io.MultiReader(bytes.NewReader(b)))
			if code == 0 { // the connection was closed while it was still sending
				code = 413
			}
			return code
		}},
	} {
		t.Run(name, func(t *testing.T) {
			e := open(t, func(s *Settings, _ *Receiver) { s.Max = 1 << 20 })
			if name == "no file" {
				c.reason = "" // which of the two it is depends on where it is cut
			}
			if code := c.send(e); code != c.code {
				t.Errorf("answered %d, want %d: %+v", code, c.code, e.v.Tally.Counts())
			}
			if c.reason != "" && e.refused(c.reason) != 1 {
				t.Errorf("%+v", e.v.Tally.Counts())
			}
			if list := e.waiting(); len(list) != 0 || len(e.came) != 0 {
				t.Errorf("kept: %+v", list)
			}
		})
	}
}

// Whoever is in no network learns so, and takes no room from others.
func TestFromElsewhere(t *testing.T) {
	e := open(t, func(s *Settings, _ *Receiver) { s.Networks = []netip.Prefix{netip.MustParsePrefix("10.0.30.0/24")} })
	if code := e.send(phone, "x", packed(t, 1000, 1)); code != 403 {
		t.Errorf("answered %d", code)
	}
	for range 2 * strangers {
		c, err := net.Dial("tcp", e.s.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	deadline := time.Now().Add(time.Minute)
	for e.refused(FromElsewhere) < 2 {
		if time.Now().After(deadline) {
			t.Fatalf("more than %d strangers have connections: %+v", strangers, e.v.Tally.Counts())
		}
		time.Sleep(time.Millisecond)
	}
	if list := e.waiting(); len(list) != 0 {
		t.Errorf("%+v", list)
	}
}

// The same report is kept once, and answered as if it were new.
func TestRepeated(t *testing.T) {
	e := open(t, nil)
	text := packed(t, 1000, 1)
	for range 3 {
		if code := e.send(phone, "x", text); code != 200 {
			t.Errorf("answered %d", code)
		}
	}
	if code := e.send("SEP0011223344FF", "x", text); code != 200 { // of another phone it is another
		t.Errorf("answered %d", code)
	}
	if list := e.waiting(); len(list) != 2 || e.v.Tally.Counts().Repeated != 2 || len(e.came) != 2 {
		t.Errorf("%+v, %+v", list, e.v.Tally.Counts())
	}
}

func TestFull(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Settings, *Receiver)
		reason string
		fits   int
	}{
		"count":         {func(s *Settings, _ *Receiver) { s.Count = 3 }, Full, 3},
		"total":         {func(s *Settings, _ *Receiver) { s.Total, s.Max = 150_000, 75_000 }, Full, 2},
		"of one device": {func(*Settings, *Receiver) {}, Full, ofDevice},
		"disk": {func(_ *Settings, v *Receiver) {
			v.Reserve = &diskspace.Reserve{Measure: func(string) (diskspace.Space, error) { return diskspace.Space{Free: 1 << 30, Total: 1 << 40}, nil }}
		}, NoRoom, 0},
	} {
		t.Run(name, func(t *testing.T) {
			e := open(t, c.change)
			took := 0
			for i := range ofDevice + 2 {
				switch code := e.send(phone, "x", packed(t, 70_000, uint64(i))); code {
				case 200:
					took++
				case 507:
				default:
					t.Fatalf("answered %d: %+v", code, e.v.Tally.Counts())
				}
			}
			if took != c.fits || len(e.waiting()) != c.fits || e.refused(c.reason) == 0 {
				t.Errorf("%d were taken, want %d: %+v", took, c.fits, e.v.Tally.Counts())
			}
		})
	}
}

// Ten senders that hardly send keep nobody waiting.
func TestSlowSenders(t *testing.T) {
	e := open(t, nil)
	kind, body := form(phone, "x", packed(t, 1000, 1))
	for range 10 {
		c, err := net.Dial("tcp", e.s.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST /prt HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", kind, len(body), body[:len(body)/2])
	}
	deadline := time.Now().Add(time.Minute)
	for len(e.v.slots) < 10 {
		if time.Now().After(deadline) {
			t.Fatal("the slow ones do not come to send")
		}
		time.Sleep(time.Millisecond)
	}
	for i := range 20 {
		if code := e.send(phone, "x", packed(t, 1000, uint64(100+i%ofDevice))); code != 200 {
			t.Errorf("answered %d beside ten slow senders: %+v", code, e.v.Tally.Counts())
		}
	}
	if n := len(e.v.slots); n != 10 {
		t.Errorf("%d slow ones are left", n)
	}
}

// 50 MiB arrive byte for byte, and are never held in memory.
func TestLarge(t *testing.T) {
	e := open(t, nil)
	const size = 50 << 20
	r, w := io.Pipe()
	parts := multipart.NewWriter(w)
	sent := sha256.New()
	go func() {
		parts.WriteField("devicename", phone)
		p, _ := parts.CreateFormFile("prt_file", "x")
		z, _ := gzip.NewWriterLevel(io.MultiWriter(p, sent), gzip.NoCompression)
		io.CopyN(z, rand.NewChaCha8([32]byte{7}), size)
		z.Close()
		parts.Close()
		w.Close()
	}()
	if code := e.post(parts.FormDataContentType(), r); code != 200 {
		t.Fatalf("answered %d: %+v", code, e.v.Tally.Counts())
	}
	list := e.waiting()
	if len(list) != 1 || list[0].Bytes < size || list[0].SHA256 != hex.EncodeToString(sent.Sum(nil)) {
		t.Errorf("%+v", list)
	}
}

// A stream that unpacks to more than reports ever do is refused before it has cost much.
func TestBomb(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	zeros := make([]byte, 1<<20)
	for range 9 {
		z.Write(zeros)
	}
	z.Close()
	e := open(t, func(s *Settings, _ *Receiver) { s.unpacks = 8 << 20 })
	if code := e.send(phone, "x", b.Bytes()); code != 413 || len(e.waiting()) != 0 {
		t.Errorf("answered %d: %+v", code, e.v.Tally.Counts())
	}
}

// What unpacks to much takes its time, for all together, and one whose sender does not wait for it
// is given up.
func TestBombTakesItsTime(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(make([]byte, 4<<20))
	z.Close()
	e := open(t, func(_ *Settings, v *Receiver) { v.unpacking = rate.NewLimiter(1, 1<<20) })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		(&prtlab.Phone{Device: phone}).Post(ctx, "http://"+e.s.Addr+"/prt", prtlab.Report{Name: "x", Contents: b.Bytes()}, prtlab.Wrong{})
	}()
	for deadline := time.Now().Add(time.Minute); e.v.unpacking.Tokens() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is not looked through")
		}
	}
	cancel()
	<-done
	e.settled()
	if n := len(e.waiting()); n > 0 || e.v.Tally.Counts().Refused[CutOff] != 1 {
		t.Errorf("%d are kept: %+v", n, e.v.Tally.Counts())
	}
}

// What a kill left is removed at the next start, what was answered for stays; what is old goes.
func TestBoxAfterAKill(t *testing.T) {
	e := open(t, nil)
	e.send(phone, "x", packed(t, 1000, 1))
	e.s.Close()
	folder := filepath.Join(e.dir, "prt")
	for _, name := range []string{"coming-1.part", "SEP001122334455-20200101T000000Z.tar.gz"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if list := e.waiting(); len(list) != 1 {
		t.Errorf("%+v", list)
	}
	box, err := OpenBox(e.dir)
	if err != nil {
		t.Fatal(err)
	}
	r := box.Waiting()[0]
	if err := box.Settle(r.ID, "an-incident", time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := box.Open(r.ID); err == nil || len(box.Waiting()) != 0 || len(box.Filed("an-incident")) != 1 {
		t.Errorf("filed, and still here: %v", err)
	}
	if _, repeated, err := box.add(Report{Device: r.Device, SHA256: r.SHA256}, "nowhere"); !repeated || err != nil {
		t.Errorf("a report that was filed is another one when it comes again: %v", err)
	}
	if _, err := box.Expire(r.Received.Add(2*time.Hour), time.Hour); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestDevice(t *testing.T) {
	for field, want := range map[string]string{
		"SEP001122334455": "SEP001122334455", `"SEP001122334455"`: "SEP001122334455", " sep00ebd5d5d8e8\r\n": "SEP00EBD5D5D8E8", "'TCTJDOE'": "TCTJDOE", "CSFJDOE": "CSFJDOE", "BOTJ.DOE": "BOTJ.DOE", "TABJDOE": "TABJDOE",
		"": "", "SEP": "", "SEP00112233445G": "", "SEP0011223344556": "", "ATA001122334455": "", "CSF": "", "CSFABCDEFGHIJKLM": "", "CSF/../X": "", "CSFJ DOE": "", "../SEP001122334455": "", "SEP001122334455\nX": "",
	} {
		got, ok := Device(field)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q, %v", field, got, ok)
		}
	}
}

// FuzzReadForm: whatever comes, no more of it is given than came, a form that is taken has a device that
// can be one and one file, and what is between its boundaries is what is saved.
func FuzzReadForm(f *testing.F) {
	kind, body := form(phone, "x", []byte("\x1f\x8b\x08 and more"))
	f.Add(kind, body)
	f.Add("multipart/form-data; boundary=b=1", []byte("--b=1\r\n\r\n\r\n--b=1--"))
	f.Add("multipart/form-data; boundary=x", []byte("--x\r\nContent-Disposition: form-data; name=\"prt_file\"; filename=\"..\\\\..\"\r\n\r\nabc\r\n--x--\r\n"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		var saved [][]byte
		got, err := ReadForm(kind, bufio.NewReader(bytes.NewReader(body)), func(r io.Reader) error {
			b, err := io.ReadAll(r)
			saved = append(saved, b)
			return err
		})
		if err != nil {
			if refusal(err).Reason == Failed {
				t.Fatalf("%v is no reason", err)
			}
			return
		}
		if name, ok := Device(got.Device); !ok || name != got.Device || len(saved) != 1 {
			t.Fatalf("%+v, %d files", got, len(saved))
		}
		if !bytes.Contains(body, saved[0]) || slices.Contains([]byte(got.File), '\n') {
			t.Fatalf("%+v: %q is not in what was sent", got, saved[0])
		}
	})
}
