package status

import (
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
	Secret   string    `json:"secret_error,omitempty"` // why the secret could not be read at the last request
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
