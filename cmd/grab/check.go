package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/fetch"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/sshdial"
)

func (a *app) checkCmd() *cobra.Command {
	var offline, tell bool
	var eml, folder string
	var timeout time.Duration
	var direct bool
	cmd := &cobra.Command{
		Use:   "check [HOST...]",
		Short: "Say what is wrong and how to mend it",
		Long: "Checks the configuration, the mailbox, the way to every host, its logs, its clock, and this machine's disk. It changes\n" +
			"nothing on a host and logs in once. `grab check HOST` looks at the hosts named alone, and logs in although an earlier\n" +
			"refusal forbids it: if that succeeds the block is lifted. Exit code 1 if anything is marked FAIL.",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if eml != "" {
				ctx, cancel := a.context(cmd.Context())
				defer cancel()
				return a.checkEML(ctx, eml, folder, args)
			}
			q := checkAsk{Hosts: args, Offline: offline, Notify: tell, Timeout: timeout}
			if w := a.watcher(cmd.Context(), direct); w != nil {
				return a.checkThrough(cmd.Context(), w, q)
			}
			ctx, cancel := a.context(cmd.Context())
			defer cancel()
			cfg, err := a.load(config.Options{})
			if err != nil {
				return err
			}
			c, err := q.checkup(cfg)
			if err != nil {
				return err
			}
			c.tell = a.showFinding
			c.perform(ctx, q)
			return a.concludeCheck(c.report())
		},
	}
	cmd.Flags().StringVar(&eml, "mail", "", "print what would be done with the mail in this `file` (.eml), and why; nothing else is checked")
	cmd.Flags().StringVar(&folder, "folder", "", "with --mail: the `folder` that it came into, for routes; without it the first that is watched")
	directFlag(cmd.Flags(), &direct)
	cmd.Flags().BoolVar(&offline, "offline", false, "judge the configuration and what it names on this machine, contact nobody")
	cmd.Flags().BoolVar(&tell, "notify", false, "send a test by every way of notify: too")
	cmd.Flags().DurationVar(&timeout, "timeout", sshdial.DefaultTimeout, "how long a host may take until it has let us in")
	return cmd
}

// How a check ended.
const (
	statusOK   = "ok"
	statusWarn = "warn"
	statusFail = "FAIL"
)

// finding is the result of one check.
type finding struct {
	Host   string `json:"host"` // empty: not of a host
	What   string `json:"what"` // configuration, mailbox, store, watch, disk; of hosts connect, host_key, login, session, algorithms, sftp, logs, a family's name, log_level, clock, ring, peers
	Status string `json:"status"`
	Detail string `json:"detail"`
	Hint   string `json:"hint"`
}

// checkReport is the JSON of `grab check`.
type checkReport struct {
	OK     bool      `json:"ok"` // nothing failed
	Checks []finding `json:"checks"`
}

// checkup is one run of `grab check`.
type checkup struct {
	cfg       *config.Config
	hosts     []*config.Host
	named     bool                         // the hosts were named: they alone are of interest
	timeout   time.Duration                // zero: sshdial's
	notify    bool                         // send test notices
	began     time.Time                    // set by run
	pool      *fetch.Pool                  // whose sessions are used, unless hosts are named; nil: there are none
	tell      func(f finding, columns int) // is told each finding at once, and how wide the hosts' names are
	mailWorks func(*config.Mail)           // is told of each mailbox that has no fault; nil: nobody asks
	looked    func(string, fetch.Depths)   // is told what was seen of each host; nil: nobody asks

	checks []finding
}

// checkAsk is what `grab check` is asked for.
type checkAsk struct {
	Hosts   []string      `json:"hosts,omitempty"`
	Offline bool          `json:"offline,omitempty"`
	Notify  bool          `json:"notify,omitempty"`
	Timeout time.Duration `json:"timeout_ns,omitempty"`
}

func (q checkAsk) checkup(cfg *config.Config) (*checkup, error) {
	hosts, err := cfg.HostsOf(q.Hosts...)
	if err != nil {
		return nil, advice.Usage(err)
	}
	return &checkup{cfg: cfg, hosts: hosts, named: len(q.Hosts) > 0, timeout: q.Timeout, notify: q.Notify}, nil
}

func (c *checkup) perform(ctx context.Context, q checkAsk) {
	if q.Offline {
		c.configuration()
	} else {
		c.run(ctx)
	}
}

func (c *checkup) run(ctx context.Context) {
	c.began = time.Now().UTC()
	c.configuration()
	c.store()
	mail := make(chan []finding, 1)
	if !c.named {
		go func() { mail <- c.mailboxes(ctx) }() // waited for below
	}
	visits := c.visitHosts(ctx)
	if !c.named {
		c.add(<-mail...)
	}
	var all []visit
	for _, v := range visits {
		done := <-v
		all = append(all, done)
		if c.looked != nil && done.looked {
			c.looked(done.host.Name, done.depths)
		}
		c.add(done.findings...)
		c.add(c.judgeRing(done.host)...)
	}
	if c.notify {
		c.notices(ctx)
	}
	c.together(all)
	c.disk(all)
}

// add takes findings down and tells them.
func (c *checkup) add(fs ...finding) {
	for _, f := range fs {
		f.Detail, f.Hint = evidence.Printable(f.Detail, 900), evidence.Printable(f.Hint, 900)
		c.checks = append(c.checks, f)
		width := 1
		for _, h := range c.hosts {
			width = max(width, len(h.Name))
		}
		c.tell(f, width)
	}
}

// showFinding prints it for people.
func (a *app) showFinding(f finding, width int) {
	if a.json {
		return
	}
	fmt.Fprintf(a.out, "%-4s  %-*s  %-13s  %s\n", f.Status, width, human.Dash(f.Host), f.What, f.Detail)
	if f.Hint != "" {
		fmt.Fprintf(a.out, "      hint: %s\n", f.Hint)
	}
}

func (c *checkup) report() checkReport {
	rep := checkReport{OK: true, Checks: c.checks}
	for _, f := range c.checks {
		rep.OK = rep.OK && f.Status != statusFail
	}
	return rep
}

// concludeCheck prints the end and sets the exit code.
func (a *app) concludeCheck(rep checkReport) error {
	if !rep.OK {
		a.exit = advice.Failed
	}
	if a.json {
		return a.print(rep)
	}
	count := map[string]int{}
	for _, f := range rep.Checks {
		count[f.Status]++
	}
	prefix := ""
	if !rep.OK {
		prefix = "grab: error: "
	}
	a.say("%s%d ok, %d to look at, %d failed", prefix, count[statusOK], count[statusWarn], count[statusFail])
	return nil
}

func (c *checkup) configuration() {
	n := 0
	for i := range c.cfg.Sites {
		n += len(c.cfg.Sites[i].Hosts)
	}
	c.add(finding{What: "configuration", Status: statusOK, Detail: fmt.Sprintf("%s: %s, %s", c.cfg.Path, human.Plural(len(c.cfg.Sites), "site"), human.Plural(n, "host"))})
	c.judgeRings()
	c.nameless()
}

// store sees whether incidents can be kept, and whether grab watch runs.
func (c *checkup) store() {
	if err := storeWritable(c.cfg.Store); err != nil {
		c.add(finding{What: "store", Status: statusFail, Detail: err.Error(), Hint: "give " + c.cfg.Store + " to the user that runs grab, or name another folder under store:"})
		return
	}
	c.add(written(c.cfg.Store))
	if c.named {
		return
	}
	lock, err := (&incident.Store{Dir: c.cfg.Store}).LockWatch()
	f := finding{What: "watch", Status: statusOK}
	switch {
	case errors.Is(err, incident.ErrWatching):
		f.Detail = "a grab watch runs on this store"
	case err != nil:
		f.Status, f.Detail, f.Hint = statusWarn, "the store cannot be locked: "+err.Error(), "run this as the user that runs grab watch"
	default:
		f.Detail = "no grab watch runs on this store at the moment"
	}
	lock.Release() // of a lock that is held or nil; the process's end would do it too
	c.add(f)
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
func (c *checkup) disk(visits []visit) {
	free, err := diskspace.Free(c.cfg.Store)
	if err != nil {
		c.add(finding{What: "disk", Status: statusWarn, Detail: "the free space of " + c.cfg.Store + " is not known: " + err.Error()})
		return
	}
	var perMin int64
	for _, v := range visits {
		for _, d := range v.depths.Families {
			perMin += d.PerMin
		}
	}
	one := perMin * int64(c.windowLength()/time.Second) / 60 * 5 / 4
	f := finding{What: "disk", Status: statusOK, Detail: fmt.Sprintf("%s free for %s", human.Size(free), c.cfg.Store)}
	if perMin > 0 {
		f.Detail += fmt.Sprintf("; an incident will take about %s (%s of logs a minute)", human.Size(one), human.Size(perMin))
	}
	hint := fmt.Sprintf("make room: the store keeps everything for %v (keep.age)", c.cfg.Keep.Age)
	switch {
	case free < one || free < 64<<20:
		f.Status, f.Hint = statusFail, hint
	case free < incidentsToKeep*one || free < leastFree:
		f.Status, f.Hint = statusWarn, hint
	}
	c.add(f)
}

// windowLength is how much log an alert asks for.
func (c *checkup) windowLength() time.Duration { return c.cfg.Window.Before + c.cfg.Window.After }
