package mra

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/lab"
)

// SDLConfig says what traces the CUCM nodes of a Site write, beside the logs of the
// Expressways and of the same events. The zero value of a field is the usual one.
type SDLConfig struct {
	Zone     *time.Location           // of the nodes; zero: UTC
	Clock    map[string]time.Duration // how far the clock of a node is ahead, by its FQDN
	FileSize int                      // bytes, uncompressed, after which a file is closed; zero: 256 KiB
	Keep     int                      // closed files of a node, then the oldest go; zero: 200
	Midnight bool                     // a file is closed at midnight as well
	NoHead   bool                     // files do not begin with a FileHead record
	NoSIP    bool                     // the trace of SIP messages is off
	Every    time.Duration            // between two records of the node's own; zero: 1 s, negative: none
	Disorder time.Duration            // records are written up to so much after their time
	Absent   []string                 // nodes that write none
}

// Where a node has its files.
const (
	SDLFolder   = "/var/log/active/cm/trace/ccm/sdl/"
	SyslogDir   = "/var/log/active/syslog/"
	AlertFolder = "/var/log/active/cm/log/amc/AlertLog/"
)

// The kinds of a node's files.
const (
	SDL         = "sdl"         // Cisco CallManager
	System      = "system"      // Event Viewer-System Log
	Application = "application" // Event Viewer-Application Log
	AlertLog    = "alertlog"    // Cisco AMC Service
)

// A TraceFile is a file of a node as its Log Collection service would list it.
type TraceFile struct {
	Node     string    // FQDN
	Kind     string    // one of the constants above
	Path     string    // on the node
	Size     int64     // as it is stored: compressed, where it is
	Modified time.Time // by the node's clock
	Open     bool      // still being written: of an SDL file that is a .gzo
}

// Name is the last part of the path.
func (f TraceFile) Name() string { return f.Path[strings.LastIndexByte(f.Path, '/')+1:] }

// A TraceRecord is the truth about one record of a node's file.
type TraceRecord struct {
	Kind  string
	File  string    // its name when the file is closed: SDL001_100_000001.txt.gz
	Time  time.Time // real
	Stamp time.Time // what the record says: the node's clock, to its precision
	Text  string    // the whole record, line ends included
	Gone  bool      // its file is no longer there
}

// traceOf is the trace of a node by its name or FQDN; nil: it writes none.
func traceOf(s *Site, node string) *tracer {
	for _, u := range s.nodes {
		short, _, _ := strings.Cut(u.name, ".")
		if strings.EqualFold(node, u.name) || strings.EqualFold(node, short) || node == u.ip {
			return u.trace
		}
	}
	return nil
}

// addTraces lets the nodes write traces. Chance there is their own: with traces or
// without, the same things happen.
func addTraces(s *Site) {
	if s.cfg.SDL == nil {
		return
	}
	for i, u := range s.nodes {
		if !slices.Contains(s.cfg.SDL.Absent, u.name) {
			u.trace = newTracer(s, u, i, *s.cfg.SDL)
		}
	}
}

// growTraces lets the nodes write what they write without phones, from t on.
func growTraces(s *Site, t time.Time) {
	for _, u := range s.nodes {
		if u.trace == nil || u.trace.cfg.Every < 0 {
			continue
		}
		var tick func(now time.Time)
		tick = func(now time.Time) {
			if !u.down {
				u.trace.noise(now)
			}
			s.time.At(now.Add(u.trace.cfg.Every), tick)
		}
		s.time.At(later(t, s.cfg.LogFrom), tick)
	}
}

func newTracer(s *Site, u *cucm, i int, cfg SDLConfig) *tracer {
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	if cfg.FileSize == 0 {
		cfg.FileSize = 256 << 10
	}
	if cfg.Keep == 0 {
		cfg.Keep = 200
	}
	if cfg.Every == 0 {
		cfg.Every = time.Second
	}
	short, _, _ := strings.Cut(u.name, ".")
	return &tracer{node: u.name, short: short, ip: u.ip, id: i + 1, cfg: cfg, clock: cfg.Clock[u.name],
		rng: lab.NewRand(s.cfg.Seed ^ uint64(i+1)<<40), site: s, number: 1000, counter: 4000 + 100*i, message: 7000}
}

// A tracer writes what one node traces. The timeline's runner adds; anybody may read.
type tracer struct {
	node, short, ip string
	id              int // of the node: SDL001_…
	cfg             SDLConfig
	clock           time.Duration
	rng             *rand.Rand
	site            *Site
	number          int // of the newest file
	counter         int // of the newest record
	message         int // of the newest SIP message

	traceFiles
}

// stamp is what the node's clock says at a real time.
func (t *tracer) stamp(at time.Time) time.Time {
	return at.Add(t.clock).Truncate(time.Millisecond).In(t.cfg.Zone)
}
