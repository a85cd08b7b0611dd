package fetch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/testrace"
	"rtmtgrab/internal/testserver"
)

// openBelow is how many files below dir other processes have open.
func openBelow(dir string) (n int) {
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	own := fmt.Sprintf("/proc/%d/", os.Getpid())
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil && strings.HasPrefix(to, dir) && !strings.HasPrefix(l, own) {
			n++
		}
	}
	return n
}

// Many incidents of one host hold its files once, and each gets its window whole; what
// one holds goes on being held when another ends.
func TestIncidentsShareHandles(t *testing.T) {
	t.Parallel()
	const files = 40
	incidents := testrace.Smaller(25, 8)
	w := fetchtest.NewWorld(t)
	for i := range files {
		name := "network_log"
		if age := files - 1 - i; age > 0 {
			name = fmt.Sprintf("network_log.%d", age)
		}
		w.Put(name, w.Text(time.Duration(files-i)*time.Minute, time.Duration(files-1-i)*time.Minute), time.Duration(files-1-i)*time.Minute)
	}
	key := testserver.NewKey(t, "ecdsa")
	d := testserver.StartSSHD(t, testserver.SSHDOptions{AuthorizedKeys: []string{testserver.AuthorizedKey(key.Public, "")}})
	pool := &hostconn.Pool{}
	grab := func() *Grab {
		g := newGrab(t, w.Dir, nil)
		g.Host.Dial = func(ctx context.Context) (hostconn.Conn, error) {
			return pool.Get(ctx, "key", hostconn.Commands{}, func(ctx context.Context) (*sshdial.Client, error) {
				return sshdial.Dial(ctx, sshdial.Config{Address: d.Addr(), User: d.User, KnownHosts: d.KnownHosts(),
					Auth: sshdial.Auth{Kind: sshdial.AuthKey, KeyPEM: func() (string, error) { return string(key.PEM), nil }}})
			})
		}
		return g
	}
	asked := w.Window(files*time.Minute-time.Second, time.Second)
	grabs := make([]*Grab, incidents)
	var most int
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range grabs {
		grabs[i] = grab()
		all.Go(func() {
			row, err := grabs[i].Pass(t.Context(), asked, func(time.Time) {
				mu.Lock()
				defer mu.Unlock()
				most = max(most, openBelow(w.Dir))
			})
			if err != nil || row.Coverage != evidence.Complete {
				t.Errorf("%v: %s %v", err, row.Coverage, row.Files)
			}
		})
	}
	all.Wait()
	if n := openBelow(w.Dir); n != files || most > files+5 {
		t.Errorf("%d files are open %d times at the end, %d at most", files, n, most)
	}

	for _, g := range grabs[1:] {
		g.Close()
	}
	w.Remove("network_log.30")
	row, err := grabs[0].Pass(t.Context(), asked, nil)
	if err != nil || row.Coverage != evidence.Complete {
		t.Errorf("%v: %s", err, row.Coverage)
	}
	grabs[0].Close()
	if n := openBelow(w.Dir); n != 0 {
		t.Errorf("%d files are open when all have let go", n)
	}
}
