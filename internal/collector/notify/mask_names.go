package notify

import (
	"net"
	"net/url"
	"strings"

	"rtmtgrab/internal/config"
	masker "rtmtgrab/internal/masking"
)

// namesIn are the machines and people that a configuration names: problems say them in the
// middle of sentences.
func namesIn(cfg *config.Config) masker.Words {
	n := &mentioned{}
	for i := range cfg.Sites {
		s := &cfg.Sites[i]
		n.machines(s.Name)
		n.machines(s.Clusters...)
		n.machines(s.Nodes...)
		for _, h := range s.Hosts {
			n.machines(h.Name, h.Address)
			n.way(h.SSH.User, h.SSH.Jump)
		}
	}
	for _, m := range cfg.Mails {
		n.machines(m.Server)
		n.people(m.Name, m.User)
		n.people(m.Mailboxes...)
	}
	for i := range cfg.CUCM {
		u := &cfg.CUCM[i]
		n.machines(u.Cluster, u.Publisher)
		n.people(u.User, u.Reset.User)
		for _, node := range u.Nodes {
			n.machines(node.Name, node.Address)
			n.machines(node.Aliases...)
		}
	}
	for _, b := range cfg.Beats {
		n.machines(b.Name, b.Cluster)
	}
	if cfg.SMTP != nil {
		n.machines(cfg.SMTP.Server)
		n.people(cfg.SMTP.User, cfg.SMTP.From)
	}
	for i := range cfg.Handover {
		n.destination(&cfg.Handover[i])
	}
	return n.Words
}

type mentioned struct{ masker.Words }

// machines takes names and addresses in, without their ports and the signs of patterns.
func (n *mentioned) machines(names ...string) {
	for _, name := range names {
		if host, _, err := net.SplitHostPort(name); err == nil {
			name = host
		}
		if name = strings.Trim(name, "*"); name != "" {
			n.Known = append(n.Known, name)
		}
	}
}

// people takes accounts, folders and addresses in. INBOX is everybody's.
func (n *mentioned) people(names ...string) {
	for _, name := range names {
		if name != "" && !strings.EqualFold(name, "INBOX") {
			n.People = append(n.People, name)
		}
	}
}

func (n *mentioned) way(user string, jumps []config.Jump) {
	n.people(user)
	for _, j := range jumps {
		n.machines(j.Address)
		n.people(j.User)
	}
}

func (n *mentioned) destination(h *config.Handover) {
	n.machines(h.Name)
	switch {
	case h.SFTP != nil:
		n.machines(h.SFTP.Address)
		n.way(h.SFTP.User, h.SFTP.Jump)
	case h.S3 != nil:
		n.machines(h.S3.Endpoint, h.S3.Bucket)
	case h.HTTPS != nil:
		n.people(h.HTTPS.User)
		n.at(h.HTTPS.URL)
	case h.CXD != nil:
		n.at(h.CXD.URL)
	case h.Mail != nil:
		n.people(h.Mail.To...)
	}
}

// at takes in the host of an address. One that cannot be read now is told nowhere either.
func (n *mentioned) at(a config.Address) {
	text, err := a.Read()
	if err != nil {
		return
	}
	if u, err := url.Parse(text); err == nil {
		n.machines(u.Host)
	}
}
