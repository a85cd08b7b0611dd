package lab

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"
)

func newYork(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

var styles = []Rotation{Numbered, Dated, Gzip, CopyTruncate}

func TestRotationKeepsEveryRecordOnce(t *testing.T) {
	for _, style := range styles {
		t.Run(string(style), func(t *testing.T) {
			e := start(t, ExpresswayConfig{Logs: LogConfig{Style: style, RotateSize: 20 << 10, RotateKeep: 3, Rate: 40, Zone: newYork(t)}})
			begin := time.Now()
			e.Backfill(begin.Add(-10 * time.Second))
			for _, family := range Families() {
				for range 3 {
					if err := e.Rotate(family); err != nil {
						t.Fatal(err)
					}
					e.Write(family, time.Now(), "INFO", "between", `Detail="between"`)
				}
				names := e.Siblings(family)
				if len(names) != 4 || names[3] != family {
					t.Errorf("siblings %q, want three and the live one", names)
				}
				onDisk, err := filepath.Glob(filepath.Join(e.Dir(), family+"*"))
				if err != nil || len(onDisk) != len(names) {
					t.Errorf("on disk %q, want %q", onDisk, names)
				}
				all := e.Truth(family)
				kept := checkTruth(t, e, family)
				if len(kept) == len(all) {
					t.Error("nothing was rotated away")
				}
				for i, r := range all {
					if gone := i < len(all)-len(kept); gone == r.GoneAt.IsZero() || r.Seq != int64(i) {
						t.Fatalf("record %d of %d, %d kept: %+v", i, len(all), len(kept), r)
					}
					if r.GoneAt.IsZero() != r.Existed(time.Now(), time.Now()) {
						t.Fatalf("record %d: Existed contradicts GoneAt", i)
					}
				}
			}
		})
	}
}

func TestLogsGrowAndRotateByThemselves(t *testing.T) {
	for _, style := range styles {
		t.Run(string(style), func(t *testing.T) {
			t.Parallel()
			e := start(t, ExpresswayConfig{Logs: LogConfig{Style: style, RotateSize: 16 << 10, RotateKeep: 4, Rate: 600, Torn: true}})
			e.Start()
			done := func() bool { // several rotations, and records rotated away
				for _, f := range Families() {
					if r := e.Truth(f); len(r) == 0 || r[0].GoneAt.IsZero() {
						return false
					}
				}
				return true
			}
			for deadline := time.Now().Add(5 * time.Minute); !done(); {
				if time.Now().After(deadline) {
					t.Fatal("the logs did not rotate")
				}
				e.Rotate(Messages) // from another goroutine, too
				time.Sleep(20 * time.Millisecond)
			}
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			for _, f := range Families() {
				r := checkTruth(t, e, f)
				if age := time.Since(r[len(r)-1].Prefix); age < -time.Second || age > 10*time.Minute {
					t.Errorf("%s: the last record is %v old", f, age)
				}
			}
		})
	}
}

func TestBackfillHasProperTimes(t *testing.T) {
	zone, offset := newYork(t), -3*time.Hour
	for _, style := range styles {
		t.Run(string(style), func(t *testing.T) {
			e := start(t, ExpresswayConfig{ClockOffset: offset, Logs: LogConfig{Style: style, RotateSize: 30 << 10, RotateKeep: 50, Rate: 20, Zone: zone}})
			since := time.Now().Add(-time.Minute)
			e.Backfill(since)
			r := checkTruth(t, e, NetworkLog)
			first, last := since.Add(offset), time.Now().Add(offset)
			if d := r[0].Time.Sub(first); d < -time.Second || d > 5*time.Second {
				t.Errorf("first record %v after the beginning", d)
			}
			if d := last.Sub(r[len(r)-1].Time); d < 0 || d > 15*time.Second {
				t.Errorf("last record %v before the end", d)
			}
			names := e.Siblings(NetworkLog)
			if len(names) < 5 {
				t.Fatalf("only %q", names)
			}
			n := 0
			for _, name := range names {
				fi, err := os.Stat(filepath.Join(e.Dir(), name))
				if err != nil {
					t.Fatal(err)
				}
				if count := len(SplitRecords(plain(t, filepath.Join(e.Dir(), name)))); count > 0 {
					n += count
					if d := fi.ModTime().Sub(r[n-1].Prefix); d < -time.Second || d > time.Second {
						t.Errorf("%s: modified %v after its last record", name, d)
					}
				}
			}
		})
	}
}

func TestRecordShapes(t *testing.T) {
	head := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}-0[45]:00 expe01 (tvcs:|traffic_server\[\d+\]:|XCP_JABBERD\[\d+\]:|httpd\[\d+\]: web:|alarm:) `)
	utc := regexp.MustCompile(`UTCTime="(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:,(\d{1,3}))?"`)
	e := start(t, ExpresswayConfig{Role: "E", Logs: LogConfig{Rate: 100, RotateSize: -1, Zone: newYork(t), Odd: 20}})
	e.Backfill(time.Now().Add(-10 * time.Second))
	seen := map[string]int{}
	for _, family := range Families() {
		rows, texts := checkTruth(t, e, family), SplitRecords(contents(t, e, family))
		for i, b := range texts {
			if !head.Match(b) {
				t.Fatalf("head of %q", b)
			}
			stamp, err := time.Parse("2006-01-02T15:04:05.000-07:00", string(b[:29]))
			if err != nil || !stamp.Equal(rows[i].Prefix) {
				t.Fatalf("prefix %q, want %v", b[:29], rows[i].Prefix)
			}
			if i > 0 && rows[i].Prefix.Before(rows[i-1].Prefix) {
				t.Fatal("prefixes go back")
			}
			if i > 0 && rows[i].Time.Before(rows[i-1].Time) {
				seen["disorder"]++
			}
			m := utc.FindSubmatch(b)
			if m == nil {
				seen["no UTCTime"]++
				continue
			}
			sec, err := time.Parse("2006-01-02 15:04:05", string(m[1]))
			if d := rows[i].Time.Sub(sec); err != nil || d < 0 || d >= time.Second || d > 0 && len(m[2]) == 0 {
				t.Fatalf("%s is not %v", m[0], rows[i].Time)
			}
			if d := rows[i].Prefix.Sub(rows[i].Time); d < 0 || d > time.Second+21*time.Millisecond {
				t.Fatalf("UTCTime is %v before the prefix", d)
			}
			seen[string("fraction of "+string(rune('0'+len(m[2]))))]++
			if bytes.Contains(b, []byte("\n SIPMSG:\n")) {
				seen["body"]++
			}
			if family == Messages && !regexp.MustCompile(`Event=".* Level="1"( UTCTime="[^"]*")?\n$`).Match(b) {
				t.Fatalf("event %q", b)
			}
		}
	}
	for _, what := range []string{"disorder", "no UTCTime", "fraction of 0", "fraction of 2", "fraction of 3", "body"} {
		if seen[what] == 0 {
			t.Errorf("never seen: %s (%v)", what, seen)
		}
	}
}

func TestSameSeedSameRecords(t *testing.T) {
	o := BulkOptions{Since: time.Date(2026, 11, 1, 5, 0, 0, 0, time.UTC), Until: time.Date(2026, 11, 1, 7, 0, 0, 0, time.UTC), Size: 1 << 20,
		Log: LogConfig{Zone: newYork(t), Seed: 7, WholeSeconds: true, Disorder: 3 * time.Second}}
	var a, b, c bytes.Buffer
	var rows []Record
	withRows := o
	withRows.Each = func(at int64, r Record) {
		if at != int64(a.Len()) && len(rows) == 0 {
			t.Errorf("the first record is at %d", at)
		}
		rows = append(rows, r)
	}
	res, err := WriteLog(&a, withRows)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := WriteLog(&b, o); err != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Errorf("the same seed made other records (%v)", err)
	}
	o.Log.Seed++
	if _, err := WriteLog(&c, o); err != nil || bytes.Equal(a.Bytes(), c.Bytes()) {
		t.Errorf("another seed made the same records (%v)", err)
	}
	if res.Bytes != int64(a.Len()) || res.Records != int64(len(rows)) || res.Bytes < 1<<20 || res.Bytes > 1<<20+8<<10 {
		t.Errorf("result %+v for %d bytes and %d records", res, a.Len(), len(rows))
	}
	if got := SplitRecords(a.Bytes()); len(got) != len(rows) {
		t.Errorf("%d records, want %d", len(got), len(rows))
	}
	text := a.String()
	if !regexp.MustCompile(`(?m)^2026-11-01T01:59:\d\d-04:00 `).MatchString(text) || !regexp.MustCompile(`(?m)^2026-11-01T01:00:\d\d-05:00 `).MatchString(text) {
		t.Error("the night when daylight saving ends lacks one of its two hours")
	}
	if end := o.Until.Sub(res.Last); end < 0 || end > 30*time.Second {
		t.Errorf("the last record is %v before the end", end)
	}
	var worst time.Duration
	for _, r := range rows {
		worst = max(worst, r.Prefix.Sub(r.Time))
	}
	if worst < time.Second || worst > 3*time.Second {
		t.Errorf("disorder is %v at most", worst)
	}
}

func TestInfoLevelHasNoBodies(t *testing.T) {
	var b bytes.Buffer
	o := BulkOptions{Since: time.Now().Add(-time.Hour), Size: 200 << 10, Log: LogConfig{Level: "INFO"}}
	if _, err := WriteLog(&b, o); err != nil {
		t.Fatal(err)
	}
	for _, no := range []string{"SIPMSG", `Level="DEBUG"`, "TCP Connection Closed"} {
		if bytes.Contains(b.Bytes(), []byte(no)) {
			t.Errorf("%s at INFO", no)
		}
	}
	if lines := bytes.Count(b.Bytes(), []byte("\n")); lines != len(SplitRecords(b.Bytes())) {
		t.Error("multi-line records at INFO")
	}
}

func TestWriteRawAndLeapingClock(t *testing.T) {
	e := start(t, ExpresswayConfig{Logs: LogConfig{Odd: -1, Disorder: -1}})
	now := time.Now().Truncate(time.Millisecond)
	raw := []byte("Jun 17 23:56:04 expc01 old form\n")
	if err := e.WriteRaw(DeveloperLog, raw, Record{Time: now.Add(-time.Hour), Marker: "old form"}); err != nil {
		t.Fatal(err)
	}
	e.Write(DeveloperLog, now, "INFO", "before", `Detail="before"`)
	e.SetClockOffset(-time.Hour)
	e.Write(DeveloperLog, now, "INFO", "after", `Detail="after"`)
	rows := e.Truth(DeveloperLog)
	if !rows[1].Time.Equal(now) || !rows[2].Time.Equal(now.Add(-time.Hour)) {
		t.Errorf("times %v and %v, want a leap of an hour", rows[1].Time, rows[2].Time)
	}
	if got := plain(t, filepath.Join(e.Dir(), DeveloperLog)); !bytes.HasPrefix(got, raw) {
		t.Errorf("file %q", got)
	}
	if err := e.Write("hybrid_services_log", now, "INFO", "x", "y"); err == nil {
		t.Error("an unknown family was written")
	}
	if got := e.Siblings(DeveloperLog); !slices.Equal(got, []string{DeveloperLog}) {
		t.Errorf("siblings %q", got)
	}
}

func BenchmarkWriteLog(b *testing.B) {
	const size = 64 << 20
	b.SetBytes(size)
	for b.Loop() {
		if _, err := WriteLog(io.Discard, BulkOptions{Since: time.Unix(1767225600, 0), Size: size, Rate: 1000, Log: LogConfig{Zone: newYork(b)}}); err != nil {
			b.Fatal(err)
		}
	}
}
