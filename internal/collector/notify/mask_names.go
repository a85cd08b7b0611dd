package notify

import (
	"net"
	"net/url"
	"strings"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/config/fleetconf"
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
		n.tenant(m.OAuth)
		n.people(m.Name, m.User)
		n.people(m.Mailboxes...)
	}
	for i := range cfg.CUCM {
		u := &cfg.CUCM[i]
		n.machines(u.Cluster, u.Publisher)
		n.people(u.User, u.Reset.User)
		n.at(u.Proxy.Read)
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
		n.tenant(cfg.SMTP.OAuth)
	}
	n.told(cfg.Notify)
	n.fleet(cfg.Fleet)
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
		n.at(h.S3.Proxy.Read)
	case h.HTTPS != nil:
		n.people(h.HTTPS.User)
		n.at(h.HTTPS.URL.Read)
		n.at(h.HTTPS.Proxy.Read)
	case h.CXD != nil:
		n.at(h.CXD.URL.Read)
		n.at(h.CXD.Proxy.Read)
	case h.Mail != nil:
		n.people(h.Mail.To...)
	}
}

// told takes in who gets notices, and by which servers.
func (n *mentioned) told(t *config.Notify) {
	if t == nil {
		return
	}
	n.people(t.Mail.To...)
	for _, w := range t.Webhooks {
		n.at(w.URL.Read)
	}
}

// fleet takes in this collector and the servers of its hub. The others stand in keys.
func (n *mentioned) fleet(f *fleetconf.Fleet) {
	if f == nil {
		return
	}
	n.machines(f.Name, f.Tenant)
	for _, s := range f.Servers {
		n.at(func() (string, error) { return s, nil })
	}
	n.at(f.Proxy.Read)
}

func (n *mentioned) tenant(o *config.OAuth) {
	if o != nil {
		n.machines(o.Tenant)
	}
}

// at takes in the host of an address. One that cannot be read now is told nowhere either.
func (n *mentioned) at(read func() (string, error)) {
	text, err := read()
	if err != nil {
		return
	}
	if u, err := url.Parse(text); err == nil {
		n.machines(u.Host)
	}
}
