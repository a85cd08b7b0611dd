//go:build linux

package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// watch looks at the peak of a program's memory every 20 ms, until the returned
// function is called. What getrusage says would do if it did not begin with the
// memory of the process that has started the program.
func (m *measured) watch(pid int) (stop func()) {
	end := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			if p := peak(pid); p > m.rss {
				m.rss, m.rose = p, append(m.rose, rise{time.Now(), p})
			}
			select {
			case <-end:
				return
			case <-tick.C:
			}
		}
	})
	return func() { close(end); wg.Wait() }
}

// A rise is when a program's peak was seen to have come to so many bytes.
type rise struct {
	at    time.Time
	bytes int64
}

// rssAt is the peak as it was at that time.
func (m *measured) rssAt(t time.Time) (n int64) {
	for _, r := range m.rose {
		if !r.at.After(t) {
			n = r.bytes
		}
	}
	return n
}

// peak is the peak of a process's memory so far; 0 if it has ended.
func peak(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, _ := strconv.ParseInt(fields[0], 10, 64)
	return kib << 10
}
