package chaos

import (
	"math/rand/v2"
	"strings"
	"time"
)

// A fault is one of a kind that is, or was, in force: of a host, of a family of it, of a
// site, or of the collector's own machine.
type fault struct {
	*faultKind
	host, family, site string
	began, ended       time.Time // ended: zero while it lasts
}

// A faultKind is what can go wrong, how it begins and ends, and which problems it explains.
type faultKind struct {
	name       string
	begin, end func(w *truth, f *fault)
	explains   []string      // keys; HOST, FAMILY and SITE stand for its own, * at the end for any rest
	lag        time.Duration // for which its problem may be said when it is over
	of         string        // "host", "family", "site" or "store"
}

const (
	soon     = 2 * period       // what is seen by the next proof
	redial   = 8 * time.Minute  // a keeper's longest wait between two attempts, and two periods
	lockout  = 16 * time.Minute // after a login without an answer, and two periods
	aWindow  = truthBefore + soon
	period   = time.Minute
	lateness = 10 * time.Second // of a proof: it is made again after 5 s
)

var connection3 = []string{"host/HOST/unreachable", "host/HOST/stale", "host/HOST/ban", "host/HOST/login", "host/HOST/logs", "host/HOST/logs/*", "incident/*"}

// flag is a host's fault that is a mark of the peer alone.
func flag(name, bad string, lag time.Duration, explains ...string) *faultKind {
	return &faultKind{name: name, of: "host", lag: lag, explains: explains,
		begin: func(w *truth, f *fault) { w.at(f, func(p *logPeer) { p.bad[bad] = true }) },
		end:   func(w *truth, f *fault) { w.at(f, func(p *logPeer) { p.bad[bad] = false }) }}
}

// then is the kind with more that happens at its beginning or end.
func (k *faultKind) then(begin, end func(p *logPeer)) *faultKind {
	first, last := k.begin, k.end
	if begin != nil {
		k.begin = func(w *truth, f *fault) { first(w, f); w.at(f, begin) }
	}
	if end != nil {
		k.end = func(w *truth, f *fault) { last(w, f); w.at(f, end) }
	}
	return k
}

// odd is that something else stands in the place of the file that is written.
func odd(kind string) *faultKind {
	return &faultKind{name: kind, of: "family", lag: soon, explains: []string{"host/HOST/logs/FAMILY", "host/HOST/logs", "host/HOST/still/FAMILY"},
		begin: func(w *truth, f *fault) {
			w.log(f, func(l *peerLog) {
				l.files = append([]*peerFile{{kind: kind, mtime: time.Now()}}, l.files...)
			})
		},
		end: func(w *truth, f *fault) {
			w.log(f, func(l *peerLog) {
				if len(l.files) > 0 {
					l.files[0].kind = ""
				}
			})
		}}
}

var faultKinds = []*faultKind{
	flag("refuses", "refuses", redial, connection3...).then((*logPeer).hangUp, nil),
	flag("silent", "silent", lockout, connection3...).then((*logPeer).freeze, nil),
	flag("slow", "slow", lockout, connection3...).then(func(p *logPeer) { p.pace(slowRate) }, func(p *logPeer) { p.pace(0) }),
	flag("channel killed", "", soon, connection3...).then((*logPeer).cut, nil),
	flag("no sftp", "no-sftp", 75*time.Minute+soon, append(connection3, "host/HOST/sftp")...).then((*logPeer).cut, nil),
	flag("folder gone", "unmounted", soon, "host/HOST/logs", "host/HOST/logs/*"),
	flag("folder closed", "closed", soon, "host/HOST/logs", "host/HOST/logs/*"),
	flag("folder empty", "empty", soon, "host/HOST/logs", "host/HOST/logs/*"),
	flag("listing fails", "list-error", soon, append(connection3, "host/HOST/logs")...),
	flag("other key", "key", redial, append(connection3, "host/HOST/key")...).then((*logPeer).hangUp, nil),
	flag("clock unknown", "no-date", 6*period, "host/HOST/clock/unknown"),
	{name: "login refused", of: "host", lag: redial, explains: append(connection3, "host/HOST/login"),
		begin: func(w *truth, f *fault) {
			w.at(f, func(p *logPeer) { p.bad["login"], p.refused = true, true; p.hangUp() })
		},
		end: func(w *truth, f *fault) {
			w.at(f, func(p *logPeer) { p.bad["login"] = false })
		}},
	{name: "clock steps", of: "host", lag: 24 * time.Hour, explains: []string{"host/HOST/step", "host/HOST/ahead", "host/HOST/clock", "clock", "site/*", "host/HOST/still/*"},
		begin: func(w *truth, f *fault) {
			by := time.Duration(3+w.r.IntN(600)) * time.Second
			if w.r.IntN(2) == 0 {
				by = -by
			}
			w.at(f, func(p *logPeer) { p.clock += by })
		},
		end: func(*truth, *fault) {}},
	{name: "family removed", of: "family", lag: aWindow, explains: []string{"host/HOST/logs/FAMILY", "host/HOST/logs", "host/HOST/still/FAMILY"},
		begin: func(w *truth, f *fault) { w.log(f, func(l *peerLog) { l.files = nil }) },
		end: func(w *truth, f *fault) {
			w.log(f, func(l *peerLog) { l.files = []*peerFile{{mtime: time.Now()}} })
		}},
	{name: "family private", of: "family", lag: soon, explains: []string{"host/HOST/logs/FAMILY", "host/HOST/logs"},
		begin: func(w *truth, f *fault) { w.log(f, func(l *peerLog) { l.setPrivate(true) }) },
		end:   func(w *truth, f *fault) { w.log(f, func(l *peerLog) { l.setPrivate(false) }) }},
	{name: "newest private", of: "family", lag: soon, explains: []string{"host/HOST/logs/FAMILY", "host/HOST/logs"},
		begin: func(w *truth, f *fault) {
			w.log(f, func(l *peerLog) {
				if len(l.files) > 0 {
					l.files[0].denied = true
				}
			})
		},
		end: func(w *truth, f *fault) { w.log(f, func(l *peerLog) { l.setPrivate(false) }) }},
	odd("folder"), odd("link"), odd("pipe"),
	{name: "shallow", of: "family", lag: aWindow, explains: []string{"host/HOST/logs/FAMILY"},
		begin: func(w *truth, f *fault) { w.log(f, func(l *peerLog) { l.bad["shallow"] = true }) },
		end:   func(w *truth, f *fault) { w.log(f, func(l *peerLog) { l.bad["shallow"] = false }) }},
	{name: "frozen", of: "family", lag: soon, explains: []string{"host/HOST/still/FAMILY"},
		begin: func(w *truth, f *fault) { w.log(f, func(l *peerLog) { l.bad["frozen"] = true }) },
		end:   func(w *truth, f *fault) { w.log(f, func(l *peerLog) { l.bad["frozen"] = false }) }},
	{name: "disk full", of: "store", lag: soon, explains: []string{"disk", "incident/*"},
		begin: func(w *truth, _ *fault) { w.free.Store(1 << 20) },
		end:   func(w *truth, _ *fault) { w.free.Store(100 << 30) }},
	{name: "store broken", of: "store", lag: soon, explains: []string{"store", "mailbox/*", "incident/*"},
		begin: func(w *truth, _ *fault) { w.breakStore(true) },
		end:   func(w *truth, _ *fault) { w.breakStore(false) }},
	{name: "mailbox down", of: "store", lag: redial, explains: []string{"mailbox/*"},
		begin: func(w *truth, _ *fault) { w.must(w.box.SetDown(true)) },
		end:   func(w *truth, _ *fault) { w.must(w.box.SetDown(false)) }},
	{name: "paused", of: "site", lag: soon, explains: []string{"host/*"},
		begin: func(w *truth, f *fault) { w.pause(f.site) },
		end:   func(w *truth, f *fault) { w.resume(f.site) }},
}

func (l *peerLog) setPrivate(private bool) {
	l.bad["private"] = private
	for _, f := range l.files {
		f.denied = private
	}
}

// covers reports whether the fault explains a problem at a time.
func (f *fault) covers(key string, now time.Time) bool {
	if !f.ended.IsZero() && now.Sub(f.ended) > f.lag {
		return false
	}
	for _, k := range f.explains {
		k = strings.NewReplacer("HOST", f.host, "FAMILY", f.family, "SITE", f.site).Replace(k)
		if rest, any := strings.CutSuffix(k, "*"); key == k || any && strings.HasPrefix(key, rest) {
			return true
		}
	}
	return false
}

func (f *fault) String() string {
	s := strings.Join([]string{f.name, f.site, f.host, f.family}, " ")
	if f.ended.IsZero() {
		return s + " since " + f.began.Format(time.TimeOnly)
	}
	return s + " " + f.began.Format(time.TimeOnly) + " to " + f.ended.Format(time.TimeOnly)
}

// anyFault is a random one, of a kind that is dealt as long as there are such.
func (w *truth) anyFault(r *rand.Rand) *fault {
	f := &fault{faultKind: faultKinds[r.IntN(len(faultKinds))]}
	if len(w.dealt) > 0 {
		f.faultKind, w.dealt = w.dealt[0], w.dealt[1:]
	}
	switch f.of {
	case "site":
		f.site = w.sites[r.IntN(len(w.sites))].name
	case "host":
		f.host = w.hosts[r.IntN(len(w.hosts))]
	case "family":
		f.host, f.family = w.hosts[r.IntN(len(w.hosts))], truthFamilies[r.IntN(len(truthFamilies))]
	}
	return f
}
