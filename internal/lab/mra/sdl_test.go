package mra

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
)

// TestTraceFiles: what the files hold is the truth, record by record, the open one too.
func TestTraceFiles(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, cfg := range []*SDLConfig{{Zone: zone, FileSize: 40 << 10}, {Zone: zone, FileSize: 40 << 10, Midnight: true, NoHead: true, Keep: 2}} {
		t.Run(fmt.Sprintf("midnight %t", cfg.Midnight), func(t *testing.T) {
			s := scene(t, SiteConfig{Phones: 3, Seed: 7, SDL: cfg}, lab.LogConfig{Level: "DEBUG"})
			begin := time.Date(2026, 3, 3, 4, 50, 0, 0, time.UTC)
			if err := s.Schedule(Event{At: begin.Add(8 * time.Minute), Kind: DropTCP}); err != nil {
				t.Fatal(err)
			}
			s.BackfillUntil(begin, begin.Add(20*time.Minute))
			want := map[string]*bytes.Buffer{}
			kinds := map[string]int{}
			for _, r := range s.TraceRecords("cucm01") {
				kinds[r.Kind]++
				if r.Gone {
					continue
				}
				if want[r.File] == nil {
					want[r.File] = &bytes.Buffer{}
				}
				want[r.File].WriteString(r.Text)
			}
			sdl := 0
			for _, f := range s.TraceFiles("cucm01.example.com") {
				if f.Kind != SDL {
					continue
				}
				sdl++
				stored, err := s.ReadTrace("cucm01", f.Path)
				if err != nil {
					t.Fatal(err)
				}
				z, err := gzip.NewReader(bytes.NewReader(stored))
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(z)
				if (err == io.ErrUnexpectedEOF) != f.Open {
					t.Errorf("%s, open %t: %v", f.Path, f.Open, err)
				}
				name := f.Name()
				if f.Open {
					name = name[:len(name)-1]
				}
				if !bytes.Equal(got, want[name].Bytes()) {
					t.Errorf("%s is not what the truth says", name)
				}
			}
			if sdl < 3 || kinds[Application] == 0 || kinds[AlertLog] != 2 {
				t.Errorf("%d SDL files, records %v", sdl, kinds)
			}
		})
	}
}

// TestTracesChangeNothing: with traces and without, the same things happen.
func TestTracesChangeNothing(t *testing.T) {
	begin := time.Date(2026, 3, 3, 4, 50, 0, 0, time.UTC)
	run := func(cfg *SDLConfig) (string, []byte) {
		s := scene(t, SiteConfig{Phones: 3, Seed: 9, SDL: cfg}, lab.LogConfig{Level: "DEBUG"})
		for _, ev := range []Event{{At: begin.Add(8 * time.Minute), Kind: DropTCP}, {At: begin.Add(12 * time.Minute), Kind: Reset}} {
			if err := s.Schedule(ev); err != nil {
				t.Fatal(err)
			}
		}
		s.BackfillUntil(begin, begin.Add(20*time.Minute))
		return fmt.Sprint(s.Happened()), networkLog(t, s.cfg.C[0])
	}
	story, log := run(nil)
	if got, gotLog := run(&SDLConfig{}); got != story || !bytes.Equal(gotLog, log) {
		t.Error("traces changed what happened, or what Expressways log of it")
	}
}
