package handover

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"rtmtgrab/internal/handover/sink"
)

// fake is a destination in memory.
type fake struct {
	mu    sync.Mutex
	got   map[string]string // SHA-256 by name
	ids   map[string]bool
	calls int
	fail  func(call int, a sink.Artifact) error // nil: nothing fails
	hang  chan struct{}                         // not nil: it waits for that, whatever its context says
	slow  time.Duration
	whole bool // it fails with what cannot be read of the artefact
}

func (f *fake) Deliver(ctx context.Context, a sink.Artifact) (sink.Receipt, error) {
	f.mu.Lock()
	f.calls++
	call, fail, hang := f.calls, f.fail, f.hang
	f.mu.Unlock()
	if hang != nil {
		<-hang
		return sink.Receipt{}, context.Canceled
	}
	if f.slow > 0 {
		select {
		case <-ctx.Done():
			return sink.Receipt{}, context.Cause(ctx)
		case <-time.After(f.slow):
		}
	}
	if fail != nil {
		if err := fail(call, a); err != nil {
			return sink.Receipt{}, err
		}
	}
	in, err := sink.Open(ctx, a)
	if err != nil {
		return sink.Receipt{}, err
	}
	defer in.Close()
	sum := sha256.New()
	b := make([]byte, 1000)
	for {
		n, err := in.Read(b)
		sum.Write(b[:n])
		if f.whole && err != nil && err != io.EOF {
			return sink.Receipt{}, err
		}
		if err != nil {
			break
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.got == nil {
		f.got, f.ids = map[string]string{}, map[string]bool{}
	}
	f.got[a.Name] = hex.EncodeToString(sum.Sum(nil))
	f.ids[a.ID] = true
	return sink.Receipt{Place: "fake:" + a.Name, Verified: sink.BySHA256, Sent: a.Size}, nil
}

func (f *fake) Check(context.Context) error { return nil }

func (f *fake) made() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

func (f *fake) has(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.got[name] != ""
}

// bench is an engine with destinations in memory, in a folder of its own.
type bench struct {
	*testing.T
	*Engine
	dir   string
	stop  func()
	fault func(step, name string) error
	kept  []string    // custody
	heard func(j Job) // called with each line of custody; nil: nobody
}

func newBench(t *testing.T) *bench {
	b := &bench{T: t, dir: t.TempDir()}
	t.Cleanup(func() { b.end() })
	return b
}

// begin opens and runs an engine with these destinations.
func (b *bench) begin(to ...Destination) {
	b.Helper()
	var mu sync.Mutex
	b.Engine = &Engine{Log: slog.New(slog.DiscardHandler), Store: Store{Dir: filepath.Join(b.dir, "handover"), Fault: b.fault}, Record: func(j Job, a Attempt, again bool) error {
		mu.Lock()
		defer mu.Unlock()
		b.kept = append(b.kept, fmt.Sprintf("%s %d %s %v", j.Name(), a.N, a.Outcome, again))
		if b.heard != nil {
			b.heard(j)
		}
		return nil
	}}
	if err := b.Open(); err != nil {
		b.Fatal(err)
	}
	b.Configure(to)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.Engine.Run(ctx)
	}()
	b.stop = func() {
		cancel()
		<-done
		b.Close()
	}
}

func (b *bench) end() {
	if b.stop != nil {
		b.stop()
		b.stop = nil
	}
}

// bundle makes a bundle of random bytes.
func (b *bench) bundle(n, revision int) Finished {
	b.Helper()
	id := fmt.Sprintf("20260302T1414%02dZ-hq-3fa2c1", n)
	name := id
	if revision > 1 {
		name += fmt.Sprintf("-r%d", revision)
	}
	f := Finished{Key: id, Incident: id, Site: "hq", Revision: revision, Bundle: filepath.Join(b.dir, name+".zip"), Sealed: time.Now()}
	text := make([]byte, 3000)
	rand.Read(text)
	if err := os.WriteFile(f.Bundle, text, 0o600); err != nil {
		b.Fatal(err)
	}
	return f
}

func (b *bench) add(f Finished, to string) string {
	b.Helper()
	if err := b.Add(f, to); err != nil {
		b.Fatal(err)
	}
	return Name(f.Key, f.Revision, to)
}

// until waits for a job.
func (b *bench) until(name string, is State) View {
	b.Helper()
	for deadline := time.Now().Add(48 * time.Hour); ; time.Sleep(time.Second) { // of a bubble's clock
		v, ok := b.Look(name)
		if ok && v.State == is && !v.Busy {
			return v
		}
		if time.Now().After(deadline) {
			b.Fatalf("%s is %s (%s), not %s", name, v.State, v.Error, is)
		}
	}
}

func destination(name string, s sink.Sink) Destination {
	return Destination{Name: name, Terms: func(Job) Terms { return Terms{} }, Open: func() (sink.Sink, error) { return s, nil }}
}

func sumOf(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func gone(cause sink.Cause) error {
	return &sink.Error{Cause: cause, Err: fmt.Errorf("it is %s", cause)}
}

func dead(cause sink.Cause) error {
	return &sink.Error{Cause: cause, Permanent: true, Err: fmt.Errorf("it is %s for good", cause)}
}
