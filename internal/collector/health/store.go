package health

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
)

const (
	testEvery = time.Minute      // between two test writes
	testAgain = 5 * time.Second  // after one that failed
	testLimit = 30 * time.Second // for one: a disk that takes longer hangs
)

// storeTest writes to the store now and then, as alerts are written: whether that can be
// done is known only by doing it. It is safe for concurrent use.
type storeTest struct {
	write func(dir string) error // tests; nil: testWrite

	mu    sync.Mutex
	began time.Time // of the write under way; zero: there is none
	since time.Time // it has failed since
	err   error     // of the last one
}

// Run tests until ctx ends.
func (s *storeTest) Run(ctx context.Context, dir string, log *slog.Logger) {
	for {
		wait := testEvery
		if s.test(dir, log) != nil {
			wait = testAgain
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// test writes once. When it begins to fail, and when it is well again, is logged.
func (s *storeTest) test(dir string, log *slog.Logger) error {
	write := s.write
	if write == nil {
		write = testWrite
	}
	s.mu.Lock()
	s.began = time.Now()
	s.mu.Unlock()
	err := write(dir)

	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil && s.err == nil:
		s.since = s.began
		log.Error("the store cannot be written", "dir", dir, "err", err)
	case err == nil && s.err != nil:
		log.Info("the store can be written again", "dir", dir, "after", human.Seconds(time.Since(s.since)))
	}
	s.began, s.err = time.Time{}, err
	return err
}

// testedFolders are those of a store in which alerts and what follows from them are written.
var testedFolders = []string{".", "mails", "alerts", "incidents", "bundles", "cursors"}

// testWrite makes a file in each folder, brings it to the disk, renames and removes it.
func testWrite(dir string) error {
	for _, folder := range testedFolders {
		name := filepath.Join(dir, folder, "write.test")
		err := atomicfile.WriteBytes(name, []byte("written to see whether the store can be written\n"))
		if errors.Is(err, fs.ErrNotExist) && folder == "cursors" {
			continue // no mailbox was opened so far
		}
		if err == nil {
			err = os.Remove(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Report says so if the store cannot be written.
func (s *storeTest) Report(r *status.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := status.Problem{Key: "store", Blocks: true, Since: s.since,
		Hint: "no alert can be kept: is the file system of " + r.Store + " read only after an error (dmesg), out of inodes (df -i), over a quota, or closed to this service?"}
	switch hanging := r.Now.Sub(s.began); {
	case !s.began.IsZero() && hanging > testLimit:
		p.Since = s.began.UTC()
		p.What = fmt.Sprintf("the store cannot be written: a test write has not ended after %s", human.Span(testLimit))
		p.Hint = "the disk of " + r.Store + " hangs: see dmesg, or the server that it is mounted from"
	case s.err != nil:
		p.What = "the store cannot be written: " + evidence.Printable(s.err.Error(), 300)
	default:
		return
	}
	r.Add(p)
}
