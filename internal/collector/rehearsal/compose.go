package rehearsal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/drill"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/wiring"
	"rtmtgrab/mailwatch"
	"rtmtgrab/mailwatch/alertmail"
)

// A Mail is the mail of one drill.
type Mail struct {
	Raw      []byte
	Mark     string
	Said     drill.Saying
	from, to string
	box      *config.Mail
	folder   string // of it
}

// A claim is what the alerts of a site are known by.
type claim struct{ cluster, node, folder, to string }

// claims are the ways by which alerts may come to a site, the surest one first.
func claims(cfg *config.Config, s *config.Site) (list []claim) {
	one := func(pattern string) string { return strings.ReplaceAll(pattern, "*", "grab-drill") }
	first := func(list []string) string { return append(slices.Clone(list), "grab-drill")[0] }
	for _, r := range cfg.Routes {
		if slices.Contains(r.Sites, s.Name) {
			list = append(list, claim{cmp.Or(one(r.Cluster), first(s.Clusters)), cmp.Or(one(r.Node), first(s.Nodes)), one(r.Folder), one(r.To)})
		}
	}
	return append(list, claim{cluster: first(s.Clusters), node: first(s.Nodes)})
}

// boxOf is the mailbox of that name, or the first one that watches the folder.
func boxOf(cfg *config.Config, name, folder string) (*config.Mail, error) {
	var names []string
	for i := range cfg.Mails {
		m := &cfg.Mails[i]
		names = append(names, m.Name)
		if name != "" && strings.EqualFold(m.Name, name) || name == "" && slices.Contains(m.Mailboxes, folder) {
			return m, nil
		}
	}
	switch {
	case len(names) == 0:
		return nil, wiring.ErrNoMail
	case name != "":
		return nil, advice.Usage(fmt.Errorf("unknown mailbox %q; configured are %s", name, strings.Join(names, ", ")))
	}
	return &cfg.Mails[0], nil
}

// Compose makes a mail that would go to the site as an alert, by way of the named
// mailbox; "": the one that the site's routes tell, or the first.
func Compose(cfg *config.Config, s *config.Site, mailbox string, now time.Time) (m Mail, err error) {
	for _, c := range claims(cfg, s) {
		if m.box, err = boxOf(cfg, mailbox, c.folder); err != nil {
			return m, err
		}
		if m.folder = c.folder; !slices.Contains(m.box.Mailboxes, m.folder) {
			m.folder = m.box.Mailboxes[0]
		}
		goes, err := m.write(cfg, s, c, now)
		if err != nil || goes {
			return m, err
		}
	}
	return m, advice.WithHint(fmt.Errorf("no alert would go to site %s: others take its clusters and nodes", s.Name), "see clusters and nodes of the sites, and routes; `grab check --mail FILE` shows where a mail goes")
}

// write writes the mail, and reports whether it goes to the site.
func (m *Mail) write(cfg *config.Config, s *config.Site, c claim, now time.Time) (goes bool, err error) {
	d := cfg.Drilling()
	m.Mark, m.to = drill.NewMark(), cmp.Or(c.to, d.To, m.box.Address())
	if m.to == "" && cfg.SMTP != nil {
		return false, advice.WithHint(fmt.Errorf("the user of mailbox %s is not an address to send a mail to", m.box.Name), "set drill.to to the address whose mails come into it")
	}
	m.to = cmp.Or(m.to, "grab@grab.invalid") // nobody sends it anywhere
	m.from = cmp.Or(d.From, m.to)
	m.Raw, err = drill.Letter{Mark: m.Mark, Cluster: c.cluster, Node: c.node, From: m.from, To: m.to, At: now, Zone: s.Zone()}.Bytes()
	if err != nil {
		return false, err
	}
	a, is := wiring.AlertReader(cfg, m.folder).Read(m.Raw, now)
	if !is {
		return false, advice.WithHint(errors.New("a mail of RTMT about "+drill.Counter+" would be no alert"), "no pattern of alerts.match is found in it")
	}
	a.Folder = m.folder
	m.Said = drill.SayingOf(a, alertmail.ReadLetter(m.Raw).Text)
	names, _ := incident.RouteAlert(wiring.Sites(cfg), wiring.Policy(cfg).Rules, a)
	return slices.Contains(names, s.Name), nil
}

// send sends the mail: how says it in words, put is what is in the mailbox where it was
// put there over IMAP.
func (m Mail) send(ctx context.Context, cfg *config.Config, tokens *wiring.TokenSources) (how string, put mailwatch.Appended, server mailwatch.Server, err error) {
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	if cfg.SMTP != nil {
		out, err := wiring.SMTPServer(cfg, tokens)
		if err == nil {
			_, err = out.Send(ctx, m.from, []string{m.to}, m.Raw)
		}
		if err != nil {
			err = advice.WithHint(err, cmp.Or(advice.For(err), "`grab check --notify` tries smtp:"))
		}
		return fmt.Sprintf("from %s to %s through %s", m.from, m.to, cfg.SMTP.Server), put, server, err
	}

	source, err := tokens.Source(cfg, m.box.OAuth, m.box.User)
	if err == nil {
		server, err = wiring.MailServer(m.box, source)
	}
	if err == nil {
		put, err = mailwatch.Append(ctx, server, m.folder, m.Raw)
	}
	if err != nil {
		put = mailwatch.Appended{}
		err = advice.WithHint(err, "let "+m.box.User+" add mails to this mailbox, or set smtp: so that the mail is sent like RTMT's")
	}
	return fmt.Sprintf("put into %s/%s over IMAP, as there is no smtp:", m.box.Name, m.folder), put, server, err
}

// window is the short window that a drill grabs.
func window(a evidence.Alert) evidence.Window {
	return evidence.NewWindow(a.Time.Add(-before), a.Time)
}
