package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"rtmtgrab/internal/expressway"
)

func logOf(name, text string) Log {
	return Log{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
}

func merged(t testing.TB, logs ...Log) (string, Count) {
	t.Helper()
	var out bytes.Buffer
	n, err := Merge(t.Context(), &out, logs)
	if err != nil {
		t.Fatal(err)
	}
	if n.Bytes != int64(out.Len()) {
		t.Errorf("counted %d bytes of %d", n.Bytes, out.Len())
	}
	return out.String(), n
}

// line is a record's, at so many milliseconds.
func line(ms int, text string) string {
	at := time.Date(2026, 3, 2, 14, 14, 0, ms*1e6, time.UTC)
	return fmt.Sprintf("%s expc01 tvcs: UTCTime=\"%s\" %s\n", at.In(time.FixedZone("", -5*3600)).Format("2006-01-02T15:04:05.000-07:00"), at.Format("2006-01-02 15:04:05,000"), text)
}

func TestMerge(t *testing.T) {
	message := line(20, "Module=\"network.sip\"") + " SIPMSG:\n |SIP/2.0 100 Trying\n Via: x\n \n |\n\n"
	for name, c := range map[string]struct {
		logs []string
		want string
	}{
		"by time":             {[]string{line(10, "a") + line(30, "a"), line(20, "b") + line(40, "b")}, line(10, "a") + line(20, "b") + line(30, "a") + line(40, "b")},
		"ties":                {[]string{line(10, "a") + line(10, "aa"), line(10, "b"), line(10, "c")}, line(10, "a") + line(10, "aa") + line(10, "b") + line(10, "c")},
		"several lines":       {[]string{message + line(50, "a"), line(19, "b") + line(21, "b")}, line(19, "b") + message + line(21, "b") + line(50, "a")},
		"no stamp":            {[]string{line(10, "a") + "lost\nwords\n" + line(30, "a"), line(20, "b")}, line(10, "a") + "lost\nwords\n" + line(20, "b") + line(30, "a")},
		"none before":         {[]string{line(10, "a"), "rest of a record\n" + line(5, "b")}, "rest of a record\n" + line(5, "b") + line(10, "a")},
		"out of order":        {[]string{line(10, "a") + line(8, "a"), line(9, "b") + line(20, "b")}, line(9, "b") + line(10, "a") + line(8, "a") + line(20, "b")},
		"no line end":         {[]string{line(10, "a") + strings.TrimSuffix(line(30, "a"), "\n"), line(40, "b")}, line(10, "a") + line(30, "a") + line(40, "b")},
		"last without":        {[]string{line(10, "a"), strings.TrimSuffix(line(40, "b"), "\n")}, line(10, "a") + strings.TrimSuffix(line(40, "b"), "\n")},
		"NULs":                {[]string{line(10, "a") + "cut\x00\x00\x00" + line(30, "a"), line(20, "b")}, line(10, "a") + "cut\x00\x00\x00\n" + line(20, "b") + line(30, "a")},
		"nothing":             {[]string{"", ""}, ""},
		"carriage return":     {[]string{strings.ReplaceAll(line(10, "a"), "\n", "\r\n"), line(9, "b")}, line(9, "b") + strings.ReplaceAll(line(10, "a"), "\n", "\r\n")},
		"stamp that is none":  {[]string{line(10, "a") + "2026-99-02T14:14:00.020-05:00 x\n", line(5, "b") + line(11, "b")}, line(5, "b") + line(10, "a") + "2026-99-02T14:14:00.020-05:00 x\n" + line(11, "b")},
		"a line of 200 KiB":   {[]string{line(10, strings.Repeat("long ", 40<<10)) + line(30, "a"), line(20, "b")}, line(10, strings.Repeat("long ", 40<<10)) + line(20, "b") + line(30, "a")},
		"a record of 600 KiB": {[]string{line(10, "a") + strings.Repeat(" x\n", 200<<10) + line(30, "a"), line(20, "b")}, line(10, "a") + strings.Repeat(" x\n", 200<<10) + line(20, "b") + line(30, "a")},
	} {
		var logs []Log
		for i, text := range c.logs {
			logs = append(logs, logOf(fmt.Sprint(i), text))
		}
		if got, _ := merged(t, logs...); got != c.want {
			t.Errorf("%s:\n%.600q\nwant\n%.600q", name, got, c.want)
		}
	}
}

// However a reader hands its bytes out, the text is the same.
func TestMergeByteByByte(t *testing.T) {
	a, b := line(10, "a")+" |x\n\x00\x00"+line(30, "a"), line(20, "b")+"z"
	want, _ := merged(t, logOf("a", a), logOf("b", b))
	one := func(s string) Log {
		return Log{Open: func() (io.ReadCloser, error) {
			return io.NopCloser(iotest.OneByteReader(strings.NewReader(s))), nil
		}}
	}
	if got, _ := merged(t, one(a), one(b)); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// What cannot be read is an error, and all is closed.
func TestMergeFaults(t *testing.T) {
	bad := errors.New("bad sector")
	open := 0
	broken := Log{Name: "messages", Open: func() (io.ReadCloser, error) {
		open++
		return closing{io.MultiReader(strings.NewReader(line(10, "a")), iotest.ErrReader(bad)), &open}, nil
	}}
	if _, err := Merge(t.Context(), io.Discard, []Log{broken, broken}); !errors.Is(err, bad) || !strings.Contains(err.Error(), "messages") || open != 0 {
		t.Errorf("%v, %d open", err, open)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Merge(gone, io.Discard, []Log{logOf("a", line(10, "a"))}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := Merge(t.Context(), io.Discard, make([]Log, MaxLogs+1)); err == nil {
		t.Error("too many logs are taken")
	}
}

type closing struct {
	io.Reader
	open *int
}

func (c closing) Close() error { *c.open--; return nil }

// endless is so many records, made while they are read.
type endless struct {
	n    int
	left []byte
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.left) == 0 {
		if e.n == 0 {
			return 0, io.EOF
		}
		e.n--
		e.left = []byte(line(e.n%1000, "Module=\"network.sip\" "+strings.Repeat("x", 900)))
	}
	n := copy(p, e.left)
	e.left = e.left[n:]
	return n, nil
}

// Memory does not grow with the logs: 64 MiB pass through with less than 8 in use.
func TestMergeMemory(t *testing.T) {
	big := Log{Open: func() (io.ReadCloser, error) { return io.NopCloser(&endless{n: 32 << 10}), nil }}
	var most uint64
	probe := writerFunc(func(p []byte) (int, error) {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapAlloc)
		return len(p), nil
	})
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n, err := Merge(t.Context(), probe, []Log{big, big})
	if err != nil || n.Records != 64<<10 {
		t.Errorf("%d records, %v", n.Records, err)
	}
	if grown := int64(most) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("%d bytes in use", grown)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Records in order come out in order, each once, whatever was shared out to which log.
func TestMergeRandom(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		texts := make([]string, 1+r.IntN(5))
		var want []string
		for i := range 200 {
			rec := line(i, fmt.Sprint("n=", i)) + strings.Repeat(" more\n", r.IntN(3))
			want = append(want, rec)
			texts[r.IntN(len(texts))] += rec
		}
		var logs []Log
		for _, text := range texts {
			logs = append(logs, logOf("", text))
		}
		if got, n := merged(t, logs...); got != strings.Join(want, "") || n.Records != 200 {
			t.Fatalf("seed %d: %d records\n%s", seed, n.Records, got)
		}
	}
}

// FuzzMerge: every byte of each log is there once, in its order; only line feeds are added,
// at most one for each record.
func FuzzMerge(f *testing.F) {
	f.Add([]byte(line(10, "a")+" x\n"), []byte(line(9, "b")))
	f.Add([]byte("Jun 17 23:56:04 host x\n\x00\x00Jun 17 23:56:05 host y"), []byte("no stamp"))
	f.Add([]byte("2026-03-02T09:14:07.512-05:00 expc01\x00"), []byte(strings.Repeat("y", 70<<10)))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		a, b = bytes.ReplaceAll(a, []byte("b"), []byte("a")), bytes.ReplaceAll(b, []byte("a"), []byte("b"))
		marked := func(p []byte, mark byte) Log { // each byte that is a letter tells its log
			q := bytes.Clone(p)
			return Log{Name: string(mark), Ref: expressway.Ref{MTime: time.Unix(1.7e9, 0)}, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(q)), nil }}
		}
		var out bytes.Buffer
		n, err := Merge(t.Context(), &out, []Log{marked(a, 'a'), marked(b, 'b')})
		if err != nil {
			t.Fatal(err)
		}
		added := out.Len() - len(a) - len(b)
		if added < 0 || int64(added) > n.Records+2 || counts(out.Bytes()) != sum(counts(a), counts(b), added) {
			t.Fatalf("%d bytes added to %d and %d, %d records", added, len(a), len(b), n.Records)
		}
		// alone, a log comes out as it is
		var alone bytes.Buffer
		if _, err := Merge(t.Context(), &alone, []Log{marked(a, 'a')}); err != nil || !bytes.Equal(alone.Bytes(), a) {
			t.Fatalf("%q of %q, %v", alone.Bytes(), a, err)
		}
	})
}

func counts(b []byte) (n [256]int) {
	for _, c := range b {
		n[c]++
	}
	return n
}

func sum(a, b [256]int, feeds int) [256]int {
	for i := range a {
		a[i] += b[i]
	}
	a['\n'] += feeds
	return a
}
