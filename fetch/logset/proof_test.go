package logset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
)

// A proven folder has two logs; what went wrong since is named, of the host or of the
// family that it is of.
func TestProof(t *testing.T) {
	for name, tt := range map[string]struct {
		do        func(w *fetchtest.World)
		denied    string // a file that cannot be opened
		gone      string // one that goes between listing and opening
		host, log string // the faults
		empty     bool   // no newest record
	}{
		"all well":                    {},
		"the folder is gone":          {do: func(w *fetchtest.World) { os.RemoveAll(w.Dir) }, host: "no folder"},
		"nothing is mounted there":    {do: func(w *fetchtest.World) { empty(w.Dir) }, host: "holds no log: none of network_log, messages"},
		"a family is gone":            {do: func(w *fetchtest.World) { w.Remove("network_log"); w.Remove("network_log.1") }, log: "no file of network_log"},
		"a permission went":           {denied: "network_log", log: "network_log cannot be read: permission denied"},
		"that of a rotated sibling":   {denied: "network_log.1", log: "network_log.1 cannot be read: permission denied"},
		"that of an old one":          {do: rotatedOften, denied: "network_log.5", log: "network_log.5 cannot be read: permission denied"},
		"of one that is too old":      {do: rotatedOften, denied: "network_log.9"},
		"a folder is in its place":    {do: func(w *fetchtest.World) { swap(w, "network_log") }, log: "network_log is no regular file"},
		"in that of a rotated one":    {do: func(w *fetchtest.World) { swap(w, "network_log.1") }, log: "network_log.1 is no regular file"},
		"it is rotated in the moment": {gone: "network_log"},
		"just rotated":                {do: func(w *fetchtest.World) { w.Put("network_log", "", 0) }},
		"emptied":                     {do: func(w *fetchtest.World) { w.Remove("network_log.1"); w.Put("network_log", "", 0) }, log: "every file of network_log in "},
		"only compressed ones": {do: func(w *fetchtest.World) {
			w.Remove("network_log.1")
			w.Put("network_log", "", 0)
			w.Put("network_log.2.gz", "x", 0)
		}, empty: true},
		"a link in its place": {do: func(w *fetchtest.World) {
			w.Remove("network_log")
			os.Symlink("messages", filepath.Join(w.Dir, "network_log"))
		}, log: "network_log is no regular file"},
		"a folder in that of a sibling": {do: func(w *fetchtest.World) { os.Mkdir(filepath.Join(w.Dir, "network_log.7"), 0o700) }, log: "network_log.7 is no regular file"},
		"the end is no text":            {do: func(w *fetchtest.World) { w.Grow("network_log", strings.Repeat("\x00", 300<<10), 0) }, log: "no record can be found at the end of network_log"},
		"a sibling that an alert needs": {do: siblings, denied: "network_log.9", log: "network_log.9 cannot be read: permission denied"},
		"one that none needs":           {do: siblings, denied: "network_log.20"},
		"no records": {do: func(w *fetchtest.World) {
			w.Remove("network_log.1")
			w.Put("network_log", strings.Repeat("x", 300<<10), 0)
		}, log: "no record can be found at the end of network_log"},
		"a record longer than the first look": {do: func(w *fetchtest.World) { w.Grow("network_log", strings.Repeat("  more\n", 4<<10), 0) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := fetchtest.NewWorld(t)
			w.Put("network_log.1", w.Text(10*time.Minute, 5*time.Minute), 5*time.Minute)
			w.Put("network_log", w.Text(5*time.Minute, 0), 0)
			w.Put("messages", w.Text(5*time.Minute, 0), 0)
			if tt.do != nil {
				tt.do(w)
			}
			c := &conntest.Hook{OnOpen: func(name string) error {
				switch name {
				case tt.denied:
					return fs.ErrPermission
				case tt.gone:
					return fs.ErrNotExist
				}
				return nil
			}}
			host := hostconn.Host{Name: "h", Dir: w.Dir, Families: []string{"network_log", "messages"}, Dial: func(context.Context) (hostconn.Conn, error) { return c, nil }}
			p := proofOf(t, &Prover{Reach: func() time.Duration { return 15 * time.Minute }}, host)
			if !faulty(p.Err, tt.host) || p.OK() != (tt.host+tt.log == "") {
				t.Fatalf("%+v", p)
			}
			if tt.host != "" {
				return
			}
			log, other := p.Families[0], p.Families[1]
			if !faulty(log.Err, tt.log) || other.Err != nil || other.Newest.IsZero() || log.Err == nil && log.Newest.IsZero() != tt.empty {
				t.Errorf("%+v", p)
			}
		})
	}
}

// rotatedOften has a file of the log for each two minutes.
func rotatedOften(w *fetchtest.World) {
	for i := range 10 {
		ago := time.Duration(2*i) * time.Minute
		w.Put([]string{"network_log", fmt.Sprintf("network_log.%d", i)}[min(i, 1)], w.Text(ago+2*time.Minute, ago), ago)
	}
}

// swap puts a folder in the place of a file.
func swap(w *fetchtest.World, name string) {
	w.Remove(name)
	os.Mkdir(filepath.Join(w.Dir, name), 0o700)
}

func faulty(err error, want string) bool {
	return err == nil && want == "" || err != nil && want != "" && strings.Contains(err.Error(), want)
}

// siblings are rotated ones, of a minute each.
func siblings(w *fetchtest.World) {
	for i := 2; i <= 20; i++ {
		age := time.Duration(i+3) * time.Minute
		w.Put(fmt.Sprintf("network_log.%d", i), w.Text(age+time.Minute, age), age)
	}
}

func empty(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		os.Remove(filepath.Join(dir, e.Name()))
	}
}

// A fault is told at the last look only; how far back the logs go is read anew when the
// oldest file is another one, and grows by itself otherwise.
func TestProver(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log.2", w.Text(30*time.Minute, 20*time.Minute), 20*time.Minute)
	w.Put("network_log.1", w.Text(20*time.Minute, 10*time.Minute), 10*time.Minute)
	w.Put("network_log", w.Text(10*time.Minute, 0), 0)
	var mu sync.Mutex
	var opened []string
	broken := false
	c := &conntest.Hook{OnOpen: func(name string) error {
		mu.Lock() // files are opened side by side
		defer mu.Unlock()
		if opened = append(opened, name); broken {
			return errors.New("cut")
		}
		return nil
	}}
	told := 0
	var last Proof
	p := &Prover{Hosts: []hostconn.Host{{Name: "h", Dir: w.Dir, Families: []string{"network_log"}}}, Proven: func(_ string, found Proof) { told, last = told+1, found }}
	prove := func(l hostconn.Look) bool { opened = nil; return p.Prove(t.Context(), c, l) }
	depth := func() time.Duration { return last.Depths["network_log"].Depth().Round(time.Minute) }

	if !prove(hostconn.Look{}) || depth() != 30*time.Minute {
		t.Fatalf("%+v", last)
	}
	if all := len(opened); !prove(hostconn.Look{}) || depth() != 30*time.Minute || len(opened) >= all {
		t.Errorf("%v: %+v", opened, last)
	}
	w.Remove("network_log.2")
	if !prove(hostconn.Look{}) || depth() != 20*time.Minute {
		t.Errorf("%+v", last)
	}
	w.Remove("network_log.1")
	for _, age := range []time.Duration{10 * time.Minute, 3 * time.Minute} { // alone it tells nothing: another one may have its name
		w.Put("network_log", w.Text(age, 0), 0)
		if !prove(hostconn.Look{}) || depth() != age {
			t.Errorf("%v: %+v", age, last)
		}
	}
	broken, told = true, 0
	if prove(hostconn.Look{}) || told != 0 || prove(hostconn.Look{Last: true}) || told != 1 || last.Families[0].Err == nil {
		t.Errorf("told %d times: %+v", told, last)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if told = 0; !p.Prove(ctx, c, hostconn.Look{Last: true}) || told != 0 {
		t.Error("who has stopped it is told")
	}
}

// mute never answers a listing.
type mute struct{ conntest.Local }

func (*mute) List(ctx context.Context, _ string) ([]hostconn.Entry, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

// A host whose answers take too long is told of at the first look: another one would take as
// long again.
func TestSlowProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := mute{}
		var last Proof
		p := &Prover{Hosts: []hostconn.Host{{Name: "h", Dir: "/log", Families: []string{"messages"}}}, Proven: func(_ string, found Proof) { last = found }}
		began := time.Now()
		if !p.Prove(t.Context(), &c, hostconn.Look{}) || last.Err == nil || time.Since(began) > time.Minute {
			t.Errorf("%+v after %v", last, time.Since(began))
		}
	})
}
