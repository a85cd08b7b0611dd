package ring

import (
	"strings"
	"testing"
	"time"
)

func FuzzRingIndex(f *testing.F) {
	line, err := indexLine{N: 1, File: &knownFile{ID: 1, Name: "network_log", Head: []byte("head")}}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line, 3, byte(1))
	f.Fuzz(func(t *testing.T, b []byte, at int, flip byte) {
		for _, e := range readEntries(strings.NewReader(string(b))) {
			l, err := e.encode()
			if err != nil {
				t.Fatal(err)
			}
			if back := readEntries(strings.NewReader(string(l))); len(back) != 1 || back[0].N != e.N {
				t.Fatalf("%s", l)
			}
			if at >= 0 && at < len(l)-1 && flip != 0 {
				l[at] ^= flip
				for _, spoilt := range readEntries(strings.NewReader(string(l))) {
					t.Fatalf("%+v was taken for %+v", spoilt, e)
				}
			}
		}
	})
}

// A sibling that comes into the ring late is no successor of the live file, whose
// last record may go on.
func TestRingLateIsNoSuccessor(t *testing.T) {
	at := time.Now()
	l := &Log{files: map[int64]*knownFile{1: {ID: 1, First: at}, 2: {ID: 2, First: at.Add(-time.Hour)}, 3: {ID: 3, First: at.Add(time.Hour)}}}
	add := func(e indexLine) {
		e.N = int64(len(l.entries) + 1)
		l.entries = append(l.entries, Entry{indexLine: e})
	}
	add(indexLine{Frame: &Frame{File: 1, NL: true}})
	add(indexLine{Seen: &seen{}})
	for _, c := range []struct {
		file int64
		want bool
	}{{2, false}, {3, true}} {
		add(indexLine{Frame: &Frame{File: c.file}})
		if got := l.Settled(&l.entries[0]); got != c.want {
			t.Errorf("after a frame of file %d it is settled: %v", c.file, got)
		}
	}
}
