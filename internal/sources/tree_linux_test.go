package sources

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// Of a folder all is read but what cannot be, and that is said.
func TestUnreadableFolder(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "unreadable-") // others may go through it
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	put(t, dir, file{"a/network_log", someLog(1, 5, "a")}, file{"closed/network_log", someLog(2, 5, "b")}, file{"z/network_log", someLog(3, 5, "c")})
	must(t, os.Chmod(dir, 0o755))
	for _, name := range []string{"a", "z"} {
		must(t, os.Chmod(filepath.Join(dir, name), 0o755))
		must(t, os.Chmod(filepath.Join(dir, name, "network_log"), 0o644))
	}
	must(t, os.Chmod(filepath.Join(dir, "closed"), 0))

	read := make(chan *Set, 1)
	go func() {
		defer close(read)
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		if os.Geteuid() == 0 { // who may read everything
			syscall.Setfsuid(65534)
		}
		if s, err := Open(t.Context(), "/tmp", dir); err != nil {
			t.Error(err)
		} else {
			read <- s
		}
	}()
	s := <-read
	if s == nil {
		return
	}
	defer s.Close()
	if notes := strings.Join(s.Notes(), "; "); len(s.Sources) != 2 || !strings.Contains(notes, "closed was skipped") {
		t.Errorf("%d logs, %s", len(s.Sources), notes)
	}
}
