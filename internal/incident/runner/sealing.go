package runner

import (
	"context"
	"fmt"
	"path/filepath"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/incident"
)

// maxCrashes is how often this program may end while it makes one bundle. Once may be a
// reboot; after twice the logs are sealed as they are, and nothing is made of them.
const maxCrashes = 2

// A sealing is what is written down of the making of a bundle, beside its incident: before
// the work begins, so that a crash leaves a trace.
type sealing struct {
	Revision int      `json:"revision"`
	Begun    int      `json:"begun"`               // how often it was begun and came to no end
	NoReport string   `json:"no_report,omitempty"` // the bundle that is being written has no report
	HandTo   []string `json:"hand_to,omitempty"`   // destinations that it is to go to
	Material string   `json:"material,omitempty"`  // digest of what it has beside logs and mails
}

func sealingFile(st *incident.Store, key string) atomicfile.JSON[sealing] {
	return incident.File[sealing](st, filepath.Join(st.IncidentDir(key), "sealing.json"))
}

// plain is why nothing is to be made of the logs; empty: something is.
func (s sealing) plain() string {
	if s.Begun < maxCrashes {
		return ""
	}
	return fmt.Sprintf("grab ended %d times while it was sealing this incident", s.Begun)
}

// A place is one of those for bundles that are made at once. It is for one goroutine.
type place struct {
	all  chan struct{}
	have bool
}

// take waits for it, unless it is had.
func (p *place) take(ctx context.Context) error {
	if p.have {
		return nil
	}
	select {
	case p.all <- struct{}{}:
		p.have = true
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave gives it back, if it is had.
func (p *place) leave() {
	if p.have {
		<-p.all
	}
	p.have = false
}
