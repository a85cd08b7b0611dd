package atomicfile

import (
	"context"
	"fmt"
	"time"

	"github.com/gofrs/flock"
)

// lockWait is how long another process is waited for that changes what a lock guards.
const lockWait = 10 * time.Second

// WaitLock takes the OS lock of the file name, which it makes with mode 0600, and waits for
// who has it for up to 10 s. The folder must be there.
func WaitLock(name string) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	return LockUntil(ctx, name)
}

// LockUntil is WaitLock that waits until ctx is done.
func LockUntil(ctx context.Context, name string) (unlock func(), err error) {
	if _, err := FreeLock(name); err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	f := flock.New(name, flock.SetPermissions(0o600))
	_, err = f.TryLockContext(ctx, 20*time.Millisecond)
	Adopt(name)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return func() { f.Unlock() }, nil
}
