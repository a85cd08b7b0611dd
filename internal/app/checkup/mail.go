package checkup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/wiring"
	"rtmtgrab/mailwatch"
)

// mailWait bounds the whole look at a mailbox.
const mailWait = time.Minute

// mailboxes looks at every mailbox that is configured, all at once.
func (c *Checkup) mailboxes(ctx context.Context) []Finding {
	if len(c.Cfg.Mails) == 0 {
		return []Finding{noMailbox(c.Cfg)}
	}
	found := make([][]Finding, len(c.Cfg.Mails))
	var wg sync.WaitGroup
	for i := range c.Cfg.Mails {
		wg.Go(func() {
			found[i] = mailFolders(ctx, c.Cfg, &c.Cfg.Mails[i])
			if c.MailWorks != nil && !slices.ContainsFunc(found[i], func(f Finding) bool { return f.Status == StatusFail }) {
				c.MailWorks(&c.Cfg.Mails[i])
			}
		})
	}
	wg.Wait()
	return slices.Concat(found...)
}

// noMailbox says how alerts come where there is no mailbox, or that they cannot: then no
// grab watch starts, nor takes this configuration.
func noMailbox(cfg *config.Config) Finding {
	if ways := wiring.Ways(cfg); len(ways) > 0 {
		return Finding{What: "mailbox", Status: StatusOK, Detail: "none is configured (mail:); alerts come by " + strings.Join(ways, ", ")}
	}
	return Finding{What: "mailbox", Status: StatusWarn, Detail: wiring.ErrNoMail.Error(),
		Hint: "`grab now` works without it, `grab watch` only with alerts.webhook, cucm: poll or fleet:; configs/grab.example.yaml explains mail:"}
}

// senders says what it means that anyone may trigger.
func (c *Checkup) senders() []Finding {
	words, anyone := wiring.WhoMayTrigger(c.Cfg)
	if words == "" || len(c.Cfg.Mails) == 0 {
		return nil
	}
	f := Finding{What: "senders", Status: StatusOK, Detail: words}
	if anyone {
		f.Status, f.Hint = StatusWarn, "set alerts.from, and alerts.authenticity against forgers; or let the mailbox take mails of CUCM alone (docs/security.md)"
	}
	return []Finding{f}
}

// mailFolders logs in once for each folder and looks around. What hinders one
// before its folder is reached hinders all, and is not tried again.
func mailFolders(ctx context.Context, cfg *config.Config, m *config.Mail) (found []Finding) {
	ctx, cancel := context.WithTimeout(ctx, mailWait)
	defer cancel()
	var server mailwatch.Server
	source, err := wiring.TokenSource(cfg, m.OAuth, m.User)
	if err == nil {
		server, err = wiring.MailServer(m, source)
	}
	for _, folder := range m.Mailboxes {
		var rep mailwatch.Report
		if err == nil {
			rep, err = mailwatch.Check(ctx, server, folder)
		}
		f := mailFinding(m, folder, rep, err)
		found = append(found, f)
		if e, ok := errors.AsType[*mailwatch.StageError](err); err != nil && (!ok || e.Stage != mailwatch.StageMailbox) {
			break
		}
		err = nil
	}
	return found
}

// mailFinding words what was found in one folder.
func mailFinding(m *config.Mail, folder string, rep mailwatch.Report, err error) Finding {
	f := Finding{What: "mailbox", Status: StatusOK}
	who := fmt.Sprintf("%s at %s", m.User, m.Server)
	if err != nil {
		f.Status, f.Detail, f.Hint = StatusFail, who+": "+human.OneLine(err), advice.ForMail(m, err)
		return f
	}
	f.Detail = fmt.Sprintf("%s, %s: %s", who, folder, human.Plural(int(rep.Messages), "mail"))
	if !rep.Newest.IsZero() {
		f.Detail += ", the last " + human.Ago(time.Since(rep.Newest))
	}
	if rep.TLS != "" {
		f.Detail += ", " + rep.TLS
	} else {
		f.Detail += ", not encrypted"
	}
	if !rep.Idle {
		f.Detail += ", no IDLE: polling for new mails"
	}
	return f
}
