package checkup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/setup"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/wiring"
)

// visitWait bounds the look at one address, whatever it does.
const visitWait = 2 * time.Minute

// visit is what was seen of one host.
type visit struct {
	host     *config.Host
	findings []Finding
	keys     []string // fingerprints that it showed
	depths   logset.Depths
	looked   bool // depths are whole
}

func (v *visit) add(what, status, detail, hint string) {
	v.findings = append(v.findings, Finding{Host: v.host.Name, What: what, Status: status, Detail: detail, Hint: hint})
}

// visitHosts looks at all hosts at the same time, each route once, and returns
// a channel of each host's visit, in the hosts' order.
func (c *Checkup) visitHosts(ctx context.Context) []<-chan visit {
	groups := map[string][]int{}
	var order []string
	var out []<-chan visit
	in := make([]chan visit, len(c.Hosts))
	for i, h := range c.Hosts {
		way := wiring.Route(wiring.Dialing(h, nil))
		if groups[way] == nil {
			order = append(order, way)
		}
		groups[way] = append(groups[way], i)
		in[i] = make(chan visit, 1)
		out = append(out, in[i])
	}
	for _, way := range order {
		go func() { // ends with the visits, which run waits for
			ctx, cancel := context.WithTimeout(ctx, visitWait)
			defer cancel()
			var hosts []*config.Host
			for _, i := range groups[way] {
				hosts = append(hosts, c.Hosts[i])
			}
			for j, v := range c.visitAddress(ctx, hosts) {
				in[groups[way][j]] <- v
			}
		}()
	}
	return out
}

// lent is a session that outlives the look at one host.
type lent struct{ *hostconn.Session }

// Close ends it only if it is of no more use.
func (l lent) Close(broken bool) {
	if broken {
		l.Session.Close()
	}
}

// visitAddress logs in once, whatever number of hosts share the address.
func (c *Checkup) visitAddress(ctx context.Context, hosts []*config.Host) []visit {
	visits := make([]visit, len(hosts))
	for i, h := range hosts {
		visits[i].host = h
	}
	ledger := wiring.Ledger(c.Cfg)
	src := wiring.Configured(hosts[0], time.UTC, ledger)
	src.Dial.Override, src.Dial.OverrideBefore, src.Dial.Timeout = c.named, c.began, c.timeout
	earlier := refusedBefore(ledger, hosts)
	if c.visitWarm(ctx, src, visits) {
		return visits
	}
	client, err := sshdial.Dial(ctx, src.Dial)
	if err != nil {
		for i := range visits {
			visits[i].unreached(err, earlier)
		}
		return visits
	}
	for i := range visits {
		visits[i].reached(client, hosts[0], earlier)
	}
	session, err := hostconn.NewSession(ctx, client, src.Commands)
	if err != nil {
		for i := range visits {
			visits[i].add("sftp", StatusFail, err.Error(), sftpHint(err))
		}
		return visits
	}
	defer session.Close()
	c.lookAll(ctx, visits, func(context.Context) (hostconn.Conn, error) { return lent{session}, nil })
	return visits
}

// lookAll looks at the hosts that share a session.
func (c *Checkup) lookAll(ctx context.Context, visits []visit, dial func(context.Context) (hostconn.Conn, error)) {
	for i := range visits {
		h := visits[i].host
		host := wiring.Configured(h, c.Cfg.SitesOf(h.Name)[0].Zone(), nil).Host
		host.Dial = dial
		c.look(ctx, &visits[i], host)
	}
}

var errNotWarm = errors.New("the session to the host ended")

// visitWarm looks at the hosts over a session of the pool; false if there is none, or
// if hosts are named, for then it is the login that is to be seen.
func (c *Checkup) visitWarm(ctx context.Context, src wiring.Source, visits []visit) bool {
	if c.Pool == nil || c.named {
		return false
	}
	get := func(ctx context.Context) (hostconn.Conn, error) {
		return c.Pool.Get(ctx, src.Key(), src.Commands, func(context.Context) (*sshdial.Client, error) { return nil, errNotWarm })
	}
	conn, err := get(ctx)
	if err != nil {
		return false
	}
	defer conn.Close(false)
	session, ok := conn.(interface{ SSH() *sshdial.Client })
	if !ok {
		return false
	}
	for i := range visits {
		v := &visits[i]
		v.reached(session.SSH(), visits[0].host, nil)
		lender := c.Lender
		if lender == "" {
			lender = "grab watch"
		}
		v.add("session", StatusOK, "this was "+lender+"'s own session; `grab check HOST` makes a new login", "")
	}
	c.lookAll(ctx, visits, get)
	return true
}

// refusedBefore is what the ledger holds against the hosts, nil if nothing.
func refusedBefore(ledger *sshdial.Ledger, hosts []*config.Host) *sshdial.Attempt {
	for _, h := range hosts {
		if a := ledger.Attempt(h.Name); a != nil && a.Refused {
			return a
		}
	}
	return nil
}

// unreached says why there is no connection.
func (v *visit) unreached(err error, earlier *sshdial.Attempt) {
	e, ok := errors.AsType[*sshdial.Error](err)
	if !ok {
		v.add("connect", StatusFail, err.Error(), "")
		return
	}
	own := *e
	own.Host = ""
	if own.Hop == 0 {
		own.Address = ""
		v.keys = e.Got
	}
	detail := v.host.Address + strings.TrimPrefix(own.Error(), " ")
	own.Host, own.Address = v.host.Name, e.Address
	if own.Refusal == nil {
		own.Refusal = earlier
	}
	v.add(stageOf(e), StatusFail, detail, unreachedHint(&own))
}

// stageOf names the check that an error belongs to.
func stageOf(e *sshdial.Error) string {
	switch e.Kind {
	case sshdial.KindHostKeyChanged, sshdial.KindHostKeyUnknown:
		return "host_key"
	case sshdial.KindLoginRefused, sshdial.KindLoginBlocked, sshdial.KindNotOffered, sshdial.KindLocal, sshdial.KindLedger:
		return "login"
	}
	if e.Stage == sshdial.StageLogin {
		return "login"
	}
	return "connect"
}

const exemptions = "System > Protection > Automated detection > Exemptions"

func unreachedHint(e *sshdial.Error) string {
	if e.Kind != sshdial.KindTimeout {
		return advice.ForSSH(e)
	}
	hint := "no answer: a firewall, the wrong interface or address, or a ban by the peer's intrusion protection"
	if e.Stage != sshdial.StageConnect {
		hint = "connected, but no SSH greeting: an overloaded peer, a firewall in between, or a ban by the peer's intrusion protection"
	}
	if r := e.Refusal; r != nil && r.Refused {
		return fmt.Sprintf("%s; a login was refused at %s, so a ban is likely: unblock this machine on the peer and add it to %s", hint, human.Local().At(r.Last.Truncate(time.Second)), exemptions)
	}
	return hint + " (add this machine to " + exemptions + ")"
}

func sftpHint(err error) string {
	if errors.Is(err, hostconn.ErrNoSFTP) {
		return "the account needs SFTP: log in as root, or put command=\"internal-sftp -R\" before the key in authorized_keys; or read the logs by commands: ssh.commands: true, and a shell. An account whose password has expired gets neither until it has a new one"
	}
	return "the connection broke; try again"
}

// reached says how far the connection came.
func (v *visit) reached(client *sshdial.Client, first *config.Host, earlier *sshdial.Attempt) {
	v.keys = []string{client.HostKey}
	way := ""
	if len(client.Via) > 0 {
		way = "through " + strings.Join(client.Via, ", ") + ", "
	}
	v.add("connect", StatusOK, way+v.host.Address+" answers: "+client.Server, "")
	v.add("host_key", StatusOK, client.HostKeyType+" "+client.HostKey+", as pinned", "")
	by := "by key"
	if !first.SSH.Password.IsZero() {
		by = "by password"
	}
	detail := "as " + first.SSH.User + " " + by
	if earlier != nil {
		detail += fmt.Sprintf("; the refusal of %s is cleared, the block is lifted", human.Local().At(earlier.Last.Truncate(time.Second)))
	}
	v.add("login", StatusOK, detail, "")
	if len(client.Legacy) > 0 {
		v.add("algorithms", StatusWarn, "legacy algorithms in use: "+strings.Join(client.Legacy, ", "), "SHA-1 can be forged: update the host, then remove ssh.compat")
	}
}

// transport says how the logs are read.
func (v *visit) transport(d logset.Depths, dir string) {
	if d.Transport != evidence.TransportCommands {
		v.add("sftp", StatusOK, "reads "+dir, "")
		return
	}
	v.add("sftp", StatusWarn, "the host refuses SFTP; reads "+dir+" by commands instead (stat, head, tail)",
		"this works but is slower, and a file removed before it is copied is lost: allow SFTP (Subsystem sftp) if you can")
}

// look inspects the logs and judges them.
func (c *Checkup) look(ctx context.Context, v *visit, host hostconn.Host) {
	d, err := logset.Inspect(ctx, host)
	v.depths, v.looked = d, err == nil
	switch f, fault := errors.AsType[*hostconn.Fault](err); {
	case err == nil:
		v.transport(d, host.Dir)
	case fault && f.Why == evidence.ReasonAbsent:
		v.add("logs", StatusFail, err.Error(), "set logs.dir to the folder of the logs; on an Expressway it is /mnt/harddisk/log")
		return
	default:
		v.add("logs", StatusFail, human.OneLine(err), "see whether "+v.host.SSH.User+" may read "+host.Dir+" there")
		return
	}
	v.judgeLogs(d, host.Dir, c.windowLength(), time.Now(), human.Clock{Zone: host.Zone})
	v.judgeLevel(d)
	v.judgeClock(d)
}

// together says what shows only when all hosts are seen.
func (c *Checkup) together(visits []visit) {
	by := map[string][]*config.Host{}
	for _, v := range visits {
		for _, k := range v.keys {
			by[k] = append(by[k], v.host)
		}
	}
	for _, w := range setup.SharedWarnings(by) {
		c.add(Finding{What: "host_key", Status: StatusWarn, Detail: w, Hint: "if it is one machine give it one name, also where it stands in several sites; else everyone with such an appliance has this key: make new keys on the peers, then `grab trust`"})
	}
	c.add(oneName(visits)...)
	c.add(swapped(visits)...)
	if !c.named {
		c.add(unknownPeers(c.Cfg, visits)...)
	}
}
