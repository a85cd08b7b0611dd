package config

import (
	"strings"

	"rtmtgrab/internal/config/scalar"
	"rtmtgrab/internal/loopback"
)

// maxMails bounds the folders that are watched: each is a connection of its own.
const maxMails = 50

func checkMails(c *checker) {
	if c.has("mail") && len(c.cfg.Mails) == 0 && c.sound("mail") {
		c.bad("mail", "the list is empty: remove mail: if there is no mailbox")
	}
	names, boxes, n := map[string]string{}, map[string]string{}, 0
	for i := range c.cfg.Mails {
		m, at := &c.cfg.Mails[i], c.element("mail", i)
		checkMail(c, at, m)
		checkMailName(c, at, m, names)
		checkMailboxes(c, at, m, boxes)
		n += len(m.Mailboxes)
	}
	if n > maxMails {
		c.bad("mail", "%d folders are too many: at most %d can be watched, each by its own connection", n, maxMails)
	}
}

func checkMail(c *checker, at string, m *Mail) {
	c.oneOf(at+".tls", m.TLS, TLSImplicit, TLSStartTLS, TLSNone)
	c.oneOf(at+".mark", m.Mark, "none", "seen", "flagged")
	c.required(at+".user", m.User)
	checkMailLogin(c, at, m)
	c.positive(at+".poll", m.Poll)
	c.positive(at+".max_age", m.MaxAge)
	checkMailServer(c, at, m)
	m.ca = c.caFile(at+".ca_file", m.CAFile)
}

// checkMailName sees to it that every mailbox has a name of its own.
func checkMailName(c *checker, at string, m *Mail, names map[string]string) {
	if c.has(at + ".name") {
		if c.required(at+".name", m.Name) {
			c.unique(at+".name", m.Name, names)
		}
		return
	}
	m.Name = m.User
	if first, ok := names[strings.ToLower(m.Name)]; ok && m.Name != "" {
		c.bad(at, "the mailbox in line %d is called %s too: give this one another name with name:", c.line(first), scalar.Quote(m.Name))
	}
	names[strings.ToLower(m.Name)] = at
}

// checkMailboxes checks the folders of a mailbox. One that is watched twice would
// have one cursor with two owners.
func checkMailboxes(c *checker, at string, m *Mail, boxes map[string]string) {
	path := at + ".mailbox"
	if len(m.Mailboxes) == 0 && c.sound(path) {
		c.bad(path, "the list is empty: nothing would be watched")
	}
	for i, folder := range m.Mailboxes {
		at := c.element(path, i)
		if !c.required(at, folder) {
			continue
		}
		if strings.EqualFold(folder, "INBOX") {
			folder = "INBOX" // IMAP's one name without regard to case
		}
		key := strings.Join([]string{m.Server, m.User, folder}, "\x00")
		if first, ok := boxes[key]; ok && m.Server != "" && m.User != "" {
			c.bad(at, "%s is watched twice, first at %s in line %d", scalar.Quote(folder), first, c.line(first))
		}
		boxes[key] = at
	}
}

func checkMailServer(c *checker, at string, m *Mail) {
	port := 143
	if m.TLS == TLSImplicit {
		port = 993
	}
	if c.address(at+".server", &m.Server, port) && m.TLS == TLSNone && !loopback.HostPort(m.Server) {
		c.bad(at+".tls", "\"none\" would send the password unencrypted to %s: it is allowed only for loopback addresses", m.Server)
	}
}
