package health

import (
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/copyqueue"
)

// ReportQueue says who copies and who waits.
func ReportQueue(r *status.Report, q *copyqueue.Queue) {
	var all []status.Copy
	for _, p := range q.Places() {
		all = append(all, status.Copy{Incident: p.Incident, Site: p.Site, Host: p.Host, Copies: p.Copies, Left: p.Left, Safe: p.Deadline.UTC(), Since: p.Since.UTC()})
	}
	r.Queue.Count(all)
}
