// Package checkup finds out what is wrong and how to fix it: the configuration, the
// mailboxes, the way to every host, its logs and its clock, this machine's disk; and what
// would be done with a mail.
//
// It changes nothing on a host and logs in once. Each finding is told at once. It does
// not know who asks: a person at the keyboard, or a running watch for him.
package checkup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/access"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/redact"
	"rtmtgrab/internal/wiring"
)

// How a check ended.
const (
	StatusOK   = "ok"
	StatusWarn = "warn"
	StatusFail = "FAIL"
)

// Finding is the result of one check.
type Finding struct {
	Host   string `json:"host"` // empty: not of a host
	What   string `json:"what"` // configuration, mailbox, store, watch, disk, handover/ and a destination, cucm/ and a cluster (with /names, /nodes, or a node and /counters, /logs, /trace, /clock), fleet (with /permissions, /streams, /sync, or a server of the hub); of hosts connect, host_key, login, session, algorithms, sftp, logs, a family's name, log_level, clock, ring, peers, diagnostics
	Status string `json:"status"`
	Detail string `json:"detail"`
	Hint   string `json:"hint"`
	KeepsS int64  `json:"keeps_s,omitempty"` // of a family: how many seconds its log reaches back
}

// Report is the JSON of `grab check`.
type Report struct {
	OK     bool      `json:"ok"` // nothing failed
	Checks []Finding `json:"checks"`
}

// Count says how many of its findings are of which status.
func (r Report) Count() string {
	count := map[string]int{}
	for _, f := range r.Checks {
		count[f.Status]++
	}
	return fmt.Sprintf("%d ok, %s, %d failed", count[StatusOK], human.Plural(count[StatusWarn], "warning"), count[StatusFail])
}

// Checkup is one run of `grab check`.
type Checkup struct {
	Cfg       *config.Config
	Hosts     []*config.Host
	named     bool                         // the hosts were named: they alone are of interest
	timeout   time.Duration                // zero: sshdial's
	notify    bool                         // send test notices
	began     time.Time                    // set by run
	Pool      *hostconn.Pool               // whose sessions are used, unless hosts are named; nil: there are none
	Lender    string                       // whose sessions those are; empty: grab watch
	Tell      func(f Finding, columns int) // is told each finding at once, and how wide the hosts' names are
	MailWorks func(*config.Mail)           // is told of each mailbox that has no fault; nil: nobody asks
	Looked    func(string, logset.Depths)  // is told what was seen of each host; nil: nobody asks
	Silent    func(context.Context) error  // why the grab watch that runs does not answer, nil if it does; may be nil: it is who checks
	Reached   func(destination string)     // is told of each destination that could be written to; nil: nobody asks

	checks []Finding
}

// Request is what `grab check` is asked for.
type Request struct {
	Hosts   []string      `json:"hosts,omitempty"`
	Offline bool          `json:"offline,omitempty"`
	Notify  bool          `json:"notify,omitempty"`
	Timeout time.Duration `json:"timeout_ns,omitempty"`
}

// maxTimeout is the longest that a check waits for a host.
const maxTimeout = time.Hour

func (q Request) Checkup(cfg *config.Config) (*Checkup, error) {
	if q.Timeout < 0 || q.Timeout > maxTimeout {
		return nil, advice.Usage(fmt.Errorf("--timeout is between 0 and %s", human.Span(maxTimeout)))
	}
	hosts, err := cfg.HostsOf(q.Hosts...)
	if err != nil {
		return nil, advice.Usage(err)
	}
	return &Checkup{Cfg: cfg, Hosts: hosts, named: len(q.Hosts) > 0, timeout: q.Timeout, notify: q.Notify}, nil
}

func (c *Checkup) Perform(ctx context.Context, q Request) {
	if q.Offline {
		c.configuration()
		if !c.named && len(c.Cfg.Mails) == 0 {
			c.add(noMailbox(c.Cfg))
		}
	} else {
		c.Run(ctx)
	}
}

func (c *Checkup) Run(ctx context.Context) {
	c.began = time.Now().UTC()
	c.configuration()
	idle := c.store(ctx)
	mail, clusters, hub := make(chan []Finding, 1), make(chan []Finding, 1), make(chan []Finding, 1)
	if !c.named {
		go func() { mail <- c.mailboxes(ctx) }() // waited for below
		go func() { clusters <- tryClusters(ctx, c.Cfg, c.timeout) }()
		go func() { hub <- tryFleet(ctx, c.Cfg, c.timeout, idle) }()
	}
	logs := make(chan []Finding, 1)
	go func() { logs <- tryDiagnostics(ctx, c.Cfg, c.Hosts, c.timeout) }()
	visits := c.visitHosts(ctx)
	if !c.named {
		c.add(<-mail...)
	}
	var all []visit
	for _, v := range visits {
		done := <-v
		all = append(all, done)
		if c.Looked != nil && done.looked {
			c.Looked(done.host.Name, done.depths)
		}
		c.add(done.findings...)
		c.add(c.judgeRing(done.host)...)
	}
	c.add(<-logs...)
	if !c.named {
		c.add(trial{c.Cfg, c.timeout, c.Reached}.all(ctx)...)
		c.add(<-clusters...)
		c.add(<-hub...)
	}
	if c.notify {
		c.notices(ctx)
	}
	c.together(all)
	c.disk(all)
}

// add takes findings down and tells them.
func (c *Checkup) add(fs ...Finding) {
	for _, f := range fs {
		f.Detail, f.Hint = redact.Foreign(f.Detail, 900), evidence.Printable(redact.Text(f.Hint), 900)
		c.checks = append(c.checks, f)
		width := 1
		for _, h := range c.Hosts {
			width = max(width, len(h.Name))
		}
		c.Tell(f, width)
	}
}

func (c *Checkup) Report() Report {
	rep := Report{OK: true, Checks: c.checks}
	for _, f := range c.checks {
		rep.OK = rep.OK && f.Status != StatusFail
	}
	return rep
}

func (c *Checkup) configuration() {
	n := 0
	for i := range c.Cfg.Sites {
		n += len(c.Cfg.Sites[i].Hosts)
	}
	c.add(Finding{What: "configuration", Status: StatusOK, Detail: fmt.Sprintf("%s: %s, %s", c.Cfg.Path, human.Plural(len(c.Cfg.Sites), "site"), human.Plural(n, "host"))})
	c.judgeRings()
	c.nameless()
	c.add(publicKeys(c.Hosts)...)
	if !c.named {
		c.add(c.senders()...)
		c.add(oneAddress(c.Cfg)...)
		for _, s := range wiring.Unheard(c.Cfg) {
			c.add(Finding{What: "routes", Status: StatusWarn, Detail: status.UnheardWords(s), Hint: status.UnheardHint})
		}
		c.add(c.history()...)
	}
}

// history is what the mails that were read say of the sites.
func (c *Checkup) history() []Finding {
	st := &incident.Store{Dir: c.Cfg.Store}
	list, _ := st.ListAlerts() // what cannot be read says nothing
	return append(fixedZones(c.Cfg, st, list), unmatched(c.Cfg, list, time.Now())...)
}

// store sees whether incidents can be kept, and whether grab watch runs; idle: it does not.
func (c *Checkup) store(ctx context.Context) (idle bool) {
	if err := storeWritable(c.Cfg.Store); err != nil {
		c.add(Finding{What: "store", Status: StatusFail, Detail: err.Error(), Hint: "give " + c.Cfg.Store + " to the user that runs grab, or set store: to another folder"})
		return false
	}
	c.add(written(c.Cfg.Store))
	if c.named {
		return false
	}
	lock, err := (&incident.Store{Dir: c.Cfg.Store}).LockWatch()
	f := Finding{What: "watch", Status: StatusOK}
	switch {
	case errors.Is(err, incident.ErrWatching):
		f.Detail = "grab watch is running on this store"
		if c.Silent == nil {
			break
		}
		if err := c.Silent(ctx); err != nil {
			f.Status, f.Detail, f.Hint = StatusFail, err.Error()+": an alert would not be seen", advice.For(err)
		}
	case err != nil:
		f.Status, f.Detail, f.Hint = StatusWarn, "the store cannot be locked: "+err.Error(), "run this as the user that runs grab watch"
	default:
		idle, f.Detail = true, "grab watch is not running on this store"
	}
	lock.Release() // of a lock that is held or nil; the process's end would do it too
	c.add(f)
	return idle
}

// storeWritable makes the folder if it is missing, writes a file and removes it.
func storeWritable(dir string) error {
	if err := atomicfile.MkdirAll(dir); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".check-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = io.WriteString(f, "grab check\n")
	return errors.Join(err, f.Sync(), f.Close())
}

// Bounds for the disk. What an incident takes is its logs once, and once more in
// the bundle, compressed; there may be several before a person looks.
const (
	incidentsToKeep = 20
	leastFree       = 1 << 30
)

// disk compares the room in the store with what an incident will take, by the
// rates that were measured.
func (c *Checkup) disk(visits []visit) {
	space, reserved, err := wiring.Reserve(func() *config.Config { return c.Cfg }).State()
	if err != nil {
		c.add(Finding{What: "disk", Status: StatusWarn, Detail: "free space of " + c.Cfg.Store + " unknown: " + err.Error()})
		return
	}
	var perMin int64
	for _, v := range visits {
		for _, d := range v.depths.Families {
			perMin += d.PerMin
		}
	}
	one := perMin * int64(c.windowLength()/time.Second) / 60 * 5 / 4
	free := space.Free - reserved
	f := Finding{What: "disk", Status: StatusOK, Detail: fmt.Sprintf("%s free in %s, of which %s are reserved (keep.free)", human.Size(space.Free), c.Cfg.Store, human.Size(reserved))}
	if perMin > 0 {
		f.Detail += fmt.Sprintf("; an incident needs about %s (logs grow %s a minute)", human.Size(one), human.Size(perMin))
	}
	hint := fmt.Sprintf("make room: the store keeps bundles for %s (keep.age)", human.Span(c.Cfg.Keep.Age))
	switch {
	case free < one || free < 0:
		f.Status, f.Hint = StatusFail, hint
	case free < incidentsToKeep*one || free < leastFree:
		f.Status, f.Hint = StatusWarn, hint
	}
	c.add(f)
}

// windowLength is how much log an alert asks for.
func (c *Checkup) windowLength() time.Duration { return c.Cfg.Window.Before + c.Cfg.Window.After }

// nameless looks for what the configuration names and this machine does not have. That
// keeps no watcher from starting, so it is no fault of the file; it keeps people from
// being told, and from asking.
func (c *Checkup) nameless() {
	if g := c.Cfg.Socket.Group; g != "" && c.Cfg.Socket.Path != config.SocketNone {
		_, err := user.LookupGroup(g)
		if _, number := strconv.Atoi(g); err != nil && number != nil {
			c.add(Finding{What: "socket", Status: StatusFail, Detail: fmt.Sprintf("socket.group: this machine has no group %s, so nobody can use the socket", g),
				Hint: "groupadd " + g + ", or set socket.group to another; then restart or reload grab watch"})
		}
	}
	if n := c.Cfg.Notify; n != nil && len(n.Command) > 0 {
		if _, err := exec.LookPath(n.Command[0]); err != nil {
			c.add(Finding{What: "notice/command", Status: StatusFail, Detail: "notify.command: " + err.Error(), Hint: "install the program there and make it executable (chmod 755)"})
		}
	}
}

// written is the finding of a store that can be written. On Windows its access list may
// be an open one: only folders that grab makes are closed.
func written(store string) Finding {
	f := Finding{What: "store", Status: StatusOK, Detail: store + " is writable"}
	who, err := access.Exposed(store)
	switch {
	case err != nil:
		f.Status, f.Detail = StatusWarn, f.Detail+", but "+err.Error()
	case who != nil:
		f.Status, f.Detail = StatusWarn, fmt.Sprintf("%s, also by or for %s", f.Detail, strings.Join(who, ", "))
		f.Hint = fmt.Sprintf(`the logs and bundles in it hold credentials: icacls "%s" /inheritance:d and icacls "%s" /remove:g *S-1-1-0 *S-1-5-11 *S-1-5-32-545`, store, store)
	}
	return f
}
