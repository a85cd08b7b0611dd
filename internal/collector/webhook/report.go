package webhook

import (
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/redact"
)

// Report says what came lately; in is what is configured, nil: nothing.
func (h *Handler) Report(r *status.Report, in *config.Intake) {
	if in == nil {
		return
	}
	t := h.Tally()
	r.Webhook = &status.Webhook{Listen: in.Listen, Alerts: t.Alerts, Accepted: t.Accepted.UTC()}
	if _, err := secretOf(in); err != nil {
		r.Webhook.Secret = redact.Foreign(err.Error(), 300)
	}
	if t.Refused > 0 {
		r.Webhook.Refused, r.Webhook.Since, r.Webhook.Last, r.Webhook.Why, r.Webhook.From = t.Refused, t.Since.UTC(), t.Last.UTC(), t.Why, t.From
	}
	status.JudgeWebhook(r)
}
