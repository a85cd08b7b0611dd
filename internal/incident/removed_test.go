package incident

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/testrace"
)

func removalLine(n int) []byte {
	at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Hour)
	id := MakeID(at, "hq", fmt.Sprintf("%06x", n))
	line, _ := json.Marshal(Removal{Time: at.Add(720 * time.Hour), Incident: id, Key: id, Site: "hq", Bundles: []string{"/var/lib/grab/bundles/" + id + ".zip"}, Bytes: 5 << 20, Coverage: evidence.Complete, Sealed: at,
		Why: "older than keep.age, 30 days", Kind: KindAlert, At: at, TimeZone: "America/New_York", Brief: &Brief{Node: "cucm01", Verdict: "partial", Phones: []NamedFate{{"SEP00EBD5D5D8E8", "partial"}}}})
	return append(line, '\n')
}

// years are so many lines of removed.jsonl as a reader, of which none is ever held.
type years struct {
	n, most int
	rest    []byte
}

func (y *years) Read(p []byte) (int, error) {
	if len(y.rest) == 0 {
		if y.n == y.most {
			return 0, io.EOF
		}
		y.rest = removalLine(y.n)
		y.n++
	}
	n := copy(p, y.rest)
	y.rest = y.rest[n:]
	return n, nil
}

// Years of removals are read a line at a time: what a reader keeps does not grow with them.
func TestRemovedIsAStream(t *testing.T) {
	testrace.Whole(t)
	held := func(lines int) (got int, grew uint64) {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		most := uint64(0)
		err := readRemovals(&years{most: lines}, func(Removal) bool {
			if got++; got%25_000 == 0 {
				runtime.GC()
				runtime.ReadMemStats(&after)
				most = max(most, after.HeapAlloc-min(after.HeapAlloc, before.HeapAlloc))
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		return got, most
	}
	if got, grew := held(50_000); got != 50_000 || grew > 4<<20 {
		t.Errorf("%d lines, %d bytes held", got, grew)
	}
}

// A list is no longer than it may be, whatever is in the file, and has the newest.
func TestListRemoved(t *testing.T) {
	st := &Store{Dir: t.TempDir()}
	if list, more, err := ListRemoved(st, func(Listed) bool { return true }, 0); len(list) != 0 || more || err != nil {
		t.Errorf("of nothing: %v %v %v", list, more, err)
	}
	var file bytes.Buffer
	const n = 95
	for i := range n {
		file.Write(removalLine((i * 37) % n)) // not in order
	}
	file.Write(removalLine(94)) // twice
	if err := os.WriteFile(RemovedFile(st), file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	all := func(Listed) bool { return true }
	for most, want := range map[int]int{10: 10, 95: 95, 200: 95} {
		list, more, err := ListRemoved(st, all, most)
		if err != nil || len(list) != want || more != (most < n) {
			t.Errorf("%d of at most %d, more %v, %v", len(list), most, more, err)
			continue
		}
		for i, l := range list {
			if l.Incident != MakeID(time.Date(2020, 1, 1, n-1-i, 0, 0, 0, time.UTC), "hq", fmt.Sprintf("%06x", n-1-i)) || l.State != Removed || l.Verdict != "partial" || l.RemovedWhy == "" {
				t.Fatalf("%d: %+v", i, l)
			}
		}
	}
	if list, _, _ := ListRemoved(st, func(l Listed) bool { return l.Time.Year() > 2020 }, 0); len(list) != 0 {
		t.Errorf("%d that nobody wants", len(list))
	}
	old := `{"time":"2026-01-02T00:00:00Z","incident":"20260101T000000Z-hq-abcdef","site":"hq","bundles":[],"bytes":1,"coverage":"complete","sealed":"2026-01-01T00:01:00Z","why":"older"}` + "\n"
	os.WriteFile(RemovedFile(st), []byte(old), 0o600)
	if list, _, err := ListRemoved(st, all, 0); err != nil || len(list) != 1 || list[0].Time.IsZero() || list[0].Bundle != "" {
		t.Errorf("a line of an earlier version: %+v, %v", list, err)
	}
}

// Damaged lines are left out and told; what is around them is read, and the next removal
// stands on a line of its own.
func TestDamagedRemovals(t *testing.T) {
	st := &Store{Dir: t.TempDir()}
	var file bytes.Buffer
	file.Write(removalLine(1))
	file.WriteString("\x00\x00\x00\n\n{}\n")
	file.Write(removalLine(2))
	file.WriteString(`{"incident":"` + strings.Repeat("x", 3*maxRemovedLine) + "\"}\n")
	file.Write(removalLine(3))
	torn := removalLine(4)
	file.Write(torn[:len(torn)/2])
	if err := os.WriteFile(RemovedFile(st), file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := appendLine(st, RemovedFile(st), Removal{Incident: "x", Key: "x"}); err != nil {
		t.Fatal(err)
	}
	n := 0
	err := EachRemoved(st, func(Removal) bool { n++; return true })
	var damaged *DamagedLinesError
	if n != 4 || !errors.As(err, &damaged) || damaged.Lines != 4 || damaged.First != 2 || !strings.Contains(err.Error(), RemovedFile(st)) {
		t.Errorf("%d lines, %v", n, err)
	}
	if r, err := LoadRemoved(st, "x"); err != nil || r.Incident != "x" {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := LoadRemoved(st, "y"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// Whatever is in the file, a whole line behind it is read, and nothing that is read has no name.
func FuzzRemovals(f *testing.F) {
	f.Add([]byte("{"))
	f.Add(removalLine(1))
	f.Add([]byte("\x00\n{\"incident\":\"a\"}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		last := ""
		readRemovals(io.MultiReader(bytes.NewReader(b), strings.NewReader("\n{\"incident\":\"the last\"}\n")), func(r Removal) bool {
			if last = r.Incident; last == "" {
				t.Error("no name")
			}
			return true
		})
		if last != "the last" {
			t.Errorf("the last is %q", last)
		}
	})
}

func TestPin(t *testing.T) {
	st, err := OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := SetPin(st, "a", Pin{}); !errors.Is(err, ErrRemoved) {
		t.Errorf("a pin on nothing: %v", err)
	}
	if err := errors.Join(st.Create("a"), st.Save(Incident{ID: "a", Key: "a"})); err != nil {
		t.Fatal(err)
	}
	if err := SetPin(st, "a", Pin{Reason: "court"}); err != nil {
		t.Fatal(err)
	}
	if p, pinned := PinOf(st, "a"); !pinned || p.Reason != "court" {
		t.Errorf("%+v %v", p, pinned)
	}
	if err := os.WriteFile(pinFile(st, "a").Path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, pinned := PinOf(st, "a"); !pinned {
		t.Error("a damaged pin is none")
	}
	for _, want := range []bool{true, false} {
		if was, err := Unpin(st, "a"); was != want || err != nil || IsPinned(st, "a") {
			t.Errorf("%v, %v", was, err)
		}
	}
}
