package cucmlab

import (
	"fmt"
	"sync"
	"time"
)

// Traces are the SDL trace files of some nodes: who writes them is told by nobody here. They
// are a Source, and safe for concurrent use.
type Traces struct {
	rotation Rotation

	mu    sync.Mutex
	nodes map[string]*journal
}

// NewTraces makes some that are empty.
func NewTraces(r Rotation) *Traces {
	r.setDefaults()
	return &Traces{rotation: r, nodes: map[string]*journal{}}
}

// Write adds a record, with its line end, that a node (by FQDN) wrote at the time at.
func (t *Traces) Write(node string, at time.Time, record []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	j := t.nodes[node]
	if j == nil {
		number := len(t.nodes) + 1
		j = &journal{File: File{Log: CallManager, Path: TraceFolder}, rotation: t.rotation}
		j.name = func(n int) string { return fmt.Sprintf("SDL%03d_100_%06d.txt", number, n) }
		t.nodes[node] = j
	}
	j.write(at, record)
}

// Roll ends the files of all nodes that are being written, as a full one ends.
func (t *Traces) Roll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, j := range t.nodes {
		if j.size > 0 {
			j.close()
		}
	}
}

// Files are a node's.
func (t *Traces) Files(node string) []File {
	t.mu.Lock()
	defer t.mu.Unlock()
	if j := t.nodes[node]; j != nil {
		return j.files()
	}
	return nil
}
