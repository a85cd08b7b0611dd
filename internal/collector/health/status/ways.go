package status

import (
	"fmt"
	"slices"
	"time"

	"rtmtgrab/internal/human"
)

// Webhook is where programs post alerts.
type Webhook struct {
	Listen   string    `json:"listen"`
	Alerts   int       `json:"alerts"`                 // taken since the start, each once
	Accepted time.Time `json:"accepted,omitzero"`      // the last request that was taken
	Refused  int       `json:"refused"`                // requests of the last hour that were not
	Since    time.Time `json:"refused_since,omitzero"` // the first of them
	Last     time.Time `json:"refused_last,omitzero"`  // and the last
	Why      string    `json:"refused_why,omitempty"`  // of that
	From     string    `json:"refused_from,omitempty"` // address of its sender
	Secret   string    `json:"secret_error,omitempty"` // why the secret cannot be read
}

// JudgeWebhook adds what keeps alerts from being taken that programs post.
func JudgeWebhook(r *Report) {
	h := r.Webhook
	if h == nil {
		return
	}
	if h.Secret != "" {
		r.Add(Problem{Key: "webhook/secret", What: "posted alerts cannot be verified: the secret of alerts.webhook cannot be read: " + h.Secret,
			Hint: "put the file in its place, readable for the user of grab watch alone; no reload is needed"})
	}
	if h.Refused > 0 {
		r.Add(Problem{Key: "webhook/refused", Since: h.Since, What: "the webhook for alerts refused " + human.Plural(h.Refused, "request") + ", the last from " + h.From + ": " + h.Why,
			Hint: "if that sender is one of yours its alerts are lost until it is put right: docs/alerts.md, \"By webhook\"; else find out who it is"})
	}
}

// webhook writes it for a person.
func (w *writer) webhook(h Webhook) {
	w.line("\nwebhook for alerts")
	w.line("  %s: %s since the start, the last request %s", h.Listen, human.Plural(h.Alerts, "alert"), w.when(h.Accepted))
	if h.Refused > 0 {
		w.line("    refused in the last hour: %d, the last from %s %s", h.Refused, h.From, w.when(h.Last))
	}
}

// Poll is what polls of one node of CUCM have found. Without a node it is of a cluster whose
// nodes cannot be found out.
type Poll struct {
	Cluster    string    `json:"cluster"`
	Node       string    `json:"node"`
	EveryS     float64   `json:"every_s"`
	Partial    *int64    `json:"partial,omitempty"`      // partially registered phones: the base line, above which a value is an alert; nil: not known
	Since      time.Time `json:"since,omitzero"`         // it is what it is
	Answer     time.Time `json:"answer,omitzero"`        // the last one
	Registered *int64    `json:"registered,omitempty"`   // phones
	Over       *int64    `json:"over,omitempty"`         // the lowest value of the last days: RTMT's alert should be over that
	OverDays   int       `json:"over_days,omitempty"`    // how many days those are
	Set        time.Time `json:"base_set,omitzero"`      // the last time that the base line was set without an alert, whatever the value
	SetWhy     string    `json:"base_set_why,omitempty"` // why
	Error      string    `json:"error,omitempty"`        // why it does not answer
	Failing    time.Time `json:"failing_since,omitzero"`
	Failed     int       `json:"failed,omitempty"`        // polls in a row
	Refused    bool      `json:"login_refused,omitempty"` // nothing more is tried

	Hint  string   `json:"-"`
	Sites []string `json:"-"`
}

// fails reports whether the node is not polled any more: once may be chance.
func fails(l Poll) bool { return l.Error != "" && (l.Refused || l.Failed >= 2) }

// JudgePolls adds the nodes that do not answer. Where mails and other ways are there still,
// none blocks: see judgeWays.
func JudgePolls(r *Report) {
	refused := map[string]bool{}
	for _, l := range r.Polls {
		switch {
		case !fails(l):
		case l.Refused && refused[l.Cluster]:
		case l.Refused:
			refused[l.Cluster] = true
			r.Add(Problem{Key: "poll/" + label(l.Cluster) + "/login", Since: l.Failing, Sites: l.Sites, What: "CUCM cluster " + l.Cluster + " is not polled: the login was refused, and none is tried again, for CUCM locks the account: " + l.Error,
				Hint: l.Hint})
		case l.Node == "":
			r.Add(Problem{Key: "poll/" + label(l.Cluster), Since: l.Failing, Sites: l.Sites, What: "CUCM cluster " + l.Cluster + " is not polled, for its nodes cannot be found out: " + l.Error, Hint: l.Hint})
		default:
			r.Add(Problem{Key: "poll/" + label(l.Cluster) + "/" + label(l.Node), Since: l.Failing, Sites: l.Sites, What: "node " + l.Node + " of CUCM cluster " + l.Cluster + " is not polled: " + l.Error, Hint: l.Hint})
		}
	}
}

// dayAndEnds are dates of which one was looked at from its beginning to its end: the first
// one may have begun, and the last one goes on.
const dayAndEnds = 3

// poll writes it for a person.
func (w *writer) poll(l Poll) {
	if l.Node == "" {
		w.line("  %s: its nodes cannot be found out: %s", l.Cluster, l.Error)
		return
	}
	is := "not known yet"
	if l.Partial != nil {
		is = fmt.Sprintf("%s, since %s", human.Plural(int(*l.Partial), "partially registered phone"), w.when(l.Since))
	}
	w.line("  %s of %s, every %s: %s", l.Node, l.Cluster, human.Span(seconds(l.EveryS)), is)
	line := "    last answer " + w.when(l.Answer)
	if l.Registered != nil {
		line += "; " + human.Plural(int(*l.Registered), "phone") + " registered"
	}
	switch {
	case l.Over == nil:
	case *l.Over > 0 && l.OverDays < dayAndEnds:
		line += fmt.Sprintf("; never below %d so far: a whole day has to pass before that says what RTMT's alert should be on", *l.Over)
	default:
		line += fmt.Sprintf("; never below %d in %s: RTMT's alert should be on over %d", *l.Over, human.Plural(l.OverDays, "day"), *l.Over)
	}
	w.line("%s", line)
	if !l.Set.IsZero() {
		w.line("    base line set without an alert %s: %s", w.when(l.Set), l.SetWhy)
	}
	if l.Error != "" {
		w.line("    not answering for %s: %s", human.Span(max(w.now.Sub(l.Failing), 0)), l.Error)
	}
}

// judgeWays has what is wrong with a way for alerts block the sites to which no other way is
// left. A mailbox that is down, and a hub that is the only way, block by themselves.
func judgeWays(r *Report) {
	byHook := r.Webhook != nil && r.Webhook.Secret == ""
	for i := range r.Problems {
		p := &r.Problems[i]
		sites, other := p.Sites, func(string) bool { return byHook }
		switch {
		case p.Key == "webhook/secret":
			sites, other = nil, func(site string) bool { return byPolls(r, site) }
			for _, s := range r.Sites {
				sites = append(sites, s.Site)
			}
		case !below(p.Key, "poll"):
			continue
		}
		deaf := slices.DeleteFunc(slices.Clone(sites), func(site string) bool { return byMail(r, site) || byFleet(r) || other(site) })
		if len(deaf) > 0 {
			p.Blocks, p.Sites = true, deaf
		}
	}
}

// byMail reports whether alerts of a site come into a mailbox.
func byMail(r *Report, site string) bool {
	return slices.ContainsFunc(r.Mailboxes, func(m Mailbox) bool { return len(m.Sites) == 0 || slices.Contains(m.Sites, site) })
}

// byFleet reports whether other collectors can send alerts.
func byFleet(r *Report) bool { return r.Fleet != nil && r.Fleet.Hub == HubConnected }

// byPolls reports whether all nodes whose alerts go to a site are polled.
func byPolls(r *Report, site string) bool {
	some := false
	for _, l := range r.Polls {
		if !slices.Contains(l.Sites, site) {
			continue
		}
		if fails(l) {
			return false
		}
		some = true
	}
	return some
}
