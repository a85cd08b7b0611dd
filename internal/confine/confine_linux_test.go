package confine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func act(as string) {
	if as == "sleeper" { // it does not look at its standard input: only the kernel can end it
		os.WriteFile(filepath.Join(os.Getenv("TMPDIR"), "pid.new"), []byte(strconv.Itoa(os.Getpid())), 0o600)
		os.Rename(filepath.Join(os.Getenv("TMPDIR"), "pid.new"), filepath.Join(os.Getenv("TMPDIR"), "pid"))
		time.Sleep(time.Hour)
	}
	Enter(8<<20, 1<<30, os.Exit)
	score, _ := os.ReadFile("/proc/self/oom_score_adj")
	files, _ := os.ReadDir("/proc/self/fd")
	fmt.Printf("score %s", score)
	for _, f := range files {
		if to, err := os.Readlink("/proc/self/fd/" + f.Name()); err == nil && strings.HasPrefix(to, "/") {
			fmt.Printf("file %s\n", to)
		}
	}
	for _, e := range os.Environ() {
		fmt.Printf("env %s\n", e)
	}
}

// TestInside: the kernel takes the child first, and the child has neither files nor secrets
// of its parent.
func TestInside(t *testing.T) {
	t.Setenv("GRAB_IMAP_PASSWORD", "hunter2")
	f, err := os.CreateTemp(t.TempDir(), "secret")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	said, err := Run(t.Context(), child("honest"), t.TempDir(), limits())
	if err != nil || !strings.HasPrefix(string(said), "score 1000\n") {
		t.Errorf("%q, %v", said, err)
	}
	if strings.Contains(string(said), "hunter2") || strings.Contains(string(said), "secret") {
		t.Errorf("the child has what it should not have: %s", said)
	}
}

// TestParentKilled: kill -9 of the parent ends the child.
func TestParentKilled(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(self, dir)
	parent.Env = append(os.Environ(), role+"=parent")
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	for pid == 0 {
		b, err := os.ReadFile(filepath.Join(dir, "pid"))
		if err == nil {
			pid, _ = strconv.Atoi(string(b))
		} else if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	parent.Process.Kill()
	parent.Wait()
	for alive(pid) {
		time.Sleep(time.Millisecond)
	}
}

// alive reports whether a process runs; one that nobody has waited for does not.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}
