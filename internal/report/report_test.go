package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration"
	"rtmtgrab/internal/testrace"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs from what is written; look at it, then run go test -update. It begins to differ at %q",
			name, got[min(differ(got, want), len(got)):][:min(80, len(got)-differ(got, want))])
	}
}

func differ(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

func pageOf(t *testing.T, w *world) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Page(&b, w.r, w.text); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bare leaves out style and script, so that the golden files are about what is said.
func bare(page []byte) []byte {
	page = bytes.Replace(page, []byte(pageStyle), []byte("…"), 1)
	page = bytes.Replace(page, []byte(pageScript), []byte("…"), 1)
	return regexp.MustCompile(`sha256-[A-Za-z0-9&#;/+=]+`).ReplaceAll(page, []byte("sha256-…"))
}

func TestPages(t *testing.T) {
	places := dropped(2, 3)
	for name, w := range map[string]*world{"late.html": onePhoneAfter(1), "info.html": infoOnly(1), "nothing.html": nothingFound(), "hostile.html": hostileWorld(), "dropped.html": places} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			text := w.text
			if w == places {
				text = nil
			}
			if err := Page(&b, w.r, text); err != nil {
				t.Fatal(err)
			}
			golden(t, name, bare(b.Bytes()))
			if bytes.Contains(b.Bytes(), []byte("SECRET")) {
				t.Error("a credential is in the page")
			}
		})
	}
}

func TestSameReportSameBytes(t *testing.T) {
	if a, b := pageOf(t, dropped(3, 6)), pageOf(t, dropped(3, 6)); !bytes.Equal(a, b) {
		t.Errorf("two pages of one report differ at byte %d", differ(a, b))
	}
}

// Where nothing can be told the page does not say that no phone is affected.
func TestNoneAffected(t *testing.T) {
	mixed := infoOnly(3)
	mixed.r.Phones[0].Verdict = registration.PhoneRegistered
	for want, w := range map[string]*world{
		"No affected phone was found among 2 phones.":                                  healthySite(2),
		"Of none of 2 phones can it be told whether it is affected":                    infoOnly(2),
		"No phone is known to be affected, but of 2 among 3 it cannot be told.":        mixed,
		"No REGISTER of any phone was found in these logs.":                            nothingFound(),
		"<b>SEP00EBD5D5D8C6</b> <span class=\"badge bad\">Partially registered</span>": onePhone(),
	} {
		if !strings.Contains(string(pageOf(t, w)), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// The policy allows the page's own style and script, and nothing else.
func TestPolicy(t *testing.T) {
	page := string(pageOf(t, onePhone()))
	want := `<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; style-src ` + strings.ReplaceAll(hash(pageStyle), "'", "&#39;")
	if !strings.Contains(strings.ReplaceAll(page, "&#43;", "+"), want) {
		t.Error("no policy with the style's hash")
	}
	for _, p := range []string{" style=", "javascript:", "http-equiv=\"refresh\"", "<link", "<img", "@import", "url("} {
		if strings.Contains(page, p) {
			t.Errorf("the page holds %q", p)
		}
	}
}

func TestBudget(t *testing.T) {
	big := string(pageOf(t, dropped(10, 150)))
	if len(big) > 4_000_000 {
		t.Errorf("a page of 150 phones has %d bytes", len(big))
	}
	for i, affected := range []int{30, 400, 400} {
		if testrace.Skips(i, 2) {
			continue
		}
		w := dropped(affected, 400)
		if i == 2 {
			wordy(w)
		}
		page := pageOf(t, w)
		t.Logf("%d of 400: %d bytes", affected, len(page))
		if len(page) > 4_000_000 {
			t.Errorf("a page of %d of 400 phones has %d bytes, the %d. page", affected, len(page), i+1)
		}
	}
	if !strings.Contains(big, "The message texts of phones that are not affected are left out") {
		t.Error("it does not say that texts are left out")
	}
	ok, bad := 0, 0
	for _, ph := range strings.Split(big, `<details class="phone `)[1:] {
		if strings.HasPrefix(ph, "bad") && strings.Contains(ph, "<pre") {
			bad++
		} else if strings.Contains(ph, "<pre") {
			ok++
		}
	}
	if bad != 10 || ok != 0 {
		t.Errorf("texts of %d affected phones and %d others, want 10 and 0", bad, ok)
	}
	if small := string(pageOf(t, dropped(3, 10))); strings.Contains(small, "left out") || strings.Count(small, "<pre") < 10*10*6 {
		t.Error("a small page lacks texts")
	}
}

// wordy adds all that an analysis may say of each phone.
func wordy(w *world) {
	for i := range w.r.Phones {
		p := &w.r.Phones[i]
		for n := range 7 {
			p.Proofs = append(p.Proofs, p.Proofs[0])
			p.Statements = append(p.Statements, registration.Statement{Text: p.Device + strings.Repeat(" was seen in these logs", 6) + count(n) + ".", Confidence: registration.Certain})
		}
	}
}

// A phone of hours is shortened to what is worth looking at.
func TestLongLadder(t *testing.T) {
	w := newWorld()
	w.ticks = 400
	w.late(0)
	page := string(pageOf(t, w))
	if n := strings.Count(page, `<details class="t`); n != maxLadder {
		t.Errorf("%d transactions are shown, want %d", n, maxLadder)
	}
	if !strings.Contains(page, "late by 27.4 s") || !strings.Contains(page, "342 keep-alives answered with success, 2026-03-02 10:51:30.000 EST (15:51:30.000 UTC) to ") {
		t.Error("the late one is missing, or the page does not say what it leaves out")
	}
}

// A storm of alerts, connections and phones that share one makes no page of its own.
func TestStorm(t *testing.T) {
	w := onePhone()
	for range 500 {
		w.r.Alerts = append(w.r.Alerts, w.r.Alerts[0])
		w.r.Connections = append(w.r.Connections, registration.Connection{C: "expc01", Local: "10.0.30.2:25000"})
		w.r.Phones[0].Shares = append(w.r.Phones[0].Shares, "SEP001122334455")
	}
	w.connection("10.0.30.2:29999", alert, "Idle countdown expired")
	page := string(pageOf(t, w))
	for _, want := range []string{"481 more alerts", "301 more connections", "470 more phones", "10.0.30.2:29999"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestUnreadableRecord(t *testing.T) {
	var b bytes.Buffer
	err := Page(&b, onePhone().r, func(registration.Proof) ([]byte, error) { return nil, errors.New("the <file> is gone") })
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "This record could not be read: the &lt;file&gt; is gone") {
		t.Error("the page does not say why a record has no text")
	}
}

func TestWriteErrors(t *testing.T) {
	w := onePhone()
	for name, write := range map[string]func(io.Writer) error{
		"page": func(o io.Writer) error { return Page(o, w.r, w.text) },
		"csv":  func(o io.Writer) error { return CSV(o, w.r) },
		"json": func(o io.Writer) error { return JSON(o, w.r) },
	} {
		if err := write(full{}); !errors.Is(err, errFull) {
			t.Errorf("%s: a full disk gives %v", name, err)
		}
	}
}

var errFull = errors.New("no space")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestMask(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{" Authorization: Digest username=\"u\", response=\"SECRET\"\n Expires: 3600\n", " Authorization: Digest [masked in this page]\n Expires: 3600"},
		{" proxy-authorization:Bearer SECRET\r\n Expires: 1\r\n", " proxy-authorization: Bearer [masked in this page]\n Expires: 1"},
		{" Authorization: SECRET\n", " Authorization: [masked in this page]"},
		{" Authorization: Digest a=\"SECRET\",\n   realm: SECRET\n\tb=SECRET\n Expires: 1\n", " Authorization: Digest [masked in this page]\n Expires: 1"},
		{"|Authorization: Digest SECRET,\nnonce=\"SECRET\", opaque=\"SECRET\"\nSupported: path\n", "|Authorization: Digest [masked in this page]\nSupported: path"},
		{"Detail=\"x Authorization : Basic SECRET\"\n", "Detail=\"x Authorization: Basic [masked in this page]"},
		{" Authorization: Digest SECRET\n \n |\n", " Authorization: Digest [masked in this page]\n \n |"},
		{"a\x00b\x1bc\td\n", "a␀b␛c\td"},
		{"a\xffb", "a\ufffdb"},
	} {
		if got := show([]byte(c.in)); got != c.want {
			t.Errorf("show(%q) = %q, want %q", c.in, got, c.want)
		}
	}
	if got := show(bytes.Repeat([]byte("x"), maxText+1)); !strings.HasSuffix(got, "the rest is in the log]") {
		t.Error("a cut record does not say so")
	}
}

func TestCSV(t *testing.T) {
	for name, w := range map[string]*world{"four.csv": fourPhones(), "hostile.csv": hostileWorld()} {
		var b bytes.Buffer
		if err := CSV(&b, w.r); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
}

func TestCells(t *testing.T) {
	for in, want := range map[string]string{"": "", "7022": "7022", "+49 30": "'+49 30", "=1+1": "'=1+1", "-1": "'-1", "@x": "'@x", "\t=1": "' =1", " =1": "' =1",
		"\r\n+1": "'  +1", "a=b": "a=b", "a\nb": "a b",
		"＝1+1": "'＝1+1", "＋1": "'＋1", "－1": "'－1", "＠x": "'＠x", "\u00a0=1": "'\u00a0=1", "\u3000\u2003＝1": "'\u3000\u2003＝1", "\u200b=1": "'\u200b=1", "\ufeff@x": "' @x", "\u200f=1": "' =1",
		"\t7": "' 7", "\r7": "' 7", "\u2800=1": "'\u2800=1", "é=1": "é=1", "７": "７"} {
		if got := evidence.Cell(in); got != want {
			t.Errorf("cell(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestJSON(t *testing.T) {
	w := hostileWorld()
	w.r.Phones[1].Transactions, w.r.Connections[0].Proofs = nil, nil
	w.r.Summary = "<b> & </b>"
	var b bytes.Buffer
	if err := JSON(&b, w.r); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `"summary": "<b> & </b>"`) || strings.Contains(b.String(), `": null`) {
		t.Error("text is escaped for HTML, or a list is null")
	}
	if w.r.Phones[1].Transactions != nil {
		t.Error("the report itself was changed")
	}
	var back registration.Report
	d := json.NewDecoder(&b)
	d.DisallowUnknownFields()
	if err := d.Decode(&back); err != nil {
		t.Fatal(err)
	}
	if want := whole(*w.r); !reflect.DeepEqual(back, want) {
		t.Error("the report does not come back as it was")
	}
	late := math.NaN()
	if err := JSON(io.Discard, &registration.Report{Phones: []registration.Phone{{LateByS: &late}}}); err == nil {
		t.Error("what JSON cannot say is no error")
	}
}

// Nothing of a report need be there.
func TestEmptyReport(t *testing.T) {
	r := &registration.Report{Phones: []registration.Phone{{}, {}}, Connections: []registration.Connection{{}}, TimeZone: "No/Where"}
	r.Phones[0].Transactions = []registration.Transaction{{Hops: []registration.Hop{{}, {From: "a", To: "b"}}},
		{At: time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)}, {At: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)}}
	page := pageOf(t, &world{r: r})
	if n := bytes.Count(page, []byte("<details class=\"phone")); n != 2 {
		t.Errorf("%d phones", n)
	}
	if err := CSV(io.Discard, r); err != nil {
		t.Error(err)
	}
}
