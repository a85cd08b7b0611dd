package channel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/leap"
	"rtmtgrab/internal/redact"
)

// A Channel delivers notices one way.
type Channel interface {
	// Send delivers a notice; a Refusal says that this notice will never be taken.
	// A Wait says when to come again.
	Send(ctx context.Context, n Notice) error
}

// A Refusal is an error of a notice itself: the channel works.
type Refusal struct{ Err error }

func (e *Refusal) Error() string { return e.Err.Error() }

// Unwrap is the reason.
func (e *Refusal) Unwrap() error { return e.Err }

// A Wait is an error of a channel that says for how long it wants no more.
type Wait struct {
	For time.Duration
	Err error
}

func (e *Wait) Error() string { return e.Err.Error() }

// Unwrap is the reason.
func (e *Wait) Unwrap() error { return e.Err }

const (
	attemptLimit = 30 * time.Second
	grace        = 2 * time.Second // for an attempt under way when Deliver is to end: broken off it would be made twice
	firstRetry   = 5 * time.Second
	lastRetry    = 5 * time.Minute
	longestWait  = 10 * time.Minute // that a channel may ask for
	maxQueued    = 1000
	maxAge       = 7 * 24 * time.Hour
	maxRefusals  = 3
)

// An Outbox is the queue of one channel, a folder. Deliver is its one owner; Add
// may be called by another goroutine.
type Outbox struct {
	Name    string // of the channel: "mail", "webhook-1", "command"
	Dir     string
	Channel Channel
	Most    int     // notices that may wait; zero: 1000
	Mask    Masking // by which what is added was masked; what waits from before is, where that took out less
	Log     *slog.Logger

	mu      sync.Mutex
	names   []string          // of files, oldest first
	held    map[string]Notice // those of them that could not be saved, by name
	dropped int               // since something was delivered last
	wake    chan struct{}
	failing time.Time
	err     string
	ages    leap.Watch       // by which notices are too old
	now     func() time.Time // nil: time.Now
}

// Open reads what is waiting. It is called before anything else.
func (o *Outbox) Open() error {
	o.wake = make(chan struct{}, 1)
	o.ages.Believable(o.time())
	if err := atomicfile.MkdirAll(o.Dir); err != nil {
		return err
	}
	list, err := os.ReadDir(o.Dir)
	if err != nil {
		return err
	}
	for _, e := range list {
		switch {
		case strings.HasSuffix(e.Name(), atomicfile.PartSuffix):
			os.Remove(filepath.Join(o.Dir, e.Name())) // of a crash
		case strings.HasSuffix(e.Name(), ".json") && e.Name() != countFile:
			o.names = append(o.names, e.Name())
		}
	}
	slices.Sort(o.names)
	kept, _, err := o.counted().Recover(o.Log)
	o.dropped = kept.Dropped
	return err
}

// counted is where it is kept how many notices were given up.
func (o *Outbox) counted() atomicfile.JSON[count] {
	return atomicfile.JSON[count]{Path: filepath.Join(o.Dir, countFile)}
}

func (o *Outbox) path(name string) string { return filepath.Join(o.Dir, name) }

const countFile = "dropped.json"

type count struct {
	Dropped int `json:"dropped"`
}

// Add keeps a notice. One that waits already is not kept twice. It is delivered
// from Wake on.
func (o *Outbox) Add(n Notice) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	end := "-" + n.ID + ".json"
	if slices.ContainsFunc(o.names, func(name string) bool { return strings.HasSuffix(name, end) }) {
		return nil
	}
	name := fileOf(n)
	if err := o.file(name).Save(keptOf(n, o.Mask.Strength)); err != nil {
		return fmt.Errorf("save a notification: %w", err)
	}
	o.enter(name)
	return nil
}

// hold keeps a notice that could not be saved in memory: the channel may work all the same.
func (o *Outbox) hold(n Notice, why error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.held == nil {
		o.held = map[string]Notice{}
	}
	name := fileOf(n)
	o.held[name] = n
	o.enter(name)
	o.log().Error("a notification cannot be saved for a channel; a restart before it is delivered loses it", "channel", o.Name, "dir", o.Dir, "err", why)
}

// fileOf is the name of the file in which a notice waits. Of those of one nanosecond the order
// does not matter.
func fileOf(n Notice) string { return fmt.Sprintf("%020d-%s-%s.json", n.Time.UnixNano(), n.Kind, n.ID) }

func (o *Outbox) enter(name string) {
	o.names = append(o.names, name)
	slices.Sort(o.names)
	o.trim()
}

// trim gives up what is too much: the oldest notices of problems first.
func (o *Outbox) trim() {
	for len(o.names) > cmp.Or(o.Most, maxQueued) {
		i := slices.IndexFunc(o.names, func(name string) bool { return strings.Contains(name, "-"+KindProblems+"-") })
		o.drop(max(i, 0))
	}
}

func (o *Outbox) drop(i int) {
	o.remove(i)
	o.dropped++
	o.count()
	o.log().Warn("notification dropped: it could not be delivered", "channel", o.Name, "dropped", o.dropped)
}

func (o *Outbox) remove(i int) {
	os.Remove(filepath.Join(o.Dir, o.names[i]))
	delete(o.held, o.names[i])
	o.names = slices.Delete(o.names, i, i+1)
}

func (o *Outbox) count() {
	var err error
	if o.dropped > 0 {
		err = o.counted().Save(count{o.dropped})
	} else if err = os.Remove(o.counted().Path); errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		o.log().Warn("cannot save the number of dropped notifications", "channel", o.Name, "err", err)
	}
}

// Wake lets Deliver look at what was added.
func (o *Outbox) Wake() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Deliver delivers notices, oldest first, until ctx ends, and a little longer if one is
// just under way.
func (o *Outbox) Deliver(ctx context.Context) {
	tries, refusals := 0, 0
	for ctx.Err() == nil {
		k, name, ok := o.head()
		if !ok {
			select {
			case <-ctx.Done():
			case <-o.wake:
			}
			continue
		}
		n, err := o.Mask.of(k.notice(), k.Masked)
		if err == nil {
			err = o.attempt(ctx, n)
		}
		if ctx.Err() != nil && err != nil {
			return
		}
		no := (*Refusal)(nil)
		if errors.As(err, &no) {
			refusals++
		}
		o.note(name, n, err, refusals)
		if err == nil || refusals >= maxRefusals {
			tries, refusals = 0, 0
			continue
		}
		wait := min(firstRetry<<min(tries, 10), lastRetry)
		wait -= rand.N(wait / 4)
		tries++
		if w := (*Wait)(nil); errors.As(err, &w) && w.For > 0 {
			wait = min(w.For, longestWait)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func (o *Outbox) time() time.Time {
	if o.now != nil {
		return o.now()
	}
	return time.Now()
}

// head is the oldest notice that can be read.
func (o *Outbox) head() (k kept, name string, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.time()
	believed := o.ages.Believable(now)
	for len(o.names) > 0 {
		name = o.names[0]
		k, there, err := o.read(name)
		if there && (now.Sub(k.Time) < maxAge || !believed) {
			k.Dropped = o.dropped
			return k, name, true
		}
		if err != nil {
			o.log().Error("cannot read a notification", "channel", o.Name, "err", err)
		}
		o.drop(0)
	}
	return kept{}, "", false
}

func (o *Outbox) read(name string) (k kept, there bool, err error) {
	if n, held := o.held[name]; held {
		return keptOf(n, o.Mask.Strength), true, nil
	}
	return o.file(name).Recover(o.Log)
}

func (o *Outbox) attempt(ctx context.Context, n Notice) error {
	try, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), attemptLimit, fmt.Errorf("no answer within %s", human.Span(attemptLimit)))
	defer cancel()
	try, stop := context.WithCancelCause(try)
	defer stop(nil)
	defer context.AfterFunc(ctx, func() {
		late := time.AfterFunc(grace, func() { stop(context.Cause(ctx)) })
		context.AfterFunc(try, func() { late.Stop() })
	})()
	return o.Channel.Send(try, n)
}

// note takes down how an attempt ended.
func (o *Outbox) note(name string, n Notice, err error, refusals int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil || refusals >= maxRefusals {
		if i := slices.Index(o.names, name); i >= 0 {
			if err != nil {
				o.drop(i)
			} else {
				o.remove(i)
			}
		}
	}
	if err == nil {
		if o.dropped -= n.Dropped; n.Dropped > 0 {
			o.count()
		}
		if !o.failing.IsZero() {
			o.log().Info("notifications are delivered again", "channel", o.Name, "after", human.Seconds(time.Since(o.failing)))
		}
		o.failing, o.err = time.Time{}, ""
		return
	}
	if held, there := o.held[name]; there && o.file(name).Save(keptOf(held, o.Mask.Strength)) == nil {
		delete(o.held, name)
	}
	o.err = redact.Foreign(err.Error(), 300)
	if o.failing.IsZero() {
		o.failing = time.Now()
		o.log().Warn("cannot deliver a notification; retrying", "channel", o.Name, "err", o.err)
	}
}

// Report adds a problem to a report if the channel is dead.
func (o *Outbox) Report(r *status.Report) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failing.IsZero() {
		return
	}
	what := fmt.Sprintf("notifications by %s are not delivered, %d are waiting", o.Name, len(o.names))
	if o.dropped > 0 {
		what += fmt.Sprintf(", %d were dropped", o.dropped)
	}
	r.Add(status.Problem{Key: "notice/" + o.Name, Since: o.failing.UTC().Round(0), What: what + ": " + o.err,
		Hint: "grab check --notify tests each channel of notify: in the configuration"})
}

func (o *Outbox) log() *slog.Logger {
	if o.Log != nil {
		return o.Log
	}
	return slog.New(slog.DiscardHandler)
}
