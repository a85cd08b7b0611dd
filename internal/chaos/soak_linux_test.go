package chaos

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testsite"
)

// A use is what the real program has at one moment.
type use struct{ resident, heap, goroutines, threads, files, store int64 }

func (u use) most(v use) use {
	return use{max(u.resident, v.resident), max(u.heap, v.heap), max(u.goroutines, v.goroutines), max(u.threads, v.threads), max(u.files, v.files), max(u.store, v.store)}
}

func (u use) String() string {
	return fmt.Sprintf("resident %d MiB, heap %d MiB, %d goroutines, %d threads, %d files, store %d MiB", u.resident>>20, u.heap>>20, u.goroutines, u.threads, u.files, u.store>>20)
}

// The real program, one process, with an alert every other second whose incident's logs are
// copied and sealed, and a store that keeps a bounded size: from the second quarter of the
// time on it needs no more than before. GRAB_SOAK_SECONDS is how long.
func TestSoakReal(t *testing.T) {
	seconds, _ := strconv.Atoi(os.Getenv("GRAB_SOAK_SECONDS"))
	if seconds == 0 {
		t.Skip("for make soak")
	}
	c := testsite.New(t, lab.ExpresswayConfig{Role: "C"}, lab.ExpresswayConfig{Role: "E"})
	for _, p := range c.Peers {
		p.Start()
	}
	addr := testsite.FreeAddr(t)
	c.Extra = fmt.Sprintf("keep: {free: 1MiB, size: 24MiB}\ncooldown: 1s\nagain: 1s\nsettle: 100ms\nalerts: {limit: 0}\nhttp: {listen: %q}\n", addr)
	c.StartMail()
	watch := startReal(t, c)

	const quarters = 4
	var most [quarters]use
	began, span := time.Now(), time.Duration(seconds)*time.Second
	for i := 0; time.Since(began) < span; i++ {
		now := time.Now()
		mail := rtmt.Mail(rtmt.MailOptions{Node: fmt.Sprintf("cucm%02d", i%10+1), Count: i + 1, Time: now, Zone: time.UTC, MessageID: fmt.Sprintf("soak.%d@cucm.example.com", i)})
		if err := c.Mail.Deliver(mail, now); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		q := min(quarters-1, int(time.Since(began)*quarters/span))
		most[q] = most[q].most(useOf(t, watch.Process.Pid, addr, filepath.Join(c.Dir, "store")))
	}
	for q, u := range most {
		t.Logf("quarter %d: at most %v", q+1, u)
	}
	a, b := most[1], most[quarters-1]
	if b.heap > a.heap*3/2+4<<20 || b.resident > a.resident*5/4+8<<20 || b.goroutines > a.goroutines*3/2+20 || b.files > a.files+20 || b.store > a.store*5/4+8<<20 {
		t.Errorf("it does not level off: %v in the second quarter, %v in the last", a, b)
	}
}

// startReal starts grab watch, and ends it with the test.
func startReal(t *testing.T, c *testsite.Site) *exec.Cmd {
	binary := filepath.Join(c.Dir, "grab")
	if out, err := exec.Command("go", "build", "-o", binary, "rtmtgrab/cmd/grab").CombinedOutput(); err != nil {
		t.Fatalf("build grab: %v\n%s", err, out)
	}
	cmd := exec.Command(binary, "watch", "-c", c.Path)
	log, err := os.Create(filepath.Join(c.Dir, "watch.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr, cmd.Dir = log, c.Dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("grab watch: %v", err)
		}
		log.Close()
	})
	return cmd
}

var gauges = map[string]*regexp.Regexp{
	"heap":       regexp.MustCompile(`(?m)^go_memstats_heap_inuse_bytes (\S+)$`),
	"goroutines": regexp.MustCompile(`(?m)^go_goroutines (\S+)$`),
	"threads":    regexp.MustCompile(`(?m)^Threads:\s+(\d+)$`),
	"resident":   regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`),
}

func useOf(t *testing.T, pid int, addr, store string) (u use) {
	_, metrics := testsite.Get(t, addr, "/metrics")
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	read := func(name, text string) int64 {
		m := gauges[name].FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("no %s in %.200s", name, text)
		}
		f, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return int64(f)
	}
	u = use{resident: read("resident", string(status)) << 10, heap: read("heap", metrics), goroutines: read("goroutines", metrics), threads: read("threads", string(status))}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	u.files = int64(len(files))
	filepath.WalkDir(store, func(path string, e fs.DirEntry, err error) error { // what goes meanwhile is not counted
		if err == nil && !e.IsDir() && !strings.HasSuffix(path, ".sock") {
			if i, err := e.Info(); err == nil {
				u.store += i.Size()
			}
		}
		return nil
	})
	return u
}
