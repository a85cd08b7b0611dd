package claims

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
)

var courses = flag.Int("courses", 4000, "random courses of the model")

var (
	errKilled = errors.New("killed")
	errDown   = errors.New("the hub is away")
)

// A world is one course: a book, collectors and the disks that outlive them.
type world struct {
	t     *testing.T
	rng   *rand.Rand
	book  map[string][][]byte // every version of a key; the revision is how many there are
	down  bool                // for all
	all   []*collector
	calm  bool // nothing goes wrong any more
	epoch uint64
	log   []string
}

// A disk is what one collector has of one incident.
type disk struct {
	key, id   string
	alerts    []string // members; fewer, once some are elsewhere
	has       fleet.Has
	state     string // "", frozen, sealed, supplement, dropped
	unclaimed bool
	links     []fleet.Link

	delivered bool // the bundle; a supplement's too
	told      bool // and the book says so
}

type collector struct {
	w       *world
	name    string
	cut     bool // from the hub
	disks   []*disk
	knows   map[string]bool // alerts that it heard of
	epoch   uint64
	owner   bool
	steps   func() (struct{}, bool)
	kill    func()
	dead    bool
	yield   func(struct{}) bool
	stopped bool
	gone    bool // for good, with its disk
}

// pause lets the others go on; an error: it was killed here.
func (c *collector) pause() error {
	if !c.stopped && !c.yield(struct{}{}) {
		c.stopped = true
	}
	if c.stopped {
		return errKilled
	}
	return nil
}

func (c *collector) away() bool { return !c.w.calm && (c.w.down || c.cut) }

// op is one request to the hub: it may be killed before and after, and the answer may be lost.
func (c *collector) op(do func() error) error {
	if err := c.pause(); err != nil {
		return err
	}
	if c.away() {
		return errDown
	}
	err := do()
	if perr := c.pause(); perr != nil {
		return perr
	}
	if c.away() || !c.w.calm && c.w.rng.IntN(40) == 0 {
		return errDown
	}
	return err
}

func (c *collector) Get(_ context.Context, key string) (value []byte, at uint64, err error) {
	err = c.op(func() error {
		all := c.w.book[key]
		n := len(all)
		if !c.w.calm && n > 0 && c.w.rng.IntN(6) == 0 { // a replica that lags
			n = c.w.rng.IntN(n + 1)
		}
		if n == 0 {
			return ErrNone
		}
		value, at = all[n-1], uint64(n)
		return nil
	})
	return value, at, err
}

func (c *collector) Create(ctx context.Context, key string, value []byte) (uint64, error) {
	return c.Update(ctx, key, value, 0)
}

func (c *collector) Update(_ context.Context, key string, value []byte, at uint64) (after uint64, err error) {
	err = c.op(func() error {
		if uint64(len(c.w.book[key])) != at {
			return ErrMoved
		}
		c.w.book[key] = append(c.w.book[key], value)
		after = at + 1
		c.w.log = append(c.w.log, fmt.Sprintf("%s: %s = %s", c.name, key, value))
		c.w.check()
		return nil
	})
	return after, err
}

// check: no alert is in two sealed Sealings, at any moment.
func (w *world) check() {
	where := map[string]string{}
	for key, all := range w.book {
		if strings.Count(key, ".") != 2 {
			continue
		}
		var s fleet.Sealing
		if err := json.Unmarshal(all[len(all)-1], &s); err != nil {
			w.t.Fatal(err)
		}
		for _, a := range s.Alerts {
			if s.State != fleet.SealingSealed {
				continue
			}
			if other := where[a]; other != "" {
				w.fatalf("alert %s is sealed in %s and %s", a, other, key)
			}
			where[a] = key
		}
	}
}

func (w *world) fatalf(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf(format+"\n%s", append(args, strings.Join(w.log, "\n"))...)
}

// live is one life of a collector: it goes over its incidents until it is killed.
func (c *collector) live() {
	c.stopped, c.dead = false, false
	c.owner = false // known anew
	c.steps, c.kill = iter.Pull(func(yield func(struct{}) bool) {
		c.yield = yield
		for !c.stopped {
			for _, d := range c.disks {
				c.settle(d)
			}
			c.release()
			c.pause()
		}
	})
}

func (c *collector) release() {
	if !c.owner {
		return
	}
	for _, a := range slices.Sorted(maps.Keys(c.knows)) {
		if !slices.ContainsFunc(c.disks, func(d *disk) bool { return slices.Contains(d.alerts, a) && d.state != "dropped" }) {
			if Release(context.Background(), c, c.me(), "hq", a, "repeat") != nil {
				return
			}
		}
	}
}

func (c *collector) me() Me { return Me{Collector: c.name, Epoch: c.epoch, Owner: c.owner} }

// takesForGone is what it believes of another, which may be wrong while things go wrong.
func (c *collector) takesForGone(name string) bool {
	i := slices.IndexFunc(c.w.all, func(o *collector) bool { return o.name == name })
	return c.w.all[i].gone && (c.w.calm || c.w.rng.IntN(2) == 0) || !c.w.calm && c.w.rng.IntN(8) == 0
}

// deliver is what a collector does about an incident that it has sealed: the bundle goes where it is to go, and
// then the book is told.
func (c *collector) deliver(d *disk) {
	if !d.delivered {
		if c.w.calm || c.w.rng.IntN(3) == 0 {
			c.save(func() { d.delivered = true })
		}
		return
	}
	if d.told || d.unclaimed || d.state != "sealed" {
		return
	}
	if Deliver(context.Background(), c, "hq", c.name, d.key, time.Unix(1, 0)) == nil {
		c.save(func() { d.told = true })
	}
}

// settle is what a collector does about one incident, a step on disk after the other.
func (c *collector) settle(d *disk) {
	if d.state == "sealed" || d.state == "supplement" {
		c.deliver(d)
	}
	if d.state == "dropped" || d.state == "supplement" || d.state == "sealed" && !d.unclaimed {
		return
	}
	in := Incident{Site: "hq", Key: d.key, ID: d.id, Alerts: d.alerts, Coverage: evidence.Complete, Has: d.has}
	v, err := Own(context.Background(), c, c.me(), in)
	if err == nil && v.Act == Wait && v.Delivery && c.takesForGone(v.By) {
		me, by := c.me(), v.By
		me.Gone = func(name string) bool { return name == by }
		v, err = Own(context.Background(), c, me, in)
	}
	switch {
	case errors.Is(err, errDown) && d.state != "sealed" && c.w.rng.IntN(4) == 0: // alone
		if c.save(func() { d.state = "frozen" }) && c.save(func() { d.state, d.unclaimed = "sealed", true }) {
			c.w.log = append(c.w.log, c.name+": "+d.key+" sealed alone")
		}
	case err != nil || v.Act == Wait:
	case v.Act == Drop:
		c.save(func() { d.state, d.unclaimed, d.links = "dropped", false, links(v.Elsewhere) })
	case v.Act == Supplement:
		if Keep(context.Background(), c, c.me(), in, v) == nil {
			c.save(func() { d.state, d.unclaimed, d.links = "supplement", false, links(v.Elsewhere) })
		}
	default:
		c.seal(d, v)
	}
}

func (c *collector) seal(d *disk, v Verdict) {
	if d.state != "sealed" && !c.save(func() { d.state, d.alerts = "frozen", v.Mine }) {
		return
	}
	if ok, err := Held(context.Background(), c, "hq", v); err != nil || !ok || c.pause() != nil {
		return
	}
	ok, err := Commit(context.Background(), c, "hq", v, d.id, Sealed{Coverage: evidence.Complete, Has: d.has})
	if err == nil && ok {
		c.save(func() { d.state, d.unclaimed, d.alerts = "sealed", false, v.Mine })
	}
}

// save changes the disk, unless it is killed before.
func (c *collector) save(change func()) bool {
	if c.pause() != nil {
		return false
	}
	change()
	return true
}

// newWorld has each collector put the alerts that it heard of into incidents in a way of its own.
func newWorld(t *testing.T, rng *rand.Rand) *world {
	w := &world{t: t, rng: rng, book: map[string][][]byte{}}
	n := 2 + rng.IntN(2)
	alerts := 1 + rng.IntN(4)
	for i := range n {
		c := &collector{w: w, name: string(rune('a' + i)), knows: map[string]bool{}}
		parts := map[int]*disk{}
		for a := range alerts {
			alert := fmt.Sprint("x", a)
			c.knows[alert] = true
			group := rng.IntN(5) // 0: a repeat
			if rng.IntN(2) == 0 {
				group = 1
			}
			if group == 0 {
				continue
			}
			if parts[group] == nil {
				parts[group] = &disk{key: fmt.Sprintf("%s%d", alert, group), id: alert, has: randomHas(rng)}
				c.disks = append(c.disks, parts[group])
			}
			parts[group].alerts = append(parts[group].alerts, alert)
		}
		c.live()
		w.all = append(w.all, c)
	}
	return w
}

func randomHas(rng *rand.Rand) fleet.Has {
	at := func(s int) time.Time { return time.Unix(1e9+int64(s), 0) }
	until := 10 + 30*rng.IntN(3)
	return fleet.Has{"e/x": {{Since: at(0), Until: at(until)}, {Since: at(until + 30*rng.IntN(2)), Until: at(200)}}}
}

// trouble is one thing that happens.
func (w *world) trouble() {
	c := w.all[w.rng.IntN(len(w.all))]
	switch w.rng.IntN(60) {
	case 0:
		w.down = !w.down
	case 1, 2:
		c.cut = !c.cut
	case 3, 4:
		if c.gone {
			return
		}
		w.log = append(w.log, c.name+" killed")
		c.kill()
		c.live()
	case 5, 6, 7: // pinned, whoever else believes to be
		if !c.away() && !c.gone {
			w.epoch++
			c.epoch, c.owner = w.epoch, true
		}
	case 8: // looks at the epoch
		if c.epoch < w.epoch {
			c.owner = false
		}
	case 9: // it burns down
		if w.rng.IntN(4) == 0 && !slices.ContainsFunc(w.all, func(c *collector) bool { return c.gone }) {
			w.log = append(w.log, c.name+" is gone")
			c.kill()
			c.gone = true
		}
	}
}

// TestModel: in random courses of two and three collectors each alert is in exactly one index at
// the end, and nothing is lost that anybody had.
func TestModel(t *testing.T) {
	n := *courses
	if testing.Short() {
		n /= 10
	}
	for seed := range uint64(n) {
		w := newWorld(t, rand.New(rand.NewPCG(seed, 15)))
		w.log = append(w.log, fmt.Sprint("seed ", seed))
		for range 40 + w.rng.IntN(300) {
			w.trouble()
			for range 1 + w.rng.IntN(3) { // who is not chosen for long is paused
				w.step(w.all[w.rng.IntN(len(w.all))])
			}
		}
		w.heal()
		w.judge()
		for _, c := range w.all {
			if !c.gone {
				c.kill()
			}
		}
		if t.Failed() {
			return
		}
	}
}

// heal lets all come to their end: the epoch goes from one to the other, for whoever has
// waited for too long takes it.
func (w *world) heal() {
	w.calm = true
	for round := range 60 {
		if w.settled() {
			return
		}
		for _, c := range w.all {
			c.owner = false
		}
		c := w.all[round%len(w.all)]
		if c.gone {
			continue
		}
		w.epoch++
		c.epoch, c.owner = w.epoch, true
		for _, c := range w.all {
			c.epoch = w.epoch
		}
		for range 400 {
			w.step(w.all[w.rng.IntN(len(w.all))])
		}
	}
	w.fatalf("it comes to no end: %s", w.shown())
}

func (w *world) step(c *collector) {
	if !c.gone {
		c.steps()
	}
}

func (w *world) settled() bool {
	for _, c := range w.all {
		for _, d := range c.disks {
			open := d.state == "" || d.state == "frozen" || d.unclaimed || d.state == "sealed" && !d.told || d.state == "supplement" && !d.delivered
			if open && !c.gone {
				return false
			}
		}
	}
	return true
}

// sealed reports whether an alert is in the index of a collector, by an incident: of one that is gone, as
// the book says.
func (w *world) sealed(c *collector, d *disk, alert string) bool {
	if !c.gone {
		return d.state == "sealed"
	}
	all := w.book[fleet.SealingKey("hq", c.name, d.key)]
	var s fleet.Sealing
	return len(all) > 0 && json.Unmarshal(all[len(all)-1], &s) == nil && s.State == fleet.SealingSealed && slices.Contains(s.Alerts, alert)
}

func (w *world) shown() string {
	var b strings.Builder
	for _, c := range w.all {
		for _, d := range c.disks {
			fmt.Fprintf(&b, "%s: %+v\n", c.name, *d)
		}
	}
	return b.String()
}

// judge: of those that are not gone each alert is in one index, one of a collector that is gone counts
// where it is sealed there for good; and nothing was dropped that is not kept and delivered.
func (w *world) judge() {
	in, wanted, kept := map[string]int{}, map[string]bool{}, fleet.Has{}
	names := map[fleet.Link]*disk{}
	for _, c := range w.all {
		for _, d := range c.disks {
			names[fleet.Link{Collector: c.name, Incident: d.id}] = d
			for _, a := range d.alerts {
				wanted[a] = wanted[a] || !c.gone
				if w.sealed(c, d, a) {
					in[a]++
				}
			}
			if d.delivered && (d.state == "sealed" || d.state == "supplement") {
				kept["e/x"] = append(kept["e/x"], d.has["e/x"]...)
			}
		}
	}
	for a, is := range wanted {
		if is && in[a] != 1 {
			w.fatalf("alert %s is in %d indexes\n%s", a, in[a], w.shown())
		}
	}
	for _, c := range w.all {
		for _, d := range c.disks {
			if c.gone {
				continue
			}
			if d.state != "sealed" && !Covers(kept, d.has) {
				w.fatalf("%s of %s is lost in part, or not delivered\n%s", d.key, c.name, w.shown())
			}
			if d.state == "supplement" {
				w.linked(c, d, names)
			}
		}
	}
}

// linked: a supplement and those that have its alerts name each other.
func (w *world) linked(c *collector, d *disk, names map[fleet.Link]*disk) {
	if len(d.links) == 0 {
		w.fatalf("%s of %s is a supplement of nothing", d.key, c.name)
	}
	for _, l := range d.links {
		back := false
		for key, all := range w.book {
			var s fleet.Sealing
			if strings.Count(key, ".") == 2 && json.Unmarshal(all[len(all)-1], &s) == nil && s.Collector == l.Collector && s.Incident == l.Incident {
				back = back || slices.Contains(s.Links, fleet.Link{Collector: c.name, Incident: d.id})
			}
		}
		if !back || names[l] == nil {
			w.fatalf("%s of %s names %v, which does not name it", d.key, c.name, l)
		}
	}
}
