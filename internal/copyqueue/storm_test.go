package copyqueue

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// A storm is many incidents at once, whose hosts share one line.
type storm struct {
	line  float64 // bytes a second
	spare float64 // line, by the slowest on which the offline schedule loses nothing
	rates []float64
	jobs  []job
}

// A job is what one incident wants of one host.
type job struct {
	site, host int
	comes      float64 // seconds after the storm's beginning
	until      float64 // when what is not copied by then is lost; infinite: it is held, and safe
	bytes      float64
}

func (j job) name() string { return fmt.Sprint("host", j.host) }

const piece = 1 << 20 // bytes of one read

// newStorm is the same for the same seed. The line is so fast that the offline schedule
// just loses nothing, times spare.
func newStorm(seed uint64) *storm {
	r := rand.New(rand.NewPCG(seed, 15))
	between := func(low, high float64) float64 { return low * math.Pow(high/low, r.Float64()) }
	s := &storm{}
	within := between(1, 600) // the alerts come
	sites, longest := int(between(1, 40)), between(120, 86400)
	for site := range sites {
		for range int(between(1, 7)) {
			s.rates = append(s.rates, between(0.05, 2)) // by the line's
			for range int(between(1, 3)) {
				j := job{site: site, host: len(s.rates) - 1, comes: within * r.Float64(), until: math.Inf(1), bytes: math.Ceil(between(0.2, 60)) * piece}
				if r.Float64() < 0.7 {
					j.until = j.comes + between(60, longest)
				}
				s.jobs = append(s.jobs, j)
			}
		}
	}
	if all := s.bytes(s.jobs); all > 2000*piece {
		for i := range s.jobs {
			s.jobs[i].bytes = math.Ceil(s.jobs[i].bytes/all*2000) * piece
		}
	}
	s.line = s.enough()
	s.spare = between(0.5, 4)
	s.line *= s.spare
	return s
}

func (s *storm) bytes(jobs []job) (n float64) {
	for _, j := range jobs {
		n += j.bytes
	}
	return n
}

// enough is how fast the line has to be for the offline schedule to lose nothing.
func (s *storm) enough() float64 {
	low, high := 1.0, 1e10
	for high/low > 1.001 {
		s.line = math.Sqrt(low * high)
		if s.offline() > 0 {
			low = s.line
		} else {
			high = s.line
		}
	}
	return high
}

// tight is the same storm with 85 % of the line, a sixteenth being the rest's and the line having to be
// found out; deadlines come earlier by what cannot be interrupted: four reads of the host, and of the line.
func (s *storm) tight() *storm {
	t := &storm{line: s.line * 0.85, jobs: slices.Clone(s.jobs)}
	for _, r := range s.rates {
		t.rates = append(t.rates, r/0.85)
	}
	for i, j := range t.jobs {
		t.jobs[i].until = max(j.comes, j.until-4*piece/min(s.line, s.line*s.rates[j.host])-4*piece/s.line)
	}
	return t
}

// offline is how many bytes are lost by who knows all of it beforehand: at each moment
// the earliest deadline has all of the line that its host can take, the next one the rest.
func (s *storm) offline() (lost float64) {
	left := slices.Clone(s.jobs)
	slices.SortStableFunc(left, func(a, b job) int { return cmp.Compare(a.until, b.until) })
	for now := 0.0; len(left) > 0; {
		line, hosts, next := s.line, map[int]float64{}, math.Inf(1)
		rates := make([]float64, len(left))
		for i, j := range left {
			if j.comes > now {
				next = min(next, j.comes)
				continue
			}
			rates[i] = min(line, s.rates[j.host]*s.line-hosts[j.host])
			line, hosts[j.host] = line-rates[i], hosts[j.host]+rates[i]
			next = min(next, j.until)
			if rates[i] > 0 {
				next = min(next, now+j.bytes/rates[i])
			}
		}
		for i := range left {
			left[i].bytes -= rates[i] * (next - now)
		}
		now = next
		left = slices.DeleteFunc(left, func(j job) bool {
			if j.bytes > 1 && j.until <= now {
				lost += j.bytes
			}
			return j.bytes <= 1 || j.until <= now
		})
	}
	return lost
}

// An outcome is what came of a storm.
type outcome struct {
	lost    float64
	waited  time.Duration // the longest that a site whose copy was under way got nothing
	ended   time.Duration
	overall float64 // bytes copied
}

// run plays the storm with a Queue, in the virtual time of a synctest bubble. All claims
// are alike but for their alerts where first is to come, first served.
func (s *storm) run(ctx context.Context, q *Queue, firstCome bool) (o outcome) {
	began := time.Now()
	at := func(seconds float64) time.Time { return began.Add(time.Duration(seconds * float64(time.Second))) }
	l := &wire{rate: s.line, hosts: map[int]float64{}, at: began}
	for i, r := range s.rates {
		l.hosts[i] = r * s.line
	}
	var mu sync.Mutex
	last := map[int]time.Time{} // when a site got something
	var all sync.WaitGroup
	for _, j := range s.jobs {
		all.Go(func() {
			time.Sleep(time.Until(at(j.comes)))
			c := Claim{Host: j.name(), Site: fmt.Sprint("site", j.site), Alert: at(j.comes)}
			if !math.IsInf(j.until, 1) {
				var cancel func()
				ctx, cancel := context.WithDeadline(ctx, at(j.until))
				defer cancel()
				if !firstCome {
					c.Deadline = at(j.until)
				}
				l.copy(ctx, q, c, &j, func() {})
			} else {
				since := time.Now()
				l.copy(ctx, q, c, &j, func() {
					mu.Lock()
					defer mu.Unlock()
					if before := last[j.site]; before.After(since) {
						since = before
					}
					o.waited = max(o.waited, time.Since(since))
					since, last[j.site] = time.Now(), time.Now()
				})
			}
			mu.Lock()
			defer mu.Unlock()
			o.lost += j.bytes
			o.ended = max(o.ended, time.Since(began))
		})
	}
	all.Wait()
	o.overall = s.bytes(s.jobs) - o.lost
	return o
}

// A wire is shared by all who read over it, to equal parts but for what a host cannot give.
type wire struct {
	rate  float64
	hosts map[int]float64 // what each can give

	mu    sync.Mutex
	at    time.Time
	reads []*read
	timer *time.Timer
}

type read struct {
	host       int
	left, rate float64
	done       chan struct{}
}

// copy takes off j what it gets until ctx ends.
func (l *wire) copy(ctx context.Context, q *Queue, c Claim, j *job, got func()) {
	w := &Work{}
	w.Left(int64(j.bytes))
	turn := q.For(w).Join(c)
	defer turn.Leave()
	for j.bytes > 0 && turn.Wait(ctx, piece) == nil {
		if !l.read(ctx, j.host, piece) {
			return
		}
		got()
		j.bytes -= piece
		w.Left(int64(j.bytes))
	}
}

func (l *wire) read(ctx context.Context, host int, n float64) bool {
	r := &read{host: host, left: n, done: make(chan struct{})}
	l.change(func() { l.reads = append(l.reads, r) })
	select {
	case <-r.done:
		return true
	case <-ctx.Done():
		l.change(func() { l.reads = slices.DeleteFunc(l.reads, func(o *read) bool { return o == r }) })
		return false
	}
}

// change brings all reads to now, and shares the line anew.
func (l *wire) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	passed := time.Since(l.at).Seconds()
	l.at = time.Now()
	l.reads = slices.DeleteFunc(l.reads, func(r *read) bool {
		if r.left -= r.rate * passed; r.left > 1 {
			return false
		}
		close(r.done)
		return true
	})
	f()
	if l.timer != nil {
		l.timer.Stop()
	}
	if len(l.reads) == 0 {
		return
	}
	l.share()
	next := math.Inf(1)
	for _, r := range l.reads {
		next = min(next, r.left/r.rate)
	}
	l.timer = time.AfterFunc(time.Duration(next*1e9)+1, func() { l.change(func() {}) })
}

func (l *wire) share() {
	of := map[int]float64{}
	for _, r := range l.reads {
		of[r.host]++
	}
	can := func(r *read) float64 { return l.hosts[r.host] / of[r.host] }
	slices.SortStableFunc(l.reads, func(a, b *read) int { return cmp.Compare(can(a), can(b)) })
	rest := l.rate
	for i, r := range l.reads {
		r.rate = min(can(r), rest/float64(len(l.reads)-i))
		rest -= r.rate
	}
}
