package bundle

import (
	"errors"
	"os"
	"sync"
)

// syncsAtOnce is how many files are synchronised at once: a disk does many together in little
// more time than one, and an archive may have 65,000.
const syncsAtOnce = 16

// A syncer synchronises and closes files while others are written.
type syncer struct {
	slots chan struct{}
	wg    sync.WaitGroup

	mu  sync.Mutex
	err error
}

func newSyncer() *syncer { return &syncer{slots: make(chan struct{}, syncsAtOnce)} }

// take takes a file over that was written. It waits while too many are.
func (s *syncer) take(f *os.File) {
	s.slots <- struct{}{}
	s.wg.Go(func() {
		defer func() { <-s.slots }()
		err := errors.Join(f.Sync(), f.Close())
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.err == nil {
			s.err = err
		}
	})
}

// wait is for all that were taken, and is the first error.
func (s *syncer) wait() error {
	s.wg.Wait()
	return s.err
}
