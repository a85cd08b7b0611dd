package sight

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
)

// MaxVerdicts bounds how many incidents one question has for an answer, the newest.
const MaxVerdicts = 20_000

// NoReport is the verdict to ask for incidents without one.
const NoReport = "none"

// A Query says which incidents are wanted; the zero value wants all.
type Query struct {
	Site     string
	Since    time.Time // of the alert, or of the asking
	Verdict  string    // of the report, or of one of its phones; or NoReport
	Coverage evidence.Coverage
	Last     int // at most so many, the newest; 0: all
}

// Incidents are what a fleet has found out, each incident of each collector once, in its newest
// revision.
type Incidents struct {
	List []fleet.Verdict // the newest first
	Cut  bool            // there are more than MaxVerdicts
	Bad  int             // messages that are none
}

// early is how much earlier than its incident, by the hub's clock, an event is looked for: clocks
// of collectors may be ahead.
const early = 24 * time.Hour

// fetchMost is how many events are asked for at once.
const fetchMost = 500

// List reads the incidents that are wanted, from what is in the stream of events now.
func List(ctx context.Context, js jetstream.JetStream, q Query) (Incidents, error) {
	t := &incidents{newest: map[string]fleet.Verdict{}, most: MaxVerdicts}
	if err := events(ctx, js, q, t.take); err != nil {
		return Incidents{}, err
	}
	return t.list(q), nil
}

// events gives the messages of the stream that may be wanted, in any order and any more than once.
func events(ctx context.Context, js jetstream.JetStream, q Query, each func(subject string, b []byte)) error {
	cfg := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy}
	if q.Site != "" {
		cfg.FilterSubjects = []string{fleet.EventSubject(q.Site)}
	}
	if !q.Since.IsZero() {
		from := q.Since.Add(-early)
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, &from
	}
	call, cancel := context.WithTimeout(ctx, callFor)
	defer cancel()
	c, err := js.OrderedConsumer(call, fleet.EventStream, cfg)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("the hub has no stream %s: run `grab hub init` there again", fleet.EventStream)
	}
	if err != nil {
		return fmt.Errorf("read stream %s: %w", fleet.EventStream, err)
	}
	info, err := c.Info(call)
	if err != nil {
		return fmt.Errorf("read stream %s: %w", fleet.EventStream, err)
	}
	for left := info.NumPending; left > 0 && ctx.Err() == nil; {
		batch, err := c.Fetch(int(min(left, fetchMost)), jetstream.FetchMaxWait(callFor))
		if err != nil {
			return fmt.Errorf("read stream %s: %w", fleet.EventStream, err)
		}
		got := uint64(0)
		for m := range batch.Messages() {
			each(m.Subject(), m.Data())
			got++
		}
		if err := batch.Error(); err != nil {
			return fmt.Errorf("read stream %s: %w", fleet.EventStream, err)
		}
		if got == 0 {
			return fmt.Errorf("read stream %s: the hub did not answer within %s", fleet.EventStream, callFor)
		}
		left -= min(got, left)
	}
	return ctx.Err()
}

// incidents is what events come to, in whatever order they are taken and however often.
type incidents struct {
	newest map[string]fleet.Verdict // by incident and collector
	most   int
	cut    bool
	bad    int
}

func (t *incidents) take(subject string, b []byte) {
	v, err := fleet.ParseVerdict(subject, b)
	if err != nil {
		t.bad++
		return
	}
	key := v.Incident + "\x00" + v.Collector
	if was, ok := t.newest[key]; ok && !v.Newer(was) {
		return
	}
	if t.newest[key] = v; len(t.newest) > 2*t.most {
		t.trim()
	}
}

// trim forgets the oldest.
func (t *incidents) trim() {
	all := t.sorted(func(fleet.Verdict) bool { return true })
	for _, v := range all[min(len(all), t.most):] {
		t.cut = true
		delete(t.newest, v.Incident+"\x00"+v.Collector)
	}
}

func (t *incidents) sorted(wanted func(fleet.Verdict) bool) []fleet.Verdict {
	list := []fleet.Verdict{}
	for _, v := range t.newest {
		if wanted(v) {
			list = append(list, v)
		}
	}
	slices.SortFunc(list, func(a, b fleet.Verdict) int {
		return cmp.Or(When(b).Compare(When(a)), strings.Compare(b.Incident, a.Incident), strings.Compare(a.Collector, b.Collector))
	})
	return list
}

func (t *incidents) list(q Query) Incidents {
	t.trim()
	out := Incidents{List: t.sorted(q.wants), Cut: t.cut, Bad: t.bad}
	if q.Last > 0 {
		out.List = out.List[:min(len(out.List), q.Last)]
	}
	return out
}

func (q Query) wants(v fleet.Verdict) bool {
	return (q.Site == "" || v.Site == q.Site) && !When(v).Before(q.Since) && (q.Coverage == "" || v.Coverage == q.Coverage) && q.judges(v)
}

func (q Query) judges(v fleet.Verdict) bool {
	switch q.Verdict {
	case "":
		return true
	case NoReport:
		return v.Verdict == ""
	}
	return v.Verdict == q.Verdict || v.Counts[q.Verdict] > 0
}

// When is when an incident was: its first alert, or what it was asked for.
func When(v fleet.Verdict) time.Time {
	for _, t := range []time.Time{v.At, v.Window.Until} {
		if !t.IsZero() {
			return t
		}
	}
	return v.Sealed
}
