package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rtmtgrab/internal/collector/control"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testsite"
)

// many is a site whose store has so many sealed incidents of alerts, each with all the files
// of a real one, and lines of removed ones. bundle makes the bundle of an incident out of the real one.
func many(t testing.TB, incidents, removed int, bundle func(real, name string) error) *labConfig {
	t.Helper()
	c := newLab(t, lab.ExpresswayConfig{Role: "C"}, lab.ExpresswayConfig{Role: "E"}).withMail()
	c.Extra = "settle: 10ms\nkeep: {age: 1000d, size: 1000GiB}"
	c.Write()
	stop := c.watching(c.Socket())
	c.alertNow(rtmt.MailOptions{})
	c.complete(1)
	stop()
	st := &incident.Store{Dir: filepath.Join(c.Dir, "store")}
	list, err := st.List()
	if err != nil {
		t.Fatal(err)
	}
	in, err := st.Load(list[0].Incident)
	if err != nil {
		t.Fatal(err)
	}
	alert := in.Members[0].Alert
	files := map[string][]byte{}
	for _, dir := range []string{filepath.Join("incidents", in.Key), "custody"} {
		filepath.Walk(filepath.Join(st.Dir, dir), func(path string, info os.FileInfo, err error) error {
			if name, _ := filepath.Rel(st.Dir, path); err == nil && info.Mode().IsRegular() && !strings.HasSuffix(name, "lock") {
				files[name], _ = os.ReadFile(path)
			}
			return err
		})
	}
	for _, name := range []string{filepath.Join("alerts", alert+".json"), filepath.Join("mails", alert+".eml")} {
		files[name] = []byte(c.Read(filepath.Join("store", name)))
	}
	for n := range incidents - 1 {
		at := in.Members[0].Time.Add(-time.Duration(n+1) * time.Minute)
		id, other := incident.MakeID(at, in.Site, fmt.Sprintf("%06x", n)), hex.EncodeToString(fmt.Appendf(make([]byte, 24), "%08d", n))
		names := strings.NewReplacer(in.ID, id, alert, other)
		for name, b := range files {
			name = filepath.Join(st.Dir, names.Replace(name))
			if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				t.Fatal(err)
			}
			b = bytes.ReplaceAll(bytes.ReplaceAll(b, []byte(in.ID), []byte(id)), []byte(alert), []byte(other))
			if err := os.WriteFile(name, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := bundle(in.Bundle, filepath.Join(st.Bundles(), id+".zip")); err != nil {
			t.Fatal(err)
		}
	}
	var lines bytes.Buffer
	for n := range removed {
		at := in.Members[0].Time.Add(-time.Duration(n+1)*20*time.Minute).AddDate(-1, 0, 0)
		id := incident.MakeID(at, in.Site, fmt.Sprintf("%06x", n))
		json.NewEncoder(&lines).Encode(incident.Removal{Time: at.AddDate(0, 1, 0), Incident: id, Key: id, Site: in.Site, Bundles: []string{filepath.Join(st.Bundles(), id+".zip")}, Bytes: 5 << 20, Coverage: evidence.Complete, Sealed: at,
			Why: "older than keep.age, 30 days", Kind: incident.KindAlert, At: at, Until: at, TimeZone: in.TimeZone, Revision: 1, Brief: in.Revisions[0].Brief})
	}
	if err := os.WriteFile(incident.RemovedFile(st), lines.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// However many bundles there are: neither a list, nor a start, nor status opens one of them.
// Each is a pipe here: who opens it waits for ever.
func TestNoBundleIsOpened(t *testing.T) {
	t.Parallel()
	const n, removed = 150, 300
	c := many(t, n, removed, func(_, name string) error { return unix.Mkfifo(name, 0o600) })
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, args := range [][]string{{"list", "--json"}, {"list"}, {"list", "--verdict", "none", "--last", "5"}} {
			r := c.grab(args...)
			if r.code != 0 || r.err != "" {
				t.Errorf("%v: %s", args, r)
			}
			var list []incident.Listed
			if args[len(args)-1] == "--json" {
				if r.decode(t, &list); len(list) != n+removed {
					t.Errorf("%d incidents", len(list))
				}
			}
		}
		c.watching(c.Socket())
		r := c.status("all bundles were looked at", func(r status.Report) bool { return r.Disk.Bundles != nil && r.Disk.UsedBytes > 0 })
		if len(r.Incidents) > 0 {
			t.Errorf("%+v", r.Incidents)
		}
	}()
	select {
	case <-done:
	case <-time.After(3 * time.Minute):
		t.Fatal("a bundle was opened")
	}
}

// BenchmarkManyBundles is the real program, as a process, on a store with 10,000 delivered
// bundles and 50,000 removed ones.
func BenchmarkManyBundles(b *testing.B) {
	c := many(b, 10_000, 50_000, os.Link)
	spent := func(b *testing.B, cmd *exec.Cmd) {
		b.ReportMetric(float64((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Milliseconds()), "cpu-ms")
		b.ReportMetric(float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)/1024, "MiB")
	}
	run := func(b *testing.B, args ...string) []byte {
		cmd := program(append([]string{"-c", c.Path}, args...)...)
		out, err := cmd.Output()
		if err != nil {
			b.Fatalf("%v: %v\n%s", args, err, out)
		}
		spent(b, cmd)
		return out
	}
	for _, args := range [][]string{{"list"}, {"list", "--json"}, {"list", "--last", "20"}, {"show", "@last"}} {
		b.Run(strings.Join(args, " "), func(b *testing.B) {
			for b.Loop() {
				if out := run(b, args...); len(out) < 500 {
					b.Fatalf("%s", out)
				}
			}
		})
	}
	b.Run("start", func(b *testing.B) {
		for b.Loop() {
			begun := time.Now()
			stop := started(b, c)
			b.ReportMetric(float64(time.Since(begun).Milliseconds()), "ms/until-it-answers")
			b.StopTimer()
			spent(b, stop(os.Interrupt))
			b.StartTimer()
		}
	})
	stop := started(b, c)
	defer stop(os.Interrupt)
	b.Run("status", func(b *testing.B) {
		for b.Loop() {
			cmd := program("-c", c.Path, "status", "--json")
			out, _ := cmd.Output() // its exit status says whether an alert would work
			spent(b, cmd)
			var r status.Report
			if err := json.Unmarshal(out, &r); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// started runs the program as a watch of its own, until it answers.
func started(t testing.TB, c *labConfig) (stop func(os.Signal) *exec.Cmd) {
	var log testsite.SafeBuffer
	cmd := program("-c", c.Path, "watch")
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		err := (&control.Client{Path: c.Socket()}).Do(t.Context(), http.MethodGet, "/hello", nil, nil)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v\n%s", err, log.String())
		}
	}
	return func(how os.Signal) *exec.Cmd {
		cmd.Process.Signal(how)
		cmd.Wait()
		return cmd
	}
}
