package collector

import (
	"log/slog"
	"net/http"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/inventory"
	"rtmtgrab/internal/app/retention"
	"rtmtgrab/internal/collector/control"
	"rtmtgrab/internal/incident"
)

// pinner pins incidents, and ends that.
type pinner struct {
	store *incident.Store
	log   *slog.Logger
}

// ServeHTTP answers POST /pin.
func (d pinner) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	var q retention.PinAsk
	if err := control.Read(r, &q); err != nil {
		control.Fail(rw, http.StatusBadRequest, control.Failure{Message: err.Error(), Exit: advice.BadUsage})
		return
	}
	by := control.PeerOf(r.Context()).String()
	id, err := inventory.Finder{Store: func() (*incident.Store, error) { return d.store, nil }}.ID(q.Incident)
	var p retention.Pinned
	if err == nil {
		q.Incident = id
		p, err = retention.Pin(r.Context(), d.store, q, by, time.Now())
	}
	if err != nil {
		control.Fail(rw, http.StatusConflict, control.Failure{Message: err.Error(), Hint: advice.For(err), Exit: advice.Exit(err)})
		return
	}
	d.log.Info("pin", "incident", p.Incident, "pinned", p.Pinned, "by", by, "reason", p.Reason)
	control.Answer(rw, p)
}
