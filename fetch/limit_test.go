package fetch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/evidence"
)

// A storm of logging: what is nearest the alert is kept up to the limit, and all else is
// said to be too large, whatever the files are.
func TestLimit(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []int // records of the rotated siblings end so many minutes ago, the oldest first; negative: compressed
		near  time.Duration
		limit int64
	}{
		{"one file", []int{}, 10 * time.Minute, 200 << 10},
		{"one file, at its end", []int{}, 0, 200 << 10},
		{"siblings", []int{40, 25, 12}, 20 * time.Minute, 200 << 10},
		{"compressed siblings", []int{-40, -25, -12}, 20 * time.Minute, 300 << 10},
		{"all sorts", []int{-40, -25, 12, 3}, 15 * time.Minute, 250 << 10},
		{"next to nothing", []int{-40, 12}, 15 * time.Minute, 4 << 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := fetchtest.NewWorld(t)
			since := time.Hour
			for i, age := range append(c.files, 0) {
				until := time.Duration(max(age, -age)) * time.Minute
				name, text := "network_log", w.Text(since, until)
				if age != 0 {
					name = fmt.Sprintf("network_log.%d", len(c.files)-i)
				}
				if age < 0 {
					name, text = name+".gz", string(fetchtest.Zipped(text))
				}
				w.Put(name, text, until)
				since = until
			}
			g := newGrab(t, w.Dir, &conntest.Local{})
			g.Share = Share{Near: w.Now.Add(-c.near), Limit: c.limit}
			asked := w.Window(50*time.Minute, 0)
			var row evidence.Host
			for range 3 { // later passes go on from what is on disk
				var err error
				if row, err = g.Pass(t.Context(), asked, nil); err != nil {
					t.Fatal(err)
				}
			}
			w.Honest(row, asked, func(family string) string { return slice(t, g, family) })
			f := row.Files[0]
			if f.Bytes > c.limit {
				t.Errorf("%d bytes are on disk, %d may be", f.Bytes, c.limit)
			}
			if c.limit > 100<<10 && f.Bytes < c.limit/3 {
				t.Errorf("only %d bytes of %d that may be are on disk", f.Bytes, c.limit)
			}
			if f.Coverage == evidence.Complete || !slices.ContainsFunc(f.Missing, func(s evidence.Span) bool { return s.Reason == evidence.ReasonTooLarge }) {
				t.Errorf("%s, missing %v", f.Coverage, f.Missing)
			}
			if c.limit > 100<<10 && slices.ContainsFunc(f.Missing, func(s evidence.Span) bool {
				return !g.Share.Near.Add(-30*time.Second).Before(s.Since) && g.Share.Near.Add(-30*time.Second).Before(s.Until)
			}) {
				t.Errorf("what is next to the alert is missing: %v", f.Missing)
			}
		})
	}
}

// A compressed sibling becomes no more than its share, and the others are got whole.
func TestLimitOfBomb(t *testing.T) {
	w := fetchtest.NewWorld(t)
	text := w.Text(40*time.Minute, 20*time.Minute)
	w.Put("network_log.2.gz", string(fetchtest.Zipped(text+strings.Repeat("0", 8<<20))), 20*time.Minute)
	w.Put("network_log.1", w.Text(20*time.Minute, 5*time.Minute), 5*time.Minute)
	w.Put("network_log", w.Text(5*time.Minute, 0), 0)
	g := newGrab(t, w.Dir, &conntest.Local{})
	g.Share = Share{Near: w.Now.Add(-10 * time.Minute), Limit: 2 << 20}
	asked := w.Window(30*time.Minute, 0)
	row, err := g.Pass(t.Context(), asked, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Honest(row, asked, func(family string) string { return slice(t, g, family) })
	f := row.Files[0]
	if f.Coverage != evidence.Partial || slices.ContainsFunc(f.Missing, func(s evidence.Span) bool { return s.Until.After(w.Now.Add(-19 * time.Minute)) }) {
		t.Errorf("%s, missing %v", f.Coverage, f.Missing)
	}
}

// Without a limit that is reached nothing is left out.
func TestLimitByDefault(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log", w.Text(40*time.Minute, 0), 0)
	g := newGrab(t, w.Dir, &conntest.Local{})
	row, err := g.Pass(t.Context(), w.Window(30*time.Minute, 0), nil)
	if err != nil || row.Coverage != evidence.Complete {
		t.Errorf("%v %+v", err, row)
	}
}

// A host that says that it writes more than the disk holds has a part of it: the other sites' hosts have the rest.
func TestLimitLeavesRoom(t *testing.T) {
	asked := evidence.Window{Since: time.Unix(0, 0), Until: time.Unix(600, 0)}
	families := map[string]*family{"network_log": {Retention: &logset.Retention{PerMin: 1 << 40}}}
	free := int64(100 << 30)
	disk := &diskspace.Reserve{Keep: func() int64 { return 20 << 30 }, Measure: func(string) (diskspace.Space, error) { return diskspace.Space{Free: free, Total: 200 << 30}, nil }}
	for _, c := range []struct {
		among      int
		have, free int64 // GiB
		want       int64
	}{
		{0, 0, 100, 40},
		{4, 0, 100, 10},
		{0, 30, 70, 40}, // what it has copied counts
		{0, 30, 21, 30}, // others have taken the rest: what is there stays
		{0, 0, 21, 4},   // whatever is lacking, keep.free stays free
	} {
		free, families["network_log"].Pieces = c.free<<30, []*extent{{Length: c.have << 30}}
		disk.Renew()
		if got := limit(Share{Reserve: disk, Among: c.among}, families, asked); got != c.want<<30 {
			t.Errorf("%+v: %d GiB", c, got>>30)
		}
	}
	families["network_log"].Retention.PerMin, families["network_log"].Pieces, free = 100<<20, nil, 100<<30
	disk.Renew()
	if got := limit(Share{Reserve: disk}, families, asked); got != limitWindows*10*100<<20 {
		t.Errorf("of one that writes much: %d MiB", got>>20)
	}
}
