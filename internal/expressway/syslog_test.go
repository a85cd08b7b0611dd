package expressway

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// A form is a way in which a syslog server writes a record.
type form struct {
	name string
	head string // goes before the record; %h is the host as the server knows it
	// whole: the record stands there as it is; else without its time and host, which are then the header's.
	whole bool
}

var forms = []form{
	{"RFC 5424", "<134>1 2026-03-02T14:14:07.975Z %h tvcs 123 - - ", false},
	{"RFC 5424, no process ID", "<134>1 2026-03-02T14:14:07Z %h tvcs - - - ", false},
	{"RFC 5424, nine digits", "<134>1 2026-03-02T14:14:07.975123456+00:00 %h tvcs - ID47 - ", false},
	{"RFC 5424 without PRI", "1 2026-03-02T14:14:07.975Z %h tvcs 123 - - ", false},
	{"RFC 5424 without PRI and version", "2026-03-02T14:14:07.975Z %h tvcs 123 - - ", false},
	{"RFC 5424, structured data", `<134>1 2026-03-02T14:14:07.975Z %h tvcs 123 - [id key="v" k2="a b ]\" x"][meta sequenceId="29"] `, false},
	{"RFC 5424, structured data and a mark", "<134>1 2026-03-02T14:14:07.975Z %h tvcs 123 - [id k=\"v\"] \ufeff", false},
	{"RFC 5424, whole", "<134>1 2026-03-02T14:14:07.975Z %h tvcs - - - ", true},
	{"RFC 5424, structured data, whole", `<134>1 2026-03-02T14:14:07.975Z relay01 tvcs 123 - [id key="v" k2="a b ]\" x" n="2026-03-02T09:14:07-05:00 no tvcs: "] `, true},
	{"RFC 5424, a mark, whole", "<134>1 2026-03-02T14:14:07.975Z relay01 tvcs - - [origin ip=\"10.0.0.1\"][x@1 y=\"\"] \ufeff", true},
	{"BSD", "<134>Mar  2 14:14:07 %h tvcs: ", false},
	{"BSD without PRI", "Mar  2 14:14:07 %h tvcs[123]: ", false},
	{"BSD, a day of one character", "Mar 2 14:14:07 %h tvcs: ", false},
	{"BSD with a year", "Mar  2 2026 14:14:07 %h tvcs: ", false},
	{"BSD with a year and one character", "<134>Mar 2 2026 14:14:07 %h tvcs: ", false},
	{"BSD with a fraction", "Mar  2 14:14:07.975 %h tvcs: ", false},
	{"BSD, whole", "Mar  2 14:14:07 relay01 ", true},
	{"BSD, host with a colon", "Mar  2 14:14:07 %h: tvcs: ", false},
	{"rsyslog", "2026-03-02T14:14:07.975123+00:00 %h tvcs: ", false},
	{"rsyslog, whole", "2026-03-02T14:14:07.975123+00:00 10.0.0.1 tvcs: ", true},
	{"journal", "2026-03-02T14:14:07+0000 %h tvcs[123]: ", false},
	{"journal, precise", "2026-03-02T14:14:07.975123-0500 %h tvcs[123]: ", false},
	{"octets", "417 <134>1 2026-03-02T14:14:07.975Z %h tvcs - - - ", false},
	{"octets, BSD", "417 <134>Mar  2 14:14:07 %h tvcs: ", false},
	{"a relay before BSD", "Mar  2 14:14:09 relay01 <134>Mar  2 14:14:07 %h tvcs: ", false},
	{"a relay before RFC 5424", "2026-03-02T14:14:09+00:00 relay01 <134>1 2026-03-02T14:14:07.975Z %h tvcs - - - ", false},
	{"two relays", `<134>1 2026-03-02T14:14:09Z relay02 - - - [a b="c"] 417 <134>1 2026-03-02T14:14:08Z relay01 tvcs - - - `, true},
	{"a relay before rsyslog", "Mar  2 14:14:09 relay01 tvcs: 2026-03-02T14:14:07.975Z %h tvcs: ", false},
}

// put writes a record of host in the form.
func (f form) put(host, record string) string {
	if !f.whole {
		words := strings.SplitN(record, " ", 4) // time, host, process
		record = words[3]
	}
	return strings.ReplaceAll(f.head, "%h", host) + record
}

// everyLine writes each line of a record with the header of the first.
func (f form) everyLine(host, record string) string {
	var out strings.Builder
	for i, line := range strings.Split(strings.TrimSuffix(record, "\n"), "\n") {
		if i == 0 {
			out.WriteString(f.put(host, line) + "\n")
			continue
		}
		out.WriteString(strings.ReplaceAll(f.head, "%h", host) + line + "\n")
	}
	return out.String()
}

// TestForms: a record says the same in every form, with its host.
func TestForms(t *testing.T) {
	records := []string{info, trying, strings.Replace(trying, "CSeq: 100 REGISTER", "CSeq: 101 REGISTER", 1)}
	for _, f := range forms {
		for how, put := range map[string]func(host, record string) string{"": f.put, ", every line": f.everyLine,
			", escaped": func(host, record string) string {
				return f.put(host, strings.ReplaceAll(strings.TrimSuffix(record, "\n"), "\n", "#012")+"\n")
			}} {
			var text, want, got []string
			for i, r := range records {
				host := []string{"expc01", "expe01", "expe01"}[i]
				text = append(text, put(host, r))
				for _, n := range notes(t, r) {
					want = append(want, tell(n))
				}
			}
			all := notes(t, strings.Join(text, ""))
			for i, n := range all[:min(len(all), len(text))] {
				got = append(got, tell(n))
				if at := strings.Join(text, ""); !strings.HasPrefix(at[n.Offset:], text[i]) || n.Length != int64(len(text[i])) {
					t.Errorf("%s%s: note %d at %d of %d", f.name, how, i, n.Offset, n.Length)
				}
			}
			if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
				t.Errorf("%s%s:\n got %s\nwant %s\n  of %s", f.name, how, g, w, strings.Join(text, ""))
			}
		}
	}
}

// TestFrames: frames of syslog over TCP that were written one after the other, with no
// line end between them.
func TestFrames(t *testing.T) {
	var text, want, got []string
	for _, r := range []string{info, trying, info, trying} {
		msg := "<134>1 2026-03-02T14:14:08Z relay tvcs - - - " + strings.TrimSpace(r)
		text = append(text, fmt.Sprintf("%d %s", len(msg), msg))
		for _, n := range notes(t, r) {
			want = append(want, tell(n))
		}
	}
	all := strings.Join(text, "")
	for _, step := range []int{1, 7, 1 << 20} {
		got = nil
		for _, r := range readAll(t, &steps{[]byte(all), step}, Ref{}) {
			if n, ok := r.Note(); ok {
				got = append(got, tell(n))
			}
		}
		if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
			t.Errorf("got %s\nwant %s", g, w)
		}
	}
}

// TestSplitLines: which lines with a header of their own belong to the record before
// them.
func TestSplitLines(t *testing.T) {
	const (
		first = "Mar  2 14:14:07 expe01 tvcs: UTCTime=\"2026-03-02 14:14:07,975\" Module=\"network.sip\" Level=\"DEBUG\":  Action=\"Sent\" Msg-Hash=\"1\"\n"
		next  = "Mar  2 14:14:07 expe01 tvcs: "
		msg   = next + " SIPMSG:\n" + next + " |SIP/2.0 100 Trying\n" + next + " CSeq: 100 REGISTER\n"
		end   = next + " \n" + next + " |\n" + next + "\n"
	)
	tests := []struct {
		name, text string
		want       int // records
	}{
		{"whole", first + msg + end, 1},
		{"blanks trimmed", first + strings.ReplaceAll(msg+end, " \n", "\n"), 1},
		{"no process behind the host", first + strings.ReplaceAll(msg+end, "expe01 tvcs:", "expe01"), 1},
		{"an address for a host", first + strings.ReplaceAll(msg+end, "expe01 tvcs: ", "10.0.40.5 "), 1},
		{"another host", first + strings.ReplaceAll(msg, "expe01", "expc01"), 4},
		{"another host in the middle", first + msg + strings.ReplaceAll(first, "expe01", "expc01") + end, 3},
		{"a second later", first + strings.ReplaceAll(msg+end, "14:14:07", "14:14:08"), 1},
		{"long after", first + strings.ReplaceAll(msg, "14:14:07", "14:14:17"), 4},
		{"a second record at once", first + msg + end + first + msg + end, 2},
		{"no message", first + next + "Traceback (most recent call last)\n" + next + "  x\n", 3},
		{"after the bar", first + msg + end + next + "Something else\n", 2},
		{"an INFO record", info + msg, 4},
		{"cut", first + msg + first, 2},
	}
	for _, tt := range tests {
		for _, step := range []int{3, 1 << 20} {
			if got := readAll(t, &steps{[]byte(tt.text), step}, Ref{MTime: time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)}); len(got) != tt.want {
				t.Errorf("%s: %d records, want %d", tt.name, len(got), tt.want)
			}
		}
	}
	if got, want := string(bodyOf([]byte(first+msg+end))), "SIP/2.0 100 Trying\nCSeq: 100 REGISTER\n\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestWoven: the lines of two hosts' messages stand between each other.
func TestWoven(t *testing.T) {
	f := forms[5]
	a := strings.SplitAfter(f.everyLine("expe01", trying), "\n")
	b := strings.SplitAfter(f.everyLine("expc01", strings.NewReplacer("CSeq: 100", "CSeq: 200", "expe01", "expc01", "2361015613522984204", "77").Replace(trying)), "\n")
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var text, want, got []string
		for i, j := 0, 0; i < len(a) || j < len(b); {
			if j == len(b) || i < len(a) && rng.IntN(2) == 0 {
				text = append(text, a[i])
				i++
			} else {
				text = append(text, b[j])
				j++
			}
		}
		for _, n := range append(notes(t, strings.Join(a, "")), notes(t, strings.Join(b, ""))...) {
			want = append(want, tell(n))
		}
		for _, n := range notes(t, strings.Join(text, "")) {
			got = append(got, tell(n))
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("%d:\n got %s\nwant %s\n%s", seed, strings.Join(got, "\n"), strings.Join(want, "\n"), strings.Join(text, ""))
		}
	}
}

func TestHostOfRecord(t *testing.T) {
	for line, want := range map[string]string{
		`2026-03-02T09:14:07.512-05:00 expc01 tvcs: UTCTime="x"`:                                                                    "expc01",
		`<134>1 2026-03-02T14:14:08Z relay01 tvcs - - - 2026-03-02T09:14:07.512-05:00 expc01 tvcs: UTCTime="x"`:                     "expc01",
		`<134>1 2026-03-02T14:14:08Z expc01 tvcs - - - 2026-03-02T09:14:07.512-05:00 tvcs: UTCTime="x"`:                             "expc01",
		`Mar  2 14:14:08 10.0.30.2 tvcs: UTCTime="x"`:                                                                               "10.0.30.2",
		`Mar  2 14:14:08 10.0.30.2: UTCTime="x"`:                                                                                    "10.0.30.2",
		`Mar  2 14:14:08 2001:db8::1 tvcs: UTCTime="x"`:                                                                             "2001:db8::1",
		`Mar  2 14:14:08 tvcs[12]: UTCTime="x"`:                                                                                     "",
		`Mar  2 14:14:08 tvcs: UTCTime="x"`:                                                                                         "",
		"2026-03-02T09:14:07.512-05:00 exp\x1b[31mc01\x00 tvcs: UTCTime=\"x\"":                                                      "exp?[31mc01?",
		`2026-03-02T09:14:07.512-05:00 expc01 httpd[8724]: web: asked at 2026-03-02T09:14:00.000-05:00 by somebody else`:            "expc01",
		`2026-03-02T09:14:07.512-05:00 expc01 tvcs: Detail="x" 2026-03-02T09:14:07.512-05:00 other tvcs: UTCTime="x"`:               "expc01",
		`Mar  2 14:14:09 relay01 tvcs: Mar  2 14:14:07 expe01.example.com tvcs: UTCTime="x"`:                                        "expe01.example.com",
		`2026-03-02T14:14:09.1Z relay01 local6 - - [timeQuality tzKnown="1" isSynced="1"] Mar  2 14:14:07 expe01 tvcs: UTCTime="x"`: "expe01",
	} {
		h, ok := takeApart([]byte(line), Ref{})
		if got := hostName(h.host); !ok || got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func TestHostNames(t *testing.T) {
	got := HostNames([]string{"expc02"}, []string{"expc01.example.com", "EXPC01", "expc01", "expc01.example.com.", "EXPC02.example.com", "expe01.a.net", "expe01.b.net", "expe01", "10.0.30.2", "10.0.30.20", "10", "CORE.example.com"})
	for name, want := range map[string]string{"expc01.example.com": "expc01", "EXPC01": "expc01", "expc01": "expc01", "expc01.example.com.": "expc01", "EXPC02.example.com": "expc02", "expc02": "expc02",
		"expe01.a.net": "expe01.a.net", "expe01.b.net": "expe01.b.net", "expe01": "expe01", "10.0.30.2": "10.0.30.2", "10.0.30.20": "10.0.30.20", "10": "10", "CORE.example.com": "CORE.example.com"} {
		if got[name] != want {
			t.Errorf("%s is %s, want %s", name, got[name], want)
		}
	}
}

// FuzzHeader: cutting headers never panics, a host can be printed, and what is left is
// the end of the line.
func FuzzHeader(f *testing.F) {
	for _, fm := range forms {
		f.Add([]byte(fm.everyLine("expc01", trying)))
	}
	f.Add([]byte("99999999 <1>Feb 30 0001 23:59:60 \xff[a b=\"\\"))
	f.Fuzz(func(t *testing.T, text []byte) {
		ref := Ref{MTime: someYear}
		for line := range bytes.Lines(text) {
			h, ok := takeApart(line, ref)
			if ok != isHead(line, ref) || ok && !bytes.HasSuffix(line, h.rest) {
				t.Fatalf("%+v of %q", h, line)
			}
			for _, c := range hostName(h.host) {
				if c <= ' ' || c >= 0x7f {
					t.Fatalf("host %q", hostName(h.host))
				}
			}
		}
		bodyOf(text)
	})
}
