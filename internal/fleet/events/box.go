package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
)

// Bounds of a Box.
const (
	maxWaiting = 10_000
	maxFile    = 256 << 10
	answerIn   = 10 * time.Second // the hub
	lookEvery  = time.Minute      // without a reason
	ending     = ".json"
	maxName    = 240
)

// ErrFull says that as much waits for the hub as may: it is to come again.
var ErrFull = errors.New("too many verdicts wait for the hub of the fleet")

// A Box is where messages wait, on disk, until the hub has acknowledged them. Their ID goes with
// them, so that the hub takes the same one once for a while, and readers tell it at any time. It
// is safe for concurrent use; Run is one goroutine's.
type Box struct {
	dir  string
	most int
	log  *slog.Logger
	kick chan struct{}

	mu    sync.Mutex
	names []string // of files; their names begin with a time
}

// boxed is a file.
type boxed struct {
	ID      string          `json:"id"`
	Subject string          `json:"subject"`
	Body    json.RawMessage `json:"body"`
}

// OpenBox finds what waits in a store.
func OpenBox(store string, log *slog.Logger) *Box {
	b := &Box{dir: filepath.Join(store, "fleet", "events"), most: maxWaiting, log: log, kick: make(chan struct{}, 1)}
	entries, err := os.ReadDir(b.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Error("verdicts that wait for the hub of the fleet cannot be found", "err", err)
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasSuffix(name, atomicfile.PartSuffix):
			os.Remove(filepath.Join(b.dir, name)) // of a crash
		case strings.HasSuffix(name, ending):
			b.names = append(b.names, name)
		}
	}
	return b
}

// Waiting is how many messages the hub has not acknowledged.
func (b *Box) Waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.names)
}

// Keep returns when the message is safe on disk. The same one is kept once.
func (b *Box) Keep(m Message) error {
	name := m.ID + ending
	if len(name) > maxName || strings.ContainsAny(name, `/\:`) || name[0] == '.' {
		return fmt.Errorf("a verdict cannot be kept: %q is no name of a file", evidence.Printable(name, maxName))
	}
	doc, err := json.Marshal(boxed{m.ID, m.Subject, m.Body})
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	there := slices.Contains(b.names, name)
	if !there && len(b.names) >= b.most {
		return ErrFull
	}
	if err := atomicfile.MkdirAll(b.dir); err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(filepath.Join(b.dir, name), doc); err != nil {
		return err
	}
	if !there {
		b.names = append(b.names, name)
	}
	select {
	case b.kick <- struct{}{}:
	default:
	}
	return nil
}

// Run publishes what waits until ctx ends, or the hub does not take it.
func (b *Box) Run(ctx context.Context, h *hub.Hub) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		for _, name := range b.waiting() {
			if err := b.send(ctx, h, name); err != nil {
				return err
			}
		}
		select {
		case <-b.kick:
		case <-look.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (b *Box) waiting() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(slices.Values(b.names))
}

// send has the hub take one message, and forgets it then.
func (b *Box) send(ctx context.Context, h *hub.Hub, name string) error {
	file := filepath.Join(b.dir, name)
	m, err := read(file)
	if errors.Is(err, fs.ErrNotExist) {
		b.forget(name)
		return nil
	}
	if err == nil {
		call, cancel := context.WithTimeout(ctx, answerIn)
		_, err = h.Stream.PublishMsg(call, &nats.Msg{Subject: m.Subject, Data: m.Body}, jetstream.WithMsgID(m.ID), jetstream.WithExpectStream(fleet.EventStream))
		cancel()
	}
	switch {
	case err == nil:
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a verdict that the hub has: %w", err)
		}
	case never(err):
		aside, errAside := atomicfile.SetAside(file)
		if errAside != nil {
			return errors.Join(err, errAside)
		}
		b.log.Error("a verdict cannot be sent to the fleet: it is kept aside", "file", aside, "err", err)
	default:
		return fmt.Errorf("publish a verdict: %w", err)
	}
	b.forget(name)
	return nil
}

func (b *Box) forget(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.names = slices.DeleteFunc(b.names, func(n string) bool { return n == name })
}

// errDamaged says that a file will never be a message.
var errDamaged = errors.New("it is damaged")

func never(err error) bool { return errors.Is(err, errDamaged) || errors.Is(err, nats.ErrMaxPayload) }

func read(file string) (boxed, error) {
	st, err := os.Stat(file)
	if err != nil {
		return boxed{}, err
	}
	if !st.Mode().IsRegular() || st.Size() > maxFile {
		return boxed{}, fmt.Errorf("%w: it is longer than any verdict", errDamaged)
	}
	doc, err := os.ReadFile(file)
	if err != nil {
		return boxed{}, err
	}
	var m boxed
	if err := json.Unmarshal(doc, &m); err != nil {
		return boxed{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if _, err := fleet.ParseVerdict(m.Subject, m.Body); err != nil {
		return boxed{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return m, nil
}
