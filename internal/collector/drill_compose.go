package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/collector/notify"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/drill"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/wiring"
	"rtmtgrab/mailwatch"
	"rtmtgrab/mailwatch/alertmail"
)

// A drillMail is the mail of one drill.
type drillMail struct {
	raw      []byte
	mark     string
	said     drill.Saying
	from, to string
	folder   string // of the first mailbox
}

// A drillClaim is what the alerts of a site are known by.
type drillClaim struct{ cluster, node, folder, to string }

// drillClaims are the ways by which alerts may come to a site, the surest one first.
func drillClaims(cfg *config.Config, s *config.Site) (list []drillClaim) {
	one := func(pattern string) string { return strings.ReplaceAll(pattern, "*", "grab-drill") }
	first := func(list []string) string { return append(slices.Clone(list), "grab-drill")[0] }
	for _, r := range cfg.Routes {
		if slices.Contains(r.Sites, s.Name) {
			list = append(list, drillClaim{cmp.Or(one(r.Cluster), first(s.Clusters)), cmp.Or(one(r.Node), first(s.Nodes)), one(r.Folder), one(r.To)})
		}
	}
	return append(list, drillClaim{cluster: first(s.Clusters), node: first(s.Nodes)})
}

// composeDrill makes a mail that would go to the site as an alert.
func composeDrill(cfg *config.Config, s *config.Site, now time.Time) (drillMail, error) {
	if len(cfg.Mails) == 0 {
		return drillMail{}, wiring.ErrNoMail
	}
	d := cfg.Drilling()
	m := drillMail{mark: drill.NewMark(), from: d.From}
	sites, rules := wiring.Sites(cfg), wiring.Policy(cfg).Rules
	for _, c := range drillClaims(cfg, s) {
		m.to, m.folder = cmp.Or(c.to, d.To), cmp.Or(c.folder, cfg.Mails[0].Mailboxes[0])
		if m.to == "" && cfg.SMTP == nil {
			m.to, m.from = "grab@grab.invalid", cmp.Or(m.from, "grab@grab.invalid") // nobody sends it anywhere
		}
		if m.to == "" {
			return m, advice.WithHint(fmt.Errorf("the user of mailbox %s is not an address to send a mail to", cfg.Mails[0].Name), "set drill.to to the address whose mails come into it")
		}
		var err error
		m.raw, err = drill.Letter{Mark: m.mark, Cluster: c.cluster, Node: c.node, From: m.from, To: m.to, At: now, Zone: s.Zone()}.Bytes()
		if err != nil {
			return m, err
		}
		a, is := wiring.AlertReader(cfg, m.folder).Read(m.raw, now)
		if !is {
			return m, advice.WithHint(errors.New("a mail of RTMT about "+drill.Counter+" would be no alert"), "no pattern of alerts.match is found in it")
		}
		a.Folder = m.folder
		if names, _ := incident.RouteAlert(sites, rules, a); slices.Contains(names, s.Name) {
			m.said = drill.SayingOf(a, alertmail.ReadLetter(m.raw).Text)
			return m, nil
		}
	}
	return m, advice.WithHint(fmt.Errorf("no alert would go to site %s: others take its clusters and nodes", s.Name), "see clusters and nodes of the sites, and routes; `grab check --mail FILE` shows where a mail goes")
}

// send sends the mail: how says it in words, put is what is in the mailbox where it was
// put there over IMAP.
func (m drillMail) send(ctx context.Context, cfg *config.Config, tokens *wiring.TokenSources) (how string, put mailwatch.Appended, server mailwatch.Server, err error) {
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	if cfg.SMTP != nil {
		out, err := notify.SMTPServer(cfg, tokens)
		if err == nil {
			_, err = out.Send(ctx, m.from, []string{m.to}, m.raw)
		}
		if err != nil {
			err = advice.WithHint(err, cmp.Or(advice.For(err), "`grab check --notify` tries smtp:"))
		}
		return fmt.Sprintf("from %s to %s through %s", m.from, m.to, cfg.SMTP.Server), put, server, err
	}

	box := &cfg.Mails[0]
	source, err := tokens.Source(cfg, box.OAuth, box.User)
	if err == nil {
		server, err = wiring.MailServer(box, source)
	}
	if err == nil {
		put, err = mailwatch.Append(ctx, server, m.folder, m.raw)
	}
	if err != nil {
		err = advice.WithHint(err, "let "+box.User+" add mails to this mailbox, or set smtp: so that the mail is sent like RTMT's")
	}
	return fmt.Sprintf("put into %s/%s over IMAP, as there is no smtp:", box.Name, m.folder), put, server, err
}

// drillWindow is the short window that a drill grabs.
func drillWindow(a evidence.Alert) evidence.Window {
	return evidence.NewWindow(a.Time.Add(-drillBefore), a.Time)
}
