// Package confine runs a part of this program in a process of its own, so that what
// strangers can write into a log costs that process and nothing else.
//
// It guarantees that the child is gone when Run returns, whatever it did; that it had no
// more memory, time and room on the disk than its limits, but for what it takes between
// two looks; that it dies with its parent; that the kernel, where memory ends, ends it
// first; that it inherits no file and of the environment no secret. What the child says
// is bounded. It does not know what the child works at.
package confine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
)

// A Program is what runs. The zero value is this program itself.
type Program struct {
	Path string   // empty: the file that is running
	Args []string // in front of those that Run is given
	Env  []string // beside what every child has
}

// Limits of one child.
type Limits struct {
	Memory int64         // bytes that it may have resident
	Time   time.Duration // from its start
	Files  int64         // bytes of all files in its folder
	Answer int64         // bytes on its standard output
}

// Why a child came to no good end, beside an error of ctx.
var (
	ErrMemory = errors.New("it needed more memory than it may have")
	ErrTime   = errors.New("it took longer than it may")
	ErrFiles  = errors.New("it wrote more than it may")
	ErrCrash  = errors.New("its process ended")
)

// lookEvery is between two looks at a child: what it can take in between is what a limit
// may be exceeded by. A look costs some microseconds.
const lookEvery = 20 * time.Millisecond

// inside names what a child has in its environment.
const inside = "GRAB_CONFINED"

// maxSaid is how much is kept of what a child says on standard error: the first lines of
// a crash tell which.
const maxSaid = 4 << 10

// Run runs the program with args in a process of its own, which may write into the folder
// dir, and returns what it wrote to standard output.
func Run(ctx context.Context, p Program, dir string, l Limits, args ...string) ([]byte, error) {
	if os.Getenv(inside) != "" {
		return nil, errors.New("a confined process starts no other")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd, err := p.command(ctx, dir, args)
	if err != nil {
		return nil, err
	}
	answer, said := &bounded{most: l.Answer, full: func() { cancel(ErrFiles) }}, &bounded{most: maxSaid, full: func() {}}
	cmd.Stdout, cmd.Stderr = answer, said
	alive, err := cmd.StdinPipe() // open as long as this process lives: see Enter
	if err != nil {
		return nil, err
	}
	defer alive.Close()

	runtime.LockOSThread() // a child dies with the thread that made it, on Linux
	defer runtime.UnlockOSThread()
	job, err := newJob(cmd, l)
	if err != nil {
		return nil, fmt.Errorf("limit its process: %w", err)
	}
	defer job.close()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start its process: %w", err)
	}
	err = job.add(cmd.Process)
	if err != nil {
		cancel(fmt.Errorf("limit its process: %w", err))
	}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		watch(ctx, cancel, cmd.Process.Pid, dir, l)
	}()
	err = cmd.Wait()
	why := context.Cause(ctx)
	cancel(nil)
	<-watched
	return answer.b.Bytes(), outcome(err, why, said.b.String())
}

// command is the process, with an environment of its own.
func (p Program) command(ctx context.Context, dir string, args []string) (*exec.Cmd, error) {
	path := p.Path
	if path == "" {
		var err error
		if path, err = itself(); err != nil {
			return nil, fmt.Errorf("find this program: %w", err)
		}
	}
	cmd := exec.CommandContext(ctx, path, append(append([]string{}, p.Args...), args...)...)
	cmd.Args[0] = "grab"
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = append([]string{"TMPDIR=" + dir, "TMP=" + dir, "TEMP=" + dir, "GOTRACEBACK=single", inside + "=1"}, p.Env...)
	for _, name := range []string{"TZ", "ZONEINFO", "SystemRoot", "GODEBUG", "GORACE", "GOCOVERDIR"} {
		if v, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	return cmd, nil
}

// watch ends the child at a limit. The deadline runs from here.
func watch(ctx context.Context, cancel context.CancelCauseFunc, pid int, dir string, l Limits) {
	over := time.NewTimer(l.Time)
	defer over.Stop()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-over.C:
			cancel(fmt.Errorf("%w: %s", ErrTime, human.Span(l.Time)))
			return
		case <-tick.C:
		}
		if resident(pid) > l.Memory {
			cancel(fmt.Errorf("%w: %d MiB", ErrMemory, l.Memory>>20))
			return
		}
		if n%5 == 0 && Size(dir) > l.Files {
			cancel(fmt.Errorf("%w: %d MiB", ErrFiles, l.Files>>20))
			return
		}
	}
}

// Size is how many bytes the files of a folder have.
func Size(dir string) (sum int64) {
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it went meanwhile
		}
		if fi, err := d.Info(); err == nil && fi.Mode().IsRegular() {
			sum += fi.Size()
		}
		return nil
	})
	return sum
}

// outcome says how a child ended: why is what ended it, nil if nothing did.
func outcome(err, why error, said string) error {
	var state *exec.ExitError
	switch {
	case why != nil && err != nil:
		return why
	case err == nil:
		return nil
	case !errors.As(err, &state):
		return fmt.Errorf("%w: %w", ErrCrash, err)
	case state.ExitCode() == exitMemory:
		return ErrMemory
	}
	first, _, _ := strings.Cut(strings.TrimSpace(said), "\n")
	if first == "" {
		return fmt.Errorf("%w: %v", ErrCrash, state)
	}
	return fmt.Errorf("%w: %v: %s", ErrCrash, state, evidence.Printable(first, 200))
}

// bounded keeps the first bytes that it is given.
type bounded struct {
	b    bytes.Buffer
	most int64
	full func()
}

func (w *bounded) Write(b []byte) (int, error) {
	if left := w.most - int64(w.b.Len()); int64(len(b)) > left {
		w.b.Write(b[:max(left, 0)])
		w.full()
		return len(b), nil
	}
	return w.b.Write(b)
}
