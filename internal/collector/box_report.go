package collector

import (
	"slices"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/redact"
	"rtmtgrab/internal/wiring"
)

// report says how each of them is.
func (m *mailboxes) report(r *status.Report, cfg *config.Config) {
	for _, b := range m.states.all() {
		i := slices.IndexFunc(cfg.Mails, func(m config.Mail) bool { return m.Name == b.Mail })
		if i < 0 { // a reload has taken it away
			continue
		}
		box, hint := mailboxStatus(&cfg.Mails[i], b)
		box.Sites = wiring.SitesThrough(cfg, b.Folder)
		r.Mailboxes = append(r.Mailboxes, box)
		r.JudgeMailbox(box, hint)
		if b.State.Held != nil {
			r.Add(status.Problem{Key: "mailbox/" + box.Name + "/alerts", Blocks: true,
				What: "an alert from mailbox " + box.Name + " cannot be kept, and waits there: " + redact.Foreign(b.State.Held.Error(), 300),
				Hint: "is " + r.Store + " writable for this service, and is there room on its disk? It is tried again by itself"})
		}
	}
}

// mailboxStatus is a mailbox in the words of the report, and the next move if it is down.
func mailboxStatus(mail *config.Mail, b boxState) (m status.Mailbox, hint string) {
	s := b.State
	m = status.Mailbox{Name: b.Name, Server: b.Server, Connected: s.Connected, Idle: s.Idle, Since: s.Since.UTC(), Answer: s.Answer.UTC(), Turned: s.Now.UTC(),
		UIDValidity: s.Cursor.UIDValidity, UID: s.Cursor.UID, Retry: s.Retry.UTC(),
		TokenTill: b.TokenTill.UTC(), Attempts: s.Attempts, Broken: b.Never}
	if !s.Cursor.Began {
		m.Newest = s.Cursor.LastInternal.UTC()
	}
	if s.Err != nil {
		m.Error, hint = redact.Foreign(s.Err.Error(), 600), advice.ForMail(mail, s.Err)
	}
	return m, hint
}
