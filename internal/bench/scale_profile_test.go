//go:build linux

package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// profiles is where BenchmarkScale leaves what the watch's own profiler says: GRAB_BENCH_PROFILE, a
// folder. Empty: nowhere, and the program is as it is shipped.
var profiles = os.Getenv("GRAB_BENCH_PROFILE")

// profiled is a file that is laid over cmd/grab: the program serves its profiles on a socket.
const profiled = `package main

import (
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
)

func init() {
	if name := os.Getenv("GRAB_PPROF"); name != "" && len(os.Args) > 1 && os.Args[1] == "watch" {
		if l, err := net.Listen("unix", name); err == nil {
			go http.Serve(l, nil)
		}
	}
}
`

// buildProfiled builds the program with its profiler.
func (r *rig) buildProfiled(tb testing.TB) {
	tb.Helper()
	root, err := filepath.Abs("../..")
	must(tb, err)
	r.write("profiled.go", profiled)
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, "cmd/grab/profiled.go"): r.path("profiled.go")}})
	must(tb, err)
	r.write("overlay.json", string(text))
	if out, err := exec.Command("go", "build", "-trimpath", "-overlay", r.path("overlay.json"), "-o", r.grab, "rtmtgrab/cmd/grab").CombinedOutput(); err != nil {
		tb.Fatalf("build grab with its profiler: %v\n%s", err, out)
	}
	must(tb, os.MkdirAll(profiles, 0o700))
}

// profile writes one of the watch's profiles to a file; what is in the way is told.
func (w *watch) profile(name, query string) {
	if profiles == "" {
		return
	}
	err := func() error {
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(w.dir, "pprof.sock"))
		}
		c := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
		r, err := c.Get("http://grab/debug/pprof/" + query)
		if err != nil {
			return err
		}
		defer r.Body.Close()
		f, err := os.Create(filepath.Join(profiles, name))
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(f, r.Body)
		return err
	}()
	if err != nil {
		w.tb.Logf("profile %s: %v", name, err)
	}
}

// profileGrowth writes the heap down each time that the watch has come to use a tenth more, until
// the returned function is called.
func (w *watch) profileGrowth(name string) (stop func()) {
	if profiles == "" {
		return func() {}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for most := int64(0); ; {
			if now, _ := w.memory(); now > most+most/10 {
				most = now
				w.profile(fmt.Sprintf("%s.heap", name), "heap")
				w.profile(fmt.Sprintf("%s.goroutines", name), "goroutine")
				w.profile(fmt.Sprintf("%s.memory", name), "heap?debug=1") // at its end: what stacks take, and what is free
			}
			select {
			case <-end:
				return
			case <-tick.C:
			}
		}
	}()
	return func() { close(end); <-ended }
}
