package wiring

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/custody"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/handover"
	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/handover/sink/folder"
	"rtmtgrab/internal/incident"
)

// Jobs are the deliveries of a store.
func Jobs(store *incident.Store) handover.Store {
	return handover.Store{Dir: filepath.Join(store.Dir, "handover"), Placed: store.Placed}
}

// Undelivered reports whether a bundle of an incident is to be delivered yet: what its own
// record says is to go somewhere and has not come to its end, or what was asked for by
// hand. What cannot be read is not delivered.
func Undelivered(store *incident.Store) func(key string) bool {
	jobs := Jobs(store)
	waiting := waitingJobs{jobs: jobs}
	return func(key string) bool {
		in, err := store.Read(key)
		if err != nil || waiting.has(key) {
			return true
		}
		for _, rev := range in.Revisions {
			for _, to := range rev.HandTo {
				if !jobs.HasEnded(handover.Name(key, rev.Revision, to)) {
					return true
				}
			}
		}
		return false
	}
}

// waitingJobs knows which incidents have jobs that are not at their end. It is asked of
// thousands in a row, and reads the folder again only if it has changed. It is safe for concurrent use.
type waitingJobs struct {
	jobs handover.Store
	mu   sync.Mutex
	at   time.Time // when the folder was changed last, as it was read
	keys map[string]bool
}

// settledFor is how long a folder's time must have been the same for nothing to have changed
// since: a file system's clock may tick so seldom.
const settledFor = 3 * time.Second

func (w *waitingJobs) has(key string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	info, err := os.Stat(w.jobs.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	if err != nil {
		return true
	}
	if at := info.ModTime(); w.keys == nil || !at.Equal(w.at) || time.Since(at).Abs() < settledFor {
		keys, err := w.jobs.WaitingKeys()
		if err != nil {
			w.keys = nil
			return true
		}
		w.at, w.keys = at, keys
	}
	return w.keys[key]
}

// handTo are the destinations whose conditions a bundle meets. What a drill makes goes
// nowhere.
func handTo(list []config.Handover, in incident.Incident, m evidence.Manifest) (names []string) {
	if in.Kind == incident.KindDrill {
		return nil
	}
	b := config.Finished{Site: m.Site, Kind: in.AlertKind, Coverage: m.Coverage}
	if in.Kind == incident.KindNow {
		b.Kind = config.KindHand
	}
	if m.Registration != nil {
		b.Verdict = m.Registration.Verdict
	}
	for i := range list {
		if list[i].Takes(b) {
			names = append(names, list[i].Name)
		}
	}
	return names
}

// HandTo is that of a runner: the destinations whose conditions a bundle meets now, less those
// that it was delivered to by its custody.
func HandTo(list func() []config.Handover) func(context.Context, incident.Incident, evidence.Manifest, string) []string {
	return func(ctx context.Context, in incident.Incident, m evidence.Manifest, path string) []string {
		names := handTo(list(), in, m)
		if len(names) == 0 {
			return nil
		}
		had := deliveredTo(ctx, path)
		return slices.DeleteFunc(names, func(name string) bool { return had[strings.ToLower(name)] })
	}
}

// deliveredTo are the destinations, in lower case, that have a bundle by its custody. What of
// that cannot be read says nothing of any.
func deliveredTo(ctx context.Context, path string) map[string]bool {
	had := map[string]bool{}
	ledger, has := custody.LedgerFor(path)
	name, head, err := bundle.ChainOf(ctx, path)
	if err != nil || !has {
		return had
	}
	_, _ = ledger.Walk(name, head, func(e custody.Entry) error {
		if e.Act == custody.Delivery && e.Later != nil && e.Later.Result == "ok" && len(e.Later.To) > 0 {
			had[strings.ToLower(e.Later.To[0])] = true
		}
		return nil
	})
	return had
}

// NewSink is what delivers to a destination. shelf may be nil.
func NewSink(cfg *config.Config, h *config.Handover, shelf *TokenSources) (sink.Sink, error) {
	if h.Folder != "" {
		return folder.New(h.Folder), nil
	}
	return NetworkSink(cfg, h, shelf)
}
