package mask_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/bundle/mask"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab/scenario"
	"rtmtgrab/internal/registration"
	"rtmtgrab/internal/testrace"
)

var until = time.Date(2026, 3, 2, 14, 20, 0, 0, time.UTC)

// TestScenarios: of each scenario of the laboratory the masked logs have as many lines,
// give the same verdict, and have nothing left of what the laboratory knows that it wrote.
func TestScenarios(t *testing.T) {
	t.Parallel()
	step := 10
	switch {
	case testing.Short() || testrace.On:
		step = 1000 // one: its logs are of many chunks
	case os.Getenv("GRAB_LONG") != "":
		step = 1
	}
	for i, sc := range scenario.Scenarios() {
		if i%step != 0 {
			continue
		}
		t.Run(sc.Name, func(t *testing.T) {
			p, err := sc.Play(t.Context(), t.TempDir(), until)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			masked(t, p)
		})
	}
}

func masked(t *testing.T, p *scenario.Played) {
	raw := map[string][]byte{}
	table := mask.NewTable()
	m := mask.New(table, mask.Identities)
	for _, l := range p.Logs() {
		b, err := os.ReadFile(l.Path)
		if err != nil {
			t.Fatal(err)
		}
		raw[l.Path] = b
		m.LearnHost(l.Host)
		if err := m.Learn(l.Path, mask.Log, bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
	}
	out := map[string][]byte{}
	for name, b := range raw {
		var to bytes.Buffer
		if err := m.Mask(name, mask.Log, &to, bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
		if err := m.Search(name, mask.Log, bytes.NewReader(to.Bytes())); err != nil {
			t.Error(err)
		}
		if a, b := bytes.Count(b, []byte("\n")), bytes.Count(to.Bytes(), []byte("\n")); a != b {
			t.Errorf("%s: %d lines, masked %d", name, a, b)
		}
		out[name] = to.Bytes()
	}
	if testrace.On { // what is left only computes
		return
	}
	again(t, table, out)
	left(t, p, raw, out)
	name := func(s string) string {
		n, err := m.Name(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := analyze(t, p, raw, func(s string) string { return s })
	after := analyze(t, p, out, name)
	slices.Sort(before)
	slices.Sort(after)
	if !slices.Equal(before, after) {
		t.Errorf("the report of the masked logs differs:\n%s\nand was:\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
}

// again: what was masked stays as it is when it is masked under the same table.
func again(t *testing.T, table *mask.Table, out map[string][]byte) {
	b, err := table.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := mask.Load(b)
	if err != nil {
		t.Fatal(err)
	}
	m := mask.Again(loaded, mask.Identities)
	for name, b := range out {
		if err := m.Learn(name, mask.Log, bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
	}
	for name, b := range out {
		var to bytes.Buffer
		if err := m.Mask(name, mask.Log, &to, bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(to.Bytes(), b) {
			t.Errorf("%s is another after it was masked twice", name)
		}
	}
	if loaded.Len() != table.Len() {
		t.Errorf("%d pseudonyms, and %d after masking again", table.Len(), loaded.Len())
	}
}

// analyze is a report in lines that bear no names.
func analyze(t *testing.T, p *scenario.Played, texts map[string][]byte, name func(string) string) []string {
	var sources []registration.Source
	for _, l := range p.Logs() {
		if l.Family == "developer_log" {
			continue
		}
		var missing []evidence.Span
		for _, s := range l.Missing {
			missing = append(missing, evidence.Span{Since: s.Since, Until: s.Until, Reason: evidence.ReasonRotated})
		}
		host := name(l.Host)
		sources = append(sources, registration.Source{Missing: missing, Host: host, Role: l.Role, Family: l.Family, File: "hosts/" + host + "/" + l.Family + ".txt", Zone: l.Zone, Complete: len(missing) == 0,
			MTime: p.Until, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(texts[l.Path])), nil }})
	}
	o := registration.Options{Window: evidence.NewWindow(p.Since, p.Until)}
	if !p.AlertAt.IsZero() {
		devices := []string{}
		for _, d := range p.Named() {
			devices = append(devices, name(d))
		}
		o.Alerts = []evidence.Alert{{ID: "1", Name: "PartiallyRegisteredPhone", Time: p.AlertAt, Devices: devices}}
	}
	r, err := registration.Analyze(t.Context(), sources, o)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{fmt.Sprintf("verdict %s, bodies %s, %d groups, %d phones", r.Verdict, r.BodiesLogged, len(r.Groups), len(r.Phones))}
	for _, ph := range r.Phones {
		late := "-"
		if ph.LateByS != nil {
			late = fmt.Sprint(*ph.LateByS)
		}
		var at time.Time
		if ph.At != nil {
			at = *ph.At
		}
		out = append(out, fmt.Sprintf("%s/%s %s/%s late %s at %q, %v, %d transactions, %d proofs, %d numbers, %d calls", ph.Verdict, ph.VerdictConfidence, ph.Cause, ph.CauseConfidence, late, ph.LateAt,
			at, len(ph.Transactions), len(ph.Proofs), len(ph.Numbers), len(ph.CallIDs)))
	}
	return out
}

// left looks for what the laboratory knows that it wrote.
func left(t *testing.T, p *scenario.Played, raw, out map[string][]byte) {
	var plain []string // as it is, whatever is around
	for _, mac := range p.Site.MACs() {
		plain = append(plain, mac, strings.ToLower(mac), strings.ToLower(mac[:8]+"-"+mac[8:]))
	}
	plain = append(plain, "example.com", "cucm0")
	for _, l := range p.Logs() {
		plain = append(plain, l.Host)
	}
	plain = append(plain, p.Site.Devices()...)
	plain = append(plain, "asmith", "bjones", "ASMITH", "BJONES")
	numbers := map[string]bool{}
	for _, b := range raw {
		for _, n := range numbersIn(b) {
			numbers[n] = true
		}
	}
	for name, b := range out {
		for _, v := range plain {
			if i := bytes.Index(b, []byte(v)); i >= 0 {
				t.Errorf("%s: %s is left: %q", name, v, b[max(0, i-60):min(len(b), i+60)])
			}
		}
		for _, at := range addressesIn(b) {
			t.Errorf("%s: left: %q", name, b[max(0, at[0]-60):min(len(b), at[1]+20)])
		}
		for _, n := range numbersIn(b) {
			if numbers[n] {
				t.Fatalf("%s: the number %s is left", name, n)
			}
		}
		for _, re := range secretREs {
			if at := re.FindIndex(b); at != nil {
				t.Errorf("%s: left: %q", name, b[at[0]:at[1]])
			}
		}
	}
}

// One expression for each beginning: one that begins with a literal skips to where it stands,
// and one that begins with a choice goes through whole logs byte by byte, at ten times the price.
var (
	numberREs  = each(`sip:`, `Name=`, `number="`, `contact>`)(`(\d{3,})(?:@|[ "<])`)
	secretREs  = append(each(`response`, `nonce`, `opaque`)(`="[^*"][^"]*"`), each(`Bearer `)(`[A-Za-z0-9][A-Za-z0-9._-]{15,}`)...)
	addressREs = each(`10\.0\.(?:20|30|40|60|10)\.`, `192\.0\.2\.`, `198\.51\.100\.`, `203\.0\.113\.`)(`\d+`)
)

func each(beginnings ...string) func(rest string) []*regexp.Regexp {
	return func(rest string) (out []*regexp.Regexp) {
		for _, b := range beginnings {
			out = append(out, regexp.MustCompile(b+rest))
		}
		return out
	}
}

func numbersIn(b []byte) (out []string) {
	for _, re := range numberREs {
		for _, n := range re.FindAllSubmatch(b, -1) {
			out = append(out, string(n[1]))
		}
	}
	return out
}

// addressesIn is where addresses of the laboratory stand that are not parts of longer ones.
func addressesIn(b []byte) (out [][]int) {
	part := func(i int) bool { return i >= 0 && i < len(b) && (b[i] == '.' || b[i] >= '0' && b[i] <= '9') }
	for _, re := range addressREs {
		for _, at := range re.FindAllIndex(b, -1) {
			if !part(at[0]-1) && !part(at[1]) {
				out = append(out, at)
			}
		}
	}
	return out
}
