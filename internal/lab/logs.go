package lab

import (
	"fmt"
	"hash/fnv"
	"time"

	"rtmtgrab/internal/lab/timeline"
)

func (e *Expressway) openLogs() error {
	e.logs, e.noise = map[string]*logFile{}, map[string]*noise{}
	c := e.cfg.Logs
	for _, family := range c.Families {
		h := fnv.New64a()
		fmt.Fprint(h, e.cfg.Name, "/", family)
		seed := c.Seed ^ h.Sum64() // hosts and families differ though they share a seed
		l, err := openLog(e.cfg.Dir, family, e.cfg.Name, c, seed)
		if err != nil {
			return fmt.Errorf("open log: %w", err)
		}
		e.logs[family] = l
		e.noise[family] = newNoise(family, c.Level, e.cfg.Role, e.cfg.IP, Mix(seed))
	}
	e.time = timeline.New(e.Flush)
	return nil
}

// Flush brings to the disk what was added.
func (e *Expressway) Flush() {
	for _, f := range e.cfg.Logs.Families {
		e.logs[f].flush()
	}
}

// Grow lets the background grow on tl from t on, but for the times when it is held: who
// drives several hosts by one clockwork wants it, instead of Backfill and Start.
func (e *Expressway) Grow(tl *timeline.Timeline, t time.Time, held func() bool) {
	rate := e.cfg.Logs.Rate
	if rate <= 0 {
		return
	}
	for _, f := range e.cfg.Logs.Families {
		l, n := e.logs[f], e.noise[f]
		gap := func() time.Duration { return time.Duration(n.rng.ExpFloat64() / rate * float64(time.Second)) }
		var next func(at time.Time)
		next = func(at time.Time) {
			if en := n.next(); !held() {
				l.add(en, e.HostTime(at))
			}
			tl.At(at.Add(gap()), next)
		}
		tl.At(t.Add(gap()), next)
	}
}

func never() bool { return false }

// Backfill writes the background of [since, now) at once, with its proper times,
// rotations and modification times. Call it before Start, and at most once. An
// Expressway of a Site is filled and started by the Site.
func (e *Expressway) Backfill(since time.Time) {
	e.Grow(e.time, since, never)
	e.time.RunUntil(time.Now())
}

// Start lets the background grow until Close. It returns at once. Without a
// Backfill the logs begin now.
func (e *Expressway) Start() {
	if !e.time.Begun() {
		e.Grow(e.time, time.Now(), never)
	}
	e.wg.Go(func() { e.time.Live(e.ctx) })
}

// Rotate rotates a family's log now.
func (e *Expressway) Rotate(family string) error {
	l := e.logs[family]
	if l == nil {
		return fmt.Errorf("rotate: no family %s", family)
	}
	return l.forceRotate()
}

// Write adds one record of the test's own choice at the real time t, with stamps
// by the host's clock: text is what follows Level="…":, for instance
// `Detail="hello"`. The record is on disk when Write returns.
func (e *Expressway) Write(family string, t time.Time, level, marker, text string) error {
	l := e.logs[family]
	if l == nil {
		return fmt.Errorf("write: no family %s", family)
	}
	en := &entry{proc: "tvcs:", module: "lab.test", level: level, marker: marker, text: []byte(text)}
	l.add(en, e.HostTime(t))
	l.flush()
	return nil
}

// AddNetwork adds a record of what happened at the real time at to the network log, if
// there is one, written at the time now: text is what follows Level="…":. It is on disk
// after the next Flush.
func (e *Expressway) AddNetwork(at, now time.Time, module, level, marker, text string) {
	if l := e.logs[NetworkLog]; l != nil {
		l.add(&entry{proc: "tvcs:", module: module, level: level, marker: marker, text: []byte(text), created: e.HostTime(at)}, e.HostTime(now))
	}
}

// AddEvent adds an Event record to the Event Log in the same way: text is all of it but
// the UTCTime.
func (e *Expressway) AddEvent(at, now time.Time, marker, text string) {
	if l := e.logs[Messages]; l != nil {
		l.add(&entry{proc: "tvcs:", event: true, level: "1", marker: marker, text: []byte(text), created: e.HostTime(at)}, e.HostTime(now))
	}
}

// WriteRaw adds text as it is, line end included, as one record of time r.Time;
// of r only Time, Prefix, Level and Marker count.
func (e *Expressway) WriteRaw(family string, text []byte, r Record) error {
	l := e.logs[family]
	if l == nil {
		return fmt.Errorf("write: no family %s", family)
	}
	r.WrittenAt, r.GoneAt = time.Time{}, time.Time{}
	l.addRaw(text, r, r.Time)
	l.flush()
	return nil
}

// Truth is every record that was written to a family, in order of writing, those
// that rotated away included. It is a copy.
func (e *Expressway) Truth(family string) []Record {
	l := e.logs[family]
	if l == nil {
		return nil
	}
	return l.records()
}

// Siblings are the names of a family's files, the oldest first, the live one last.
func (e *Expressway) Siblings(family string) []string {
	l := e.logs[family]
	if l == nil {
		return nil
	}
	return l.siblings()
}
