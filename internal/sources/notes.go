package sources

import (
	"fmt"
	"slices"
	"sync"

	"rtmtgrab/internal/evidence"
)

// notes are what a reader of the report should know of its sources. They are safe for
// concurrent use: files may be read at the same time.
type notes struct {
	mu   sync.Mutex
	list []string
}

func (n *notes) add(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	note := evidence.Printable(fmt.Sprintf(format, args...), 500)
	if !slices.Contains(n.list, note) && len(n.list) < 100 {
		n.list = append(n.list, note)
	}
}

func (n *notes) sorted() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := slices.Clone(n.list)
	slices.Sort(list)
	return list
}
