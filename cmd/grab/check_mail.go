package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/config"
	"rtmtgrab/mailwatch"
)

// mailWait bounds the whole look at a mailbox.
const mailWait = time.Minute

// mailboxes looks at every mailbox that is configured, all at once.
func (c *checkup) mailboxes(ctx context.Context) []finding {
	if len(c.cfg.Mails) == 0 {
		return []finding{{What: "mailbox", Status: statusWarn, Detail: errNoMail.Error(),
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
	source, err := tokens(cfg, m.OAuth, m.User)
	if err == nil {
		server, err = mailServer(m, source)
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
		f.Status, f.Detail, f.Hint = statusFail, who+": "+strings.ReplaceAll(err.Error(), "\n", "; "), mailHint(m, err)
		return f
	}
	f.Detail = fmt.Sprintf("%s, %s: %s", who, folder, plural(int(rep.Messages), "mail"))
	if !rep.Newest.IsZero() {
		f.Detail += ", the last " + ago(time.Since(rep.Newest))
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

// mailHint names the next move for each stage at which the mailbox can fail.
func mailHint(m *config.Mail, err error) string {
	if hint := mailCause(m, err); hint != "" {
		return hint
	}
	e, ok := errors.AsType[*mailwatch.StageError](err)
	if !ok {
		return "check mail: in the configuration"
	}
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, name := errors.AsType[x509.HostnameError](err)
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case authority:
		return "name the authority that signed the server's certificate under mail.ca_file"
	case name:
		return "the certificate is for another name: write the name that it bears under mail.server"
	case plain:
		return "no TLS is spoken on this port: mail.tls: starttls is usual on 143, implicit on 993"
	}
	switch e.Stage {
	case mailwatch.StageDial:
		return "check mail.server and mail.tls (port 993 is implicit, 143 starttls), the name's address, and the firewall"
	case mailwatch.StageTLS:
		return "check mail.tls (port 993 is implicit, 143 starttls) and the server's certificate (mail.ca_file)"
	case mailwatch.StageLogin:
		return "check mail.user and the password's file, then `grab check`; this was tried once"
	}
	return "check mail.mailbox: the folder's name as the server lists it"
}

// ago words an age.
func ago(d time.Duration) string {
	switch {
	case d < 0:
		return "in the future"
	case d < 2*time.Hour:
		return d.Round(time.Second).String() + " ago"
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}
