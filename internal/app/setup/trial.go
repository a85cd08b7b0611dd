package setup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/wiring"
	"rtmtgrab/mailwatch"
)

// trialWait bounds the look at a mailbox or a host.
const trialWait = time.Minute

// tryMailbox logs in to the mailbox once, and says what came of it.
func (i *Interview) tryMailbox(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, trialWait)
	defer cancel()
	fmt.Fprintf(i.Ask.Out, "trying the mailbox of %s at %s\n", i.Answers.MailUser, i.Answers.MailServer)
	cfg, err := i.load(config.Options{MissingKnownHosts: true, MissingSecrets: true})
	if err != nil {
		return i.failed("", "the mailbox", err, "")
	}
	m := &cfg.Mails[0]
	var server mailwatch.Server
	var rep mailwatch.Report
	source, err := wiring.TokenSource(cfg, m.OAuth, m.User)
	if err == nil {
		server, err = wiring.MailServer(m, source)
	}
	if err == nil {
		rep, err = mailwatch.Check(ctx, server, i.Answers.Mailbox)
	}
	if err != nil {
		return i.failed("", "the mailbox", err, advice.ForMail(m, err))
	}
	i.tried[""] = "works, " + human.Plural(int(rep.Messages), "mail")
	fmt.Fprintf(i.Ask.Out, "the mailbox works: %s\n", human.Plural(int(rep.Messages), "mail"))
	return true
}

// failed says that a trial went wrong.
func (i *Interview) failed(what, name string, err error, hint string) bool {
	i.tried[what] = "did not work"
	fmt.Fprintf(i.Ask.Out, "%s does not work: %s\n", name, human.OneLine(err))
	if hint != "" {
		fmt.Fprintln(i.Ask.Out, "  hint:", hint)
	}
	return false
}

// tryHost shows a host's keys, has them pinned, and logs in: once, for the appliance bans
// who is refused. The session is kept for what comes after the interview.
func (i *Interview) tryHost(ctx context.Context, line string) {
	if i.Pool == nil || i.over {
		return
	}
	named, err := parseHost(line)
	if err != nil {
		return
	}
	cfg, err := i.load(config.Options{MissingKnownHosts: true})
	if err != nil {
		i.failed(named.Name, named.Name, err, "")
		return
	}
	h := cfg.Host(named.Name)
	ledger := wiring.Ledger(cfg)
	if rep := Trust(ctx, i.Ask.Out, []*config.Host{h}, ledger, i.Prints, i.Ask); !rep.OK {
		i.tried[h.Name] = "not pinned"
		i.keep(line, h.Name)
		return
	}
	err = i.logIn(ctx, h, ledger)
	if err == nil {
		i.tried[h.Name] = "login works"
		return
	}
	i.failed(h.Name, h.Name, err, advice.For(err))
	if e, ok := errors.AsType[*sshdial.Error](err); ok && e.Kind == sshdial.KindLoginRefused && e.Hop == 0 {
		fmt.Fprintf(i.Ask.Out, "%s is not tried again now: it bans addresses that are refused too often\n", h.Name)
		if i.yes(true, "Change user, key or password for the hosts that follow?") {
			i.Answers.KeyFile, i.Answers.PasswordFile = "", ""
			i.askLogin(ctx)
		}
	}
	i.keep(line, h.Name)
}

// keep asks whether a host that did not work stays among the answers.
func (i *Interview) keep(line, name string) {
	if i.over || i.yes(true, "Keep %s all the same?", name) || i.over {
		return
	}
	var left []string
	for _, other := range i.Answers.Hosts {
		if other != line {
			left = append(left, other)
		}
	}
	i.Answers.Hosts = left
	i.save()
}

// logIn logs in to a host and looks for its logs.
func (i *Interview) logIn(ctx context.Context, h *config.Host, ledger *sshdial.Ledger) error {
	ctx, cancel := context.WithTimeout(ctx, trialWait)
	defer cancel()
	conn, err := wiring.Configured(h, time.UTC, ledger).Connect(i.Pool).Dial(ctx)
	if err != nil {
		return err
	}
	i.conns = append(i.conns, conn)
	entries, err := conn.List(ctx, h.Logs.Dir)
	if err != nil {
		return fmt.Errorf("the login works, but its logs cannot be read: %w", err)
	}
	var missing []string
	for _, family := range h.Logs.Families {
		found := false
		for _, e := range entries {
			found = found || strings.HasPrefix(e.Name, family)
		}
		if !found {
			missing = append(missing, family)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("the login works, but %s has no %s", h.Logs.Dir, strings.Join(missing, ", "))
	}
	fmt.Fprintf(i.Ask.Out, "%s: the login works, and its logs are there\n", h.Name)
	return nil
}
