package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/scenario"
	"rtmtgrab/internal/registration"
	"rtmtgrab/internal/testrace"
)

// A syslogForm is a way in which a syslog server writes the records of an appliance.
type syslogForm struct {
	name  string
	head  func(at time.Time, host string, n int) string // goes before a record, or each of its lines
	whole bool                                          // the appliance's own time, host and process stand there, too
	lines bool                                          // each line has a header
	sep   string                                        // between the lines of a record; "" is a line end
	count bool                                          // the length of the frame stands before it
}

const utcMilli, bsd = "2006-01-02T15:04:05.000Z", "Jan _2 15:04:05"

// syslogForms are forms of servers that are met.
func syslogForms() []syslogForm {
	at := func(layout, rest string) func(time.Time, string, int) string {
		return func(t time.Time, host string, n int) string {
			return strings.NewReplacer("%t", t.UTC().Format(layout), "%h", host, "%n", fmt.Sprint(n)).Replace(rest)
		}
	}
	return []syslogForm{
		{name: "rfc5424", head: at(utcMilli, "<134>1 %t %h tvcs 123 - - ")},
		{name: "rfc5424 whole", head: at(utcMilli, "<134>1 %t %h tvcs - - - "), whole: true},
		{name: "rfc5424 structured data", head: at(utcMilli, `<134>1 %t relay01 tvcs 123 - [id key="v" k2="a b ]\" x"][meta sequenceId="%n"] `), whole: true},
		{name: "rfc5424 mark", head: at("2006-01-02T15:04:05.000000000Z", "<134>1 %t %h tvcs - - [meta sequenceId=\"%n\"] \ufeff"), whole: true},
		{name: "rfc5424 every line", head: at("2006-01-02T15:04:05Z", `<134>1 %t %h tvcs - - [meta sequenceId="%n"] `), whole: true, lines: true},
		{name: "rfc5424 counted", head: at(utcMilli, "<134>1 %t %h tvcs - - - "), whole: true, count: true},
		{name: "no PRI", head: at(utcMilli, "%t %h tvcs 123 - - ")},
		{name: "bsd", head: at(bsd, "%t %h tvcs: ")},
		{name: "bsd with PRI", head: at(bsd, "<134>%t %h tvcs[123]: ")},
		{name: "bsd with year", head: at("Jan 2 2006 15:04:05", "%t %h tvcs: ")},
		{name: "bsd every line", head: at(bsd, "%t %h tvcs: "), lines: true},
		{name: "bsd every line, whole", head: at(bsd, "%t %h "), whole: true, lines: true},
		{name: "bsd escaped", head: at(bsd, "%t %h tvcs: "), sep: "#012"},
		{name: "rsyslog", head: at("2006-01-02T15:04:05.000000+00:00", "%t %h tvcs: ")},
		{name: "rsyslog every line", head: at("2006-01-02T15:04:05.000000+00:00", "%t %h tvcs: "), lines: true},
		{name: "journal", head: at("2006-01-02T15:04:05+0000", "%t %h tvcs[123]: ")},
		{name: "relay", head: at(bsd, "%t relay01 <134>%t %h tvcs: ")},
		{name: "relay whole", head: at(utcMilli, "<134>1 %t relay01 relay - - - "), whole: true},
	}
}

// write is a record in the form.
func (f syslogForm) write(r logRecord, n int) string {
	lines := strings.Split(strings.TrimSuffix(r.text, "\n"), "\n")
	if !f.whole && strings.Contains(lines[0], "UTCTime=") { // else its time to the millisecond would be lost
		lines[0] = strings.SplitN(lines[0], " ", 4)[3]
	}
	head, sep := f.head(r.at, r.host, n), cmp.Or(f.sep, "\n")
	if f.lines {
		sep += head
	}
	text := head + strings.Join(lines, sep)
	if f.count {
		return fmt.Sprintf("%d %s", len(text), text) // with no line end after it
	}
	return text + "\n"
}

type logRecord struct {
	at         time.Time
	host, text string
}

// recordsOf are all records of a scenario's peers, in time order.
func recordsOf(t testing.TB, p *scenario.Played) []logRecord {
	t.Helper()
	var all []logRecord
	for _, l := range p.Logs() {
		b, err := os.ReadFile(l.Path)
		if err != nil {
			t.Fatal(err)
		}
		if l.Family == lab.DeveloperLog {
			continue
		}
		for _, r := range lab.SplitRecords(b) {
			at, err := time.Parse("2006-01-02T15:04:05.000-07:00", string(r[:29]))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, logRecord{at, l.Host, string(r)})
		}
	}
	slices.SortStableFunc(all, func(a, b logRecord) int { return a.at.Compare(b.at) })
	return all
}

// addressed names a host as a server that asks no name service does.
var addressed = map[string]string{"expc01": "10.0.30.2", "expc02": "10.0.30.3", "expe01": "10.0.40.5", "expe02": "10.0.40.6"}

// putForm writes the files of a syslog server and returns what to give to the report:
// a folder with a file for each day, one for each host, one file, or an archive.
func putForm(t testing.TB, dir string, all []logRecord, f syslogForm, layout int, until time.Time) string {
	t.Helper()
	files := map[string]*bytes.Buffer{}
	for i, r := range all {
		name := r.at.UTC().Format("syslog-20060102.log")
		if layout == 1 {
			name = addressed[r.host] + ".log"
		}
		if files[name] == nil {
			files[name] = &bytes.Buffer{}
		}
		files[name].WriteString(f.write(r, i))
	}
	put := func(name string, b []byte) string {
		path := writeFile(t, filepath.Join(dir, name), b)
		if err := os.Chtimes(path, until, until); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, b := range files {
		switch layout {
		case 2:
			return put(name, b.Bytes())
		case 3:
			return put(name+".tar.gz", tarGz(t, name, b.Bytes()))
		case 4:
			var out bytes.Buffer
			w := gzip.NewWriter(&out)
			w.Write(b.Bytes())
			w.Close()
			put(name+".gz", out.Bytes())
		default:
			put(name, b.Bytes())
		}
	}
	return dir
}

// reportOf runs `grab report` and returns what it says, without where it stands.
func reportOf(t testing.TB, arg string) (registration.Report, string) {
	t.Helper()
	r := runGrab("report", "--json", "--out", filepath.Join(t.TempDir(), "out"), arg)
	if r.code != 0 {
		t.Fatal(r)
	}
	var rep registration.Report
	r.decode(t, &rep)
	whole := rep
	rep.Records, rep.Unread, rep.Files = 0, 0, nil
	rep.Notes = slices.DeleteFunc(rep.Notes, func(n string) bool { return strings.HasPrefix(n, "Whether these logs are whole") }) // it names files
	bare := func(ps []registration.Proof) {
		for i := range ps {
			ps[i].File, ps[i].Offset, ps[i].Length = "", 0, 0
		}
	}
	for i := range rep.Connections {
		bare(rep.Connections[i].Proofs)
	}
	for i := range rep.Groups {
		bare(rep.Groups[i].Proofs)
	}
	for i := range rep.Phones {
		p := &rep.Phones[i]
		bare(p.Proofs)
		for j := range p.Transactions {
			for k := range p.Transactions[j].Hops {
				bare(p.Transactions[j].Hops[k].Proofs)
			}
		}
	}
	b, err := json.MarshalIndent(rep, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return whole, logsEnd.ReplaceAllString(string(b), "the logs end")
}

// logsEnd is said of files: one of several hosts ends with the last of them.
var logsEnd = regexp.MustCompile(`the logs end at \S+ UTC`)

// TestReportOfSyslogFiles: whatever form a syslog server writes, with several hosts in
// one file or not, the report says what it says of the appliances' own logs.
func TestReportOfSyslogFiles(t *testing.T) {
	testrace.Without(t)
	if testing.Short() {
		t.Skip("it takes long")
	}
	t.Parallel()
	for _, sc := range scenario.Scenarios() {
		if sc.Name != "tcp-and-late" {
			continue
		}
		until := time.Date(2026, 3, 2, 14, 20, 0, 0, time.UTC)
		dir := t.TempDir()
		p, err := sc.Play(t.Context(), dir, until)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		rep, want := reportOf(t, dir)
		if rep.Verdict != registration.VerdictPartial || len(rep.Phones) == 0 {
			t.Fatalf("%s, %d phones", rep.Verdict, len(rep.Phones))
		}
		all := recordsOf(t, p)
		for i, f := range syslogForms() {
			t.Run(f.name, func(t *testing.T) {
				_, got := reportOf(t, putForm(t, t.TempDir(), all, f, i%5, until))
				if got != want {
					t.Errorf("layout %d: %s", i%5, firstDifference(got, want))
				}
			})
		}
		for layout := range 5 {
			if _, got := reportOf(t, putForm(t, t.TempDir(), all, syslogForms()[4], layout, until)); got != want {
				t.Errorf("every line, layout %d: %s", layout, firstDifference(got, want))
			}
		}
		for _, f := range syslogForms() {
			if f.lines {
				file := writeFile(t, filepath.Join(t.TempDir(), "all.log"), woven(all, f))
				if err := os.Chtimes(file, until, until); err != nil {
					t.Fatal(err)
				}
				if _, got := reportOf(t, file); got != want {
					t.Errorf("%s, lines of several hosts between each other: %s", f.name, firstDifference(got, want))
				}
			}
		}
	}
}

// woven writes records so that lines of hosts that log at the same time stand between
// each other.
func woven(all []logRecord, f syslogForm) []byte {
	var out bytes.Buffer
	for i := 0; i < len(all); i++ {
		a := strings.SplitAfter(f.write(all[i], i), "\n")
		if i+1 < len(all) && all[i+1].host != all[i].host && all[i+1].at.Sub(all[i].at) < 300*time.Millisecond {
			b := strings.SplitAfter(f.write(all[i+1], i+1), "\n")
			i++
			for n := range max(len(a), len(b)) {
				if n < len(a) {
					out.WriteString(a[n])
				}
				if n < len(b) {
					out.WriteString(b[n])
				}
			}
			continue
		}
		out.WriteString(strings.Join(a, ""))
	}
	return out.Bytes()
}

// firstDifference shows two texts around the first line in which they differ.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d:\n got %s\nwant %s", i, strings.Join(g[max(0, i-3):min(len(g), i+3)], "\n"), strings.Join(w[max(0, i-3):min(len(w), i+3)], "\n"))
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}
