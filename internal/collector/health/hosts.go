package health

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/fetch/ring"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/growth"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/manifest"
	"rtmtgrab/internal/redact"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/wiring"
)

const (
	downFor   = time.Minute // an outage of a warm session that is no problem yet
	ringEvery = 20 * time.Second
	newest    = 50 // incidents that are looked at for what was last seen of hosts
)

// hostNotes is what was last seen of hosts. It is safe for concurrent use.
type hostNotes struct {
	Growth *growth.Book  // how logs grow and clocks go; nil: nobody remembers
	Period time.Duration // between two proofs of a host; zero: a minute

	mu    sync.Mutex
	warm  map[string]warmNote // by source.key
	hosts map[string]hostNote // by name

	reading sync.Mutex // of rings, whose reading takes a while
	rings   map[string]ringNote
}

// warmNote is what a keeper said last.
type warmNote struct {
	hostconn.KeeperState
	since time.Time // of Up
}

// hostNote is what a look at a host's logs, or a manifest's row, has told.
type hostNote struct {
	families map[string]status.Family
	level    string
	clock    *int64 // ms
	key      string
	seen     time.Time // when anything of it was seen last, but for proofs
	failed   fault     // why nothing was got of it when it was asked last, but for proofs
	proof    proofNote
}

type ringNote struct {
	at   time.Time
	ring status.Ring
}

// Keeper is told how the session for key is.
func (n *hostNotes) Keeper(key string) func(hostconn.KeeperState) {
	return func(s hostconn.KeeperState) {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.warm == nil {
			n.warm = map[string]warmNote{}
		}
		was, known := n.warm[key]
		note := warmNote{s, was.since}
		if !known || was.Up != s.Up || was.Running != s.Running {
			note.since = time.Now().UTC()
		}
		n.warm[key] = note
	}
}

// change changes what is known of a host.
func (n *hostNotes) change(host string, change func(*hostNote)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hosts == nil {
		n.hosts = map[string]hostNote{}
	}
	h := n.hosts[host]
	h.families = maps.Clone(h.families) // a reader may have it
	if h.families == nil {
		h.families = map[string]status.Family{}
	}
	change(&h)
	n.hosts[host] = h
}

// Depths notes how far back a host's logs go.
func (n *hostNotes) Depths(host string, families map[string]logset.Retention) {
	n.change(host, func(h *hostNote) {
		for name, f := range families {
			h.families[name] = status.Family{Name: name, DepthS: f.Depth().Seconds(), PerMin: f.PerMin, Young: f.Young}
		}
	})
}

// Checked notes what a check has seen of a host's log level and clock: they may have changed
// since the newest bundle, and at first there is none.
func (n *hostNotes) Checked(host string, d logset.Depths) {
	n.change(host, func(h *hostNote) {
		h.seen, h.failed = time.Now().UTC(), fault{}
		if d.BodiesLogged != "" && d.BodiesLogged != "unknown" {
			h.level = d.BodiesLogged
		}
		if d.ClockErr == nil {
			ms := d.Clock.Milliseconds()
			h.clock = &ms
		}
	})
}

// Row notes what a manifest's row says, that was made at a time.
func (n *hostNotes) Row(row *evidence.Host, at time.Time) {
	n.change(row.Host, func(h *hostNote) {
		switch {
		case row.Coverage != evidence.Lost:
			h.seen, h.failed = at.UTC(), fault{}
		case row.Error != "":
			h.failed = fault{redact.Foreign(row.Error, 300), at.UTC()}
		}
		for _, f := range row.Files {
			if f.Oldest != nil {
				h.families[f.Family] = status.Family{Name: f.Family, DepthS: float64(f.DepthS), PerMin: f.BytesPerMinute, Young: f.Overwritten == nil}
			}
		}
		if row.BodiesLogged != "" && row.BodiesLogged != "unknown" || h.level == "" {
			h.level = row.BodiesLogged
		}
		if row.ClockOffsetMS != nil {
			h.clock = row.ClockOffsetMS
		}
		if row.HostKey != "" {
			h.key = row.HostKey
		}
	})
}

// Recall notes what the newest manifests of a store say, the oldest first.
func (n *hostNotes) Recall(store *incident.Store) {
	keys, _ := store.Keys() // what cannot be read is said by list
	slices.SortFunc(keys, func(a, b string) int { return strings.Compare(b, a) })
	for _, key := range slices.Backward(keys[:min(len(keys), newest)]) {
		in, err := store.Read(key)
		if err != nil || in.Kind == incident.KindDrill {
			continue
		}
		m, err := manifest.Of(store, in)
		if err != nil {
			continue
		}
		for i := range m.Hosts {
			n.Row(&m.Hosts[i], m.Timing.Sealed)
		}
	}
}

func (n *hostNotes) of(key, host string) (warmNote, hostNote) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.warm[key], n.hosts[host]
}

// ring is how a host's ring is, from what is on disk, looked at now and then.
func (n *hostNotes) ring(cfg *config.Config, h *config.Host, now time.Time) *status.Ring {
	if !h.Ring.Enabled {
		return nil
	}
	n.reading.Lock()
	defer n.reading.Unlock()
	note, known := n.rings[h.Name]
	if age := now.Sub(note.at); !known || age < 0 || age > ringEvery {
		note = ringNote{now, ringStatus(cfg, h, now)}
		if n.rings == nil {
			n.rings = map[string]ringNote{}
		}
		n.rings[h.Name] = note
	}
	ring := note.ring
	return &ring
}

func ringStatus(cfg *config.Config, h *config.Host, now time.Time) (r status.Ring) {
	costs, err := ring.Cost(wiring.RingDir(cfg, h.Name), h.Logs.Families)
	if err != nil || len(costs) < len(h.Logs.Families) {
		return r // a family that is missing makes it empty
	}
	for i, c := range costs {
		depth := 0.0
		if !c.Since.IsZero() {
			depth = max(now.Sub(c.Since).Seconds(), 0)
		}
		if i == 0 || depth < r.DepthS {
			r.DepthS = depth
		}
		if i == 0 || c.Until.Before(r.Last) {
			r.Last = c.Until.UTC()
		}
		r.Bytes += c.Bytes
		r.PerMin += c.PerMin
	}
	return r
}

// Report adds the hosts of a configuration to a report, with what is known of them.
func (n *hostNotes) Report(r *status.Report, cfg *config.Config) {
	ledger := wiring.Ledger(cfg)
	attempts := ledger.Attempts()
	back := evidence.NewWindow(r.Now.Add(-cfg.Window.Before), r.Now.Add(cfg.Window.After))
	for i := range cfg.Sites {
		s := &cfg.Sites[i]
		for j := range s.Hosts {
			h := &s.Hosts[j]
			if k := slices.IndexFunc(r.Hosts, func(o status.Host) bool { return o.Name == h.Name }); k >= 0 {
				r.Hosts[k].Sites = append(r.Hosts[k].Sites, s.Name)
				continue
			}
			src := wiring.Configured(h, s.Zone(), ledger)
			warm, note := n.of(src.Key(), h.Name)
			st, err := hostStatus(h, src, attempts, warm, note)
			st.Sites = []string{s.Name}
			st.Ring = n.ring(cfg, h, r.Now)
			n.prove(&st, h, note, peersOf(cfg, h.Name), back)
			r.Hosts = append(r.Hosts, st)
			if !judgeHost(r, st, err) {
				r.JudgeProof(st, status.Proving{Period: cmp.Or(n.Period, time.Minute), Warm: h.SSH.Warm, Before: cfg.Window.Before,
					Paused: !warm.Running && paused(r.Pauses, cfg.SitesOf(h.Name))})
			}
			r.JudgeLogs(st, status.Need{Before: cfg.Window.Before, After: cfg.Window.After, Every: h.Ring.Every})
		}
	}
	r.JudgeClocks()
}

// hostStatus puts together what is known of a host, and why no session to it stands.
func hostStatus(h *config.Host, src wiring.Source, attempts sshdial.Attempts, warm warmNote, note hostNote) (status.Host, error) {
	st := status.Host{Name: h.Name, Address: h.Address, Role: h.Role, Warm: "off", Seen: status.Seen{Level: note.level}, ClockMS: note.clock, HostKey: note.key}
	if st.Level == "" {
		st.Level = "unknown"
	}
	if last, ok := src.Dial.Ledger.Last(h.Name, h.Address); ok {
		st.Login, st.HostKey = last.Time, last.HostKey
	}
	if a := attempts.Refused(src.Dial); a != nil {
		st.Refused = a.Last
	}
	var err error
	switch {
	case !h.SSH.Warm || !warm.Running:
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err = attempts.Blocked(ctx, src.Dial)
	case warm.Up:
		st.Warm, st.Since, st.HostKey = "up", warm.since, warm.HostKey
		if warm.Clock != nil {
			ms := warm.Clock.Milliseconds()
			st.ClockMS = &ms
		}
		if warm.ClockErr != nil && h.SSH.Commands {
			st.ClockError = redact.Foreign(warm.ClockErr.Error(), 200)
		}
	default:
		st.Warm, st.Since, err = "down", warm.since, warm.Err
	}
	if err == nil {
		return st, nil
	}
	st.Error = redact.Foreign(err.Error(), 600)
	if e, ok := errors.AsType[*sshdial.Error](err); ok {
		if e.Kind == sshdial.KindLoginRefused || e.Kind == sshdial.KindLoginBlocked {
			st.Warm = "blocked"
		}
		st.Banned = e.Kind == sshdial.KindTimeout && e.Refusal != nil && e.Refusal.Refused
	}
	return st, err
}
