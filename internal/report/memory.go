package report

import (
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration"
)

// Bounds of what is remembered of one incident.
const (
	maxPartial = 500
	maxOver    = 5000
)

// Memory is what later incidents of the site should know of a report's phones: of those that
// a log names by device or MAC, for a Call-ID means nothing later.
func Memory(rep *registration.Report) evidence.Memory {
	m := evidence.Memory{Partial: []evidence.PhoneTime{}, Over: []evidence.PhoneTime{}, Cut: rep.MorePhones > 0}
	add := func(list *[]evidence.PhoneTime, most int, p *registration.Phone, at *time.Time) {
		switch {
		case at == nil:
		case len(*list) == most:
			m.Cut = true
		default:
			*list = append(*list, evidence.PhoneTime{Device: phoneName(p), Verdict: p.Verdict, At: *at})
		}
	}
	for i := range rep.Phones {
		p := &rep.Phones[i]
		if p.Device == "" && p.MAC == "" {
			continue
		}
		switch p.Verdict {
		case registration.VerdictPartial, registration.PhoneCameBack:
			add(&m.Partial, maxPartial, p, p.At)
		case registration.PhoneUnregistered:
			add(&m.Over, maxOver, p, p.LostAt)
			continue
		}
		add(&m.Over, maxOver, p, p.RegisteredAt)
	}
	return m
}
