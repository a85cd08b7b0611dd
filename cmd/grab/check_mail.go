package main

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
func (c *checkup) mailboxes(ctx context.Context) []finding {
	if len(c.cfg.Mails) == 0 {
		return []finding{{What: "mailbox", Status: statusWarn, Detail: wiring.ErrNoMail.Error(),
			Hint: "without it `grab now` works and `grab watch` does not; configs/grab.example.yaml explains mail:"}}
	}
	found := make([][]finding, len(c.cfg.Mails))
	var wg sync.WaitGroup
	for i := range c.cfg.Mails {
		wg.Go(func() {
			found[i] = mailFolders(ctx, c.cfg, &c.cfg.Mails[i])
			if c.mailWorks != nil && !slices.ContainsFunc(found[i], func(f finding) bool { return f.Status == statusFail }) {
				c.mailWorks(&c.cfg.Mails[i])
			}
		})
	}
	wg.Wait()
	return slices.Concat(found...)
}

// mailFolders logs in once for each folder and looks around. What hinders one
// before its folder is reached hinders all, and is not tried again.
func mailFolders(ctx context.Context, cfg *config.Config, m *config.Mail) (found []finding) {
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
func mailFinding(m *config.Mail, folder string, rep mailwatch.Report, err error) finding {
	f := finding{What: "mailbox", Status: statusOK}
	who := fmt.Sprintf("%s at %s", m.User, m.Server)
	if err != nil {
		f.Status, f.Detail, f.Hint = statusFail, who+": "+strings.ReplaceAll(err.Error(), "\n", "; "), advice.ForMail(m, err)
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
		f.Detail += ", no IDLE: new mails are seen by polling"
	}
	return f
}
