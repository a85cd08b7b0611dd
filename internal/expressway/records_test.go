package expressway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// readAll reads all records of a text and copies what each Text has.
func readAll(t testing.TB, r io.Reader, ref Ref) []Record {
	t.Helper()
	records := NewRecordReader(r, 0, ref)
	var out []Record
	for {
		rec, err := records.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		rec.Text = bytes.Clone(rec.Text)
		out = append(out, rec)
	}
}

func TestRecordsOfEveryForm(t *testing.T) {
	const utc = `UTCTime="2026-03-02 14:14:07,511"`
	tests := []struct {
		name, text string
		want       string // a letter a record: H with head, - without; its time after it
	}{
		{"one", "2026-03-02T09:14:07.512-05:00 expc01 tvcs: " + utc + "\n", "H14:14:07.511"},
		{"no line end", "2026-03-02T09:14:07.512-05:00 expc01 tvcs: x", "H14:14:07.512"},
		{"body", "2026-03-02T09:14:07-05:00 e tvcs: " + utc + "\n SIPMSG:\n |REGISTER\n \n |\n\n2026-03-02T09:14:08-05:00 e x\n", "H14:14:07.511 H14:14:08"},
		{"text before", "cut line\nanother\n2026-03-02T09:14:08-05:00 e x\n", "- H14:14:08"},
		{"empty line before", "\n2026-03-02T09:14:08-05:00 e x\n", "- H14:14:08"},
		{"NULs glued", "2026-03-02T09:14:07-05:00 e cu\x00\x00\x002026-03-02T09:14:08-05:00 e x\n", "H14:14:07 - H14:14:08"},
		{"NULs and text", "2026-03-02T09:14:07-05:00 e cu\x00\x00rest\n of it\x00\n2026-03-02T09:14:08-05:00 e x\n", "H14:14:07 - H14:14:08"},
		{"NULs at both ends", "\x00\x002026-03-02T09:14:08-05:00 e x\n\x00", "- H14:14:08 -"},
		{"syslog", "Mar  2 09:14:08 expc01 tvcs: x\n", "H09:14:08"},
		{"syslog with UTCTime", "Mar  2 09:14:08 expc01 tvcs: " + utc + "\n", "H14:14:07.511"},
		{"RFC 5424", "<134>1 2026-03-02T14:14:07.975Z expc01 tvcs - - - " + utc + "\n<134>1 2026-03-02T14:14:07.975Z expc01 tvcs - - - x\n", "H14:14:07.511 H14:14:07.975"},
		{"RFC 3164", "<134>Mar  2 09:14:08 expc01 tvcs: x\n<13>Mar  2 09:14:08 expc01 tvcs: " + utc + "\n", "H09:14:08 H14:14:07.511"},
		{"relay", "Mar  2 09:14:08 relay 2026-03-02T09:14:06.5-05:00 expc01 tvcs: x\n", "H14:14:06.5"},
		{"relay of a relay", "<134>1 2026-03-02T14:14:09Z relay tvcs - - - <13>2026-03-02T09:14:06.5-05:00 expc01 tvcs: x\n", "H14:14:06.5"},
		{"no heads", "<b>1 2026\n<1234567>2026-03-02T09:14:06.5-05:00 e\n2026-03-02T09:14:06.5 e\nMarch 2\n", "-"},
		{"UTCTime last", `2026-03-02T09:14:07-05:00 e tvcs: Event="Call Attempted" Level="1" UTCTime="2026-03-02 14:14:06,92"` + "\n", "H14:14:06.092"},
	}
	for _, tt := range tests {
		var got []string
		for _, r := range readAll(t, strings.NewReader(tt.text), Ref{MTime: time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)}) {
			if !r.Head {
				got = append(got, "-")
				continue
			}
			if y, m, d := r.Time.Date(); y != 2026 || m != 3 || d != 2 {
				t.Errorf("%s: %v", tt.name, r.Time)
			}
			got = append(got, r.Time.Format("H15:04:05.999"))
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, s, tt.want)
		}
	}
}

func TestLongRecord(t *testing.T) {
	head := "2026-03-02T09:14:07-05:00 e tvcs: long\n"
	long := head + strings.Repeat(" 0123456789abcde\n", 60<<10) // 1 MiB
	line := head + strings.Repeat("x", 3<<20) + "\n"
	nuls := strings.Repeat("\x00", 2<<20)
	all := head + long + head + line + head + nuls + head
	for _, r := range []io.Reader{strings.NewReader(all), iotest.HalfReader(strings.NewReader(all)), &steps{b: []byte(all), n: 4093}} {
		var sizes []int64
		for _, rec := range readAll(t, r, Ref{}) {
			if want := all[rec.Offset:][:min(rec.Length, MaxRecord)]; string(rec.Text) != want {
				t.Fatalf("text of the record at %d differs", rec.Offset)
			}
			sizes = append(sizes, rec.Length)
		}
		h := int64(len(head))
		want := []int64{h, int64(len(long)), h, int64(len(line)), h, int64(len(nuls)), h}
		if len(sizes) != len(want) {
			t.Fatalf("%d, want %d", sizes, want)
		}
		for i := range want {
			if sizes[i] != want[i] {
				t.Fatalf("%d, want %d", sizes, want)
			}
		}
	}
}

// steps is a reader of at most n bytes at a time.
type steps struct {
	b []byte
	n int
}

func (s *steps) Read(p []byte) (int, error) {
	if len(s.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), s.n)], s.b)
	s.b = s.b[n:]
	return n, nil
}

func TestErrorComesLast(t *testing.T) {
	broken := errors.New("broken")
	r := NewRecordReader(io.MultiReader(strings.NewReader("a\n2026-03-02T09:14:07-05:00 e x\n2026-03-02T09:1"), iotest.ErrReader(broken)), 100, Ref{})
	want := []Record{{Offset: 100, Length: 2}, {Offset: 102, Length: 45, Head: true}}
	for _, w := range want {
		got, err := r.Next()
		if err != nil || got.Offset != w.Offset || got.Length != w.Length || got.Head != w.Head {
			t.Fatalf("%+v, %v; want %+v", got, err, w)
		}
	}
	for range 2 {
		if _, err := r.Next(); err != broken {
			t.Fatal(err)
		}
	}
}

func FuzzRecords(f *testing.F) {
	f.Add([]byte("cut\n2026-03-02T09:14:07.512-05:00 expc01 tvcs: x\n SIPMSG:\n |a\n |\n2026-03-02T09:14:08-05:00 b\x00\x00<134>Mar  2 09:14:08 e x\n"), 3)
	f.Add([]byte("<1>1 2026-03-02T09:14:07.512Z e\n\x00\x00x\n\nMar  2 09:14:08 e x"), 1)
	f.Add([]byte(info+trying), 100)
	for _, fm := range forms {
		f.Add([]byte(fm.everyLine("expe01", trying)), 50)
	}
	for i := range 6 { // lines of two hosts between each other
		a, b := strings.SplitAfter(forms[i].everyLine("expe01", trying), "\n"), strings.SplitAfter(forms[i].everyLine("expc01", trying), "\n")
		f.Add([]byte(strings.Join(a[:1+i], "")+strings.Join(b[:3], "")+strings.Join(a[1+i:], "")+strings.Join(b[3:], "")), 1000)
	}
	f.Add([]byte("46 <134>1 2026-03-02T14:14:07.975Z expc01 tvcs - - 45 <134>1 2026-03-02T14:14:07.975Z expc01 tvcs - -"), 9)
	f.Fuzz(func(t *testing.T, text []byte, step int) {
		if step < 1 {
			step = 1
		}
		var joined []byte
		ref := Ref{MTime: time.Unix(1772442847, 0)}
		heads := map[int64]bool{}
		split := func(int64) bool { return false } // lies within a record whose lines have headers
		for _, r := range readAll(t, &steps{text, step}, ref) {
			own := r.Text[r.Before:]
			short := len(own) == bytes.IndexByte(own, '\n')+1 // of a message that goes on behind another host's line
			if r.Offset != int64(len(joined)) || r.Length == 0 || len(own) != int(min(r.Length, MaxRecord)) && !short {
				t.Fatalf("record at %d of %d, text of %d", r.Offset, r.Length, len(r.Text))
			}
			if _, ok := RecordTime(firstLine(r.Text), ref); ok != r.Head {
				t.Fatalf("no time: %q", r.Text)
			}
			heads[r.Offset] = r.Head
			if outer := split; isSplit(r.Text) || short {
				split = func(at int64) bool { return at > r.Offset && at < r.Offset+r.Length || outer(at) }
			}
			joined = append(joined, text[r.Offset:][:r.Length]...)
			if !bytes.HasPrefix(text[r.Offset:], own) {
				t.Fatalf("text at %d differs", r.Offset)
			}
			if n, ok := r.Note(); ok && ((n.Kind == NoteSIP || n.Kind == NoteBody) != (n.SIP != nil) || n.Offset != r.Offset || !r.Head) {
				t.Fatalf("%+v of %q", n, r.Text)
			}
		}
		if !bytes.Equal(joined, text) {
			t.Fatal("the records joined are not the input")
		}
		// Each line of LineReader that starts a record starts one here, and no other
		// does but behind a syslog header.
		lines := NewLineReader(bytes.NewReader(text), 0, ref)
		for {
			l, err := lines.Next()
			if err != nil {
				break
			}
			if len(l.Text) < headSize && !l.NUL() && heads[l.Offset] != (l.Head || isHead(l.Text, ref)) && !split(l.Offset) {
				t.Fatalf("head at %d: %q", l.Offset, l.Text)
			}
		}
	})
}

// TestTallyHoles: what is remembered of holes is bounded, and what comes after that is
// no less missing.
func TestTallyHoles(t *testing.T) {
	var b bytes.Buffer
	at := time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)
	for i := range maxHoles + 50 {
		fmt.Fprintf(&b, "%s e x\n%s", at.Add(time.Duration(i)*time.Second).Format("2006-01-02T15:04:05-07:00"), make([]byte, HoleSize))
	}
	fmt.Fprintf(&b, "%s e x\n", at.Add(2*time.Hour).Format("2006-01-02T15:04:05-07:00"))
	var c Tally
	if err := c.Add(&b, Ref{}); err != nil {
		t.Fatal(err)
	}
	last := c.Holes[len(c.Holes)-1]
	if len(c.Holes) != maxHoles || !last.Before.Equal(at.Add(2*time.Hour)) || c.Records != maxHoles+51 {
		t.Errorf("%d holes, the last %+v, %d records", len(c.Holes), last, c.Records)
	}
}
