//go:build unix

package fetch

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/testrace"
	"rtmtgrab/internal/testserver"
)

// An odd is what may stand in the place of a log or be wrong with it: put is told the file's
// name and its text, the records before its last minute and those of it. lies are told by
// the host, not by the folder.
type odd struct {
	put  func(w *fetchtest.World, name, before, last string, age time.Duration)
	lie  func(size int64) int64
	why  string // of the gap; empty: there is none
	live bool   // only in the place of the live log
}

func replaced(make func(path string) error) func(*fetchtest.World, string, string, string, time.Duration) {
	return func(w *fetchtest.World, name, before, last string, age time.Duration) {
		w.Put("elsewhere."+name, before+last, age)
		if err := make(w.Path(name)); err != nil {
			w.TB.Fatal(err)
		}
	}
}

func filled(fill string) func(*fetchtest.World, string, string, string, time.Duration) {
	return func(w *fetchtest.World, name, before, last string, age time.Duration) {
		w.Put(name, before+fill, age)
	}
}

func asItIs(w *fetchtest.World, name, before, last string, age time.Duration) {
	w.Put(name, before+last, age)
}

var (
	nuls    = strings.Repeat("\x00", 2<<20)
	foreign = strings.Repeat("9999-12-31T23:59:59.999-12:00 expe01 tvcs: Event=\"x\"\n", 10000)
	odds    = map[string]odd{
		"link": {put: replaced(func(path string) error {
			return os.Symlink("elsewhere."+path[strings.LastIndexByte(path, '/')+1:], path)
		}), why: evidence.ReasonRead},
		"folder":      {put: replaced(func(path string) error { return os.Mkdir(path, 0o700) }), why: evidence.ReasonRead},
		"pipe":        {put: replaced(func(path string) error { return syscall.Mkfifo(path, 0o600) }), why: evidence.ReasonRead},
		"huge":        {put: asItIs, lie: func(int64) int64 { return 1 << 60 }, why: evidence.ReasonRead, live: true},
		"ends before": {put: asItIs, lie: func(n int64) int64 { return n + 10000 }, why: evidence.ReasonRead, live: true},
		"nuls behind": {put: filled(nuls), why: evidence.ReasonRead},
		"nuls within": {put: func(w *fetchtest.World, name, before, last string, age time.Duration) {
			half := len(before) / 2
			half += strings.IndexByte(before[half:], '\n') + 1
			end := half + (len(before)-half)/2
			end += strings.IndexByte(before[end:], '\n') + 1
			w.Put(name, before[:half]+nuls+before[end:]+last, age)
		}, why: evidence.ReasonRead},
		"nuls in front": {put: func(w *fetchtest.World, name, before, last string, age time.Duration) {
			w.Put(name, nuls+last, age)
		}, why: evidence.ReasonRead},
		"nuls alone": {put: func(w *fetchtest.World, name, before, last string, age time.Duration) {
			w.Put(name, nuls, age)
		}, why: evidence.ReasonRead},
		"no stamps": {put: func(w *fetchtest.World, name, before, last string, age time.Duration) {
			w.Put(name, strings.Repeat("no stamp\n", 1<<17), age)
		}, why: evidence.ReasonRead},
		"foreign stamp": {put: func(w *fetchtest.World, name, before, last string, age time.Duration) {
			w.Put(name, before+foreign[:strings.IndexByte(foreign, '\n')+1]+last, age)
		}},
		"foreign stamps": {put: func(w *fetchtest.World, name, before, last string, age time.Duration) {
			w.Put(name, foreign, age)
		}, why: evidence.ReasonRead},
		"odd mtime": {put: func(w *fetchtest.World, name, before, last string, age time.Duration) {
			w.Put(name, before+last, age)
			os.Chtimes(w.Path(name), time.Unix(-5, 0), time.Unix(-5, 0))
		}},
		"far mtime": {put: func(w *fetchtest.World, name, before, last string, age time.Duration) {
			w.Put(name, before+last, age)
			os.Chtimes(w.Path(name), time.Unix(1<<32-1, 0), time.Unix(1<<32-1, 0))
		}},
		"sound": {put: asItIs},
	}
)

// oddWorld is a folder with half an hour of logs in three files, some of them odd.
func oddWorld(t *testing.T, h *conntest.Hook, which map[string]string) *fetchtest.World {
	w := fetchtest.NewWorld(t)
	lies := map[string]func(int64) int64{}
	for i, name := range []string{"network_log.2", "network_log.1", "network_log"} {
		from := time.Duration(3-i) * 10 * time.Minute
		o := odds[which[name]]
		o.put(w, name, w.Text(from, from-9*time.Minute), w.Text(from-9*time.Minute, from-10*time.Minute), from-10*time.Minute)
		if o.lie != nil {
			lies[name] = o.lie
		}
	}
	h.Stat = func(name string, n int64) int64 {
		if lie := lies[name]; lie != nil {
			return lie(n)
		}
		return n
	}
	return w
}

// What has a log's name and cannot be read as one is a gap with its reason, and nothing
// else is.
func TestOddLogs(t *testing.T) {
	for name, o := range odds {
		for _, file := range []string{"network_log", "network_log.1"} {
			if o.live && file != "network_log" {
				continue
			}
			t.Run(name+" as "+file, func(t *testing.T) {
				t.Parallel()
				h := &conntest.Hook{}
				w := oddWorld(t, h, map[string]string{"network_log.2": "sound", "network_log.1": "sound", "network_log": "sound", file: name})
				g := newGrab(t, w.Dir, h)
				asked := w.Window(25*time.Minute, 0)
				row, err := g.Pass(t.Context(), asked, nil)
				if err != nil {
					t.Fatal(err)
				}
				w.Honest(row, asked, func(f string) string { return slice(t, g, f) })
				m := row.Files[0].Missing
				if o.why == "" && len(m) > 0 || o.why != "" && (len(m) != 1 || m[0].Reason != o.why) {
					t.Errorf("coverage %s, missing %v", row.Coverage, m)
				}
			})
		}
	}
}

// Whatever odd files a folder has, every record of the window is in the slice or said to
// be missing.
func TestOddLogsMixed(t *testing.T) {
	names := []string{"link", "folder", "pipe", "huge", "ends before", "nuls behind", "nuls within", "nuls in front", "nuls alone", "no stamps", "foreign stamp",
		"foreign stamps", "odd mtime", "far mtime", "sound"}
	seeds := uint64(60)
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		if testrace.Skips(int(seed), 13) {
			continue
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, 7))
			which := map[string]string{}
			for _, name := range []string{"network_log.2", "network_log.1", "network_log"} {
				which[name] = names[rnd.IntN(len(names))]
			}
			h := &conntest.Hook{}
			h.NoClock = rnd.IntN(4) == 0
			w := oddWorld(t, h, which)
			since := time.Duration(rnd.IntN(28*60)) * time.Second
			asked := w.Window(since+time.Minute, since/time.Duration(1+rnd.IntN(5)))
			g := newGrab(t, w.Dir, h)
			for range 2 {
				row, err := g.Pass(t.Context(), asked, nil)
				if err != nil {
					t.Fatal(err)
				}
				w.Honest(row, asked, func(f string) string { return slice(t, g, f) })
			}
			if t.Failed() {
				t.Log(which)
			}
		})
	}
}

// The same over a real server, by either transport.
func TestOddLogsOverSSH(t *testing.T) {
	for _, commands := range []bool{false, true} {
		t.Run(fmt.Sprintf("commands=%v", commands), func(t *testing.T) {
			dial := sshDial(t, testserver.SSHDOptions{NoSFTP: commands, Extra: []string{"SetEnv SHLVL=2"}}, hostconn.Commands{Allowed: true})
			for i, name := range slices.Sorted(maps.Keys(odds)) {
				o := odds[name]
				if o.lie != nil || testrace.Skips(i, 5) {
					continue
				}
				w := oddWorld(t, &conntest.Hook{}, map[string]string{"network_log.2": "sound", "network_log.1": "sound", "network_log": name})
				g := newGrab(t, w.Dir, nil)
				g.Host.Dial = dial
				asked := w.Window(25*time.Minute, 0)
				row, err := g.Pass(t.Context(), asked, nil)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				w.Honest(row, asked, func(f string) string { return slice(t, g, f) })
				if complete := row.Coverage == evidence.Complete; complete != (o.why == "") {
					t.Errorf("%s: coverage %s, missing %v", name, row.Coverage, row.Files[0].Missing)
				}
			}
		})
	}
}

// Where a log was copied and cut off while its writer went on at its old place, the NULs
// stand for what the sibling has; without it they are a gap.
func TestCopiedAndTruncated(t *testing.T) {
	for _, packed := range []bool{false, true} {
		for _, gone := range []bool{false, true} {
			w := fetchtest.NewWorld(t)
			var old strings.Builder
			w.Put("network_log.3", w.Text(3*time.Hour, 2*time.Hour), 2*time.Hour)
			old.WriteString(w.Text(2*time.Hour, 10*time.Minute))
			name, text := "network_log.1", old.String()
			if packed {
				name, text = "network_log.1.gz", string(fetchtest.Zipped(text))
			}
			if !gone {
				w.Put(name, text, 10*time.Minute)
			}
			w.Put("network_log", strings.Repeat("\x00", old.Len())+w.Text(10*time.Minute, 0), 0)
			g := newGrab(t, w.Dir, &conntest.Hook{})
			asked := w.Window(15*time.Minute, 0)
			row, err := g.Pass(t.Context(), asked, nil)
			if err != nil {
				t.Fatal(err)
			}
			w.Honest(row, asked, func(f string) string { return slice(t, g, f) })
			if m := row.Files[0].Missing; gone && (len(m) != 1 || m[0].Reason != evidence.ReasonRead) || !gone && len(m) > 0 {
				t.Errorf("packed %v, sibling gone %v: %v", packed, gone, m)
			}
		}
	}
}
