package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"rtmtgrab/internal/analysis"
)

// TestMain lets the test binary be the program: in scripts as `grab`, and for
// tests that kill it as a child with asProgram set.
func TestMain(m *testing.M) {
	demoLimit = time.Hour // a busy machine is no fault
	proveEvery, _ = time.ParseDuration(os.Getenv(provesEvery))
	if os.Getenv(asProgram) != "" {
		main()
	}
	if signal.Ignored(os.Interrupt) { // this is a job in the background: what the tests start is none
		signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	}
	if how := os.Getenv(misbehaves); how != "" {
		misbehave(how)
		return
	}
	for len(os.Args) == 3 && os.Args[1] == analysis.Command && exists(filepath.Join(os.Args[2], "..", "..", "..", holdsAnalysis+taskOf(os.Args[2]))) {
		time.Sleep(10 * time.Millisecond)
	}
	os.Setenv("GORACE", endsAtOnce())
	testscript.Main(m, map[string]func(){"grab": main})
}

// endsAtOnce is GORACE for the programs that the tests start: built with the race
// detector each would sleep for a second before it ends.
func endsAtOnce() string { return strings.TrimSpace(os.Getenv("GORACE") + " atexit_sleep_ms=0") }

const asProgram = "GRAB_TEST_AS_PROGRAM"

// provesEvery is the time between two proofs of a host in programs that the tests start.
const provesEvery = "GRAB_TEST_PROVES_EVERY"

// holdsAnalysis is a file in a store that keeps the processes which analyse from beginning:
// with "report", "contents" and so on behind it, those of that task.
const holdsAnalysis = "hold-analysis-"

// taskOf is what a process that analyses is asked for in its folder.
func taskOf(dir string) string {
	var q struct{ Task string }
	if b, err := os.ReadFile(filepath.Join(dir, "request.json")); err == nil {
		json.Unmarshal(b, &q)
	}
	return q.Task
}

func exists(name string) bool { _, err := os.Stat(name); return err == nil }

// program is the real program as a child process.
func program(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}
