package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/delivery"
	"rtmtgrab/internal/app/inventory"
	"rtmtgrab/internal/collector/control"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
)

// reportHandover says how it stands with the destinations of bundles.
func reportHandover(r *status.Report, dispatcher *delivery.Dispatcher, cfg *config.Config) {
	list, err := dispatcher.Report()
	if err != nil {
		r.Add(status.Problem{Key: status.HandoverKey, What: "bundles are not handed over: " + evidence.Printable(err.Error(), 300),
			Hint: "it is tried again by itself; see that no other grab send runs, and the folder handover in the store"})
	}
	for _, s := range list {
		d := status.Destination{Name: s.Name, Configured: s.Configured, Waiting: s.Waiting, Failed: s.Failed, Sending: s.Running, Closed: s.Closed, Hangs: s.Hung, Oldest: s.Oldest, Next: s.Next,
			Count: s.Count, Delivered: s.Delivered, Incident: s.Incident, Place: s.Place, Failing: s.Failing, FailedAt: s.Seen.Failed, Cause: s.Cause, Error: s.Error, FirstDead: s.FirstError}
		if to := cfg.Destination(s.Name); to != nil {
			d.Sink = to.Sink()
		}
		d.Hint = delivery.Hint(d.Sink, sink.Cause(s.Cause))
		r.Handover = append(r.Handover, d)
	}
	status.JudgeHandover(r)
}

// handed says for notices where bundles are.
func handed(dispatcher *delivery.Dispatcher) func(incident.Incident) ([]channel.Handed, bool) {
	return func(in incident.Incident) (list []channel.Handed, settled bool) {
		outcomes, settled := dispatcher.Outcomes(in)
		for _, o := range outcomes {
			list = append(list, channel.Handed{To: o.To, State: o.State, Place: evidence.Printable(o.Place, 500), Error: evidence.Printable(o.Error, 300)})
		}
		return list, settled
	}
}

// serveSend hands a bundle over, or gives that up. A client that leaves ends the waiting
// alone.
func (s *server) serveSend(rw http.ResponseWriter, r *http.Request) {
	var q delivery.Ask
	peer := control.PeerOf(r.Context())
	s.work(rw, r, "send", &q, func(ctx context.Context, d *operation) (any, error) {
		if q.File != "" && (!peer.Ours() || !filepath.IsAbs(q.File)) {
			return nil, advice.WithHint(errors.New("grab watch sends bundles of its own store"), "name an incident; a bundle in another place only root or the user of grab watch may have sent")
		}
		var err error
		if q.File == "" {
			if q.Incident, err = (inventory.Finder{Store: func() (*incident.Store, error) { return s.store, nil }}).ID(q.Incident); err != nil {
				return nil, err
			}
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			select {
			case <-d.stop:
				cancel()
			case <-ctx.Done():
			}
		}()
		return s.deliveries.Do(ctx, q, cmp.Or(d.by, "somebody"), d.say)
	})
}

func (s *server) serveDeliveries(rw http.ResponseWriter, _ *http.Request) {
	control.Answer(rw, s.deliveries.Queue())
}

// A CaseAsk sets the case of an incident.
type CaseAsk struct {
	Incident string `json:"incident"`
	Case     string `json:"case"` // empty: it has none any more
}

// A CaseSet is an incident and its case, as JSON.
type CaseSet struct {
	Incident string `json:"incident"`
	Case     string `json:"case"`
}

// Write writes it for people.
func (c CaseSet) Write(w io.Writer) error {
	_, err := fmt.Fprintf(w, "incident %s, case %s\n", c.Incident, human.Dash(c.Case))
	return err
}

func (s *server) serveCase(rw http.ResponseWriter, r *http.Request) {
	var q CaseAsk
	s.work(rw, r, "case", &q, func(context.Context, *operation) (any, error) {
		id, err := inventory.Finder{Store: func() (*incident.Store, error) { return s.store, nil }}.ID(q.Incident)
		if err != nil {
			return nil, err
		}
		in, err := s.deliveries.SetCase(id, q.Case, s.updateOpen)
		return CaseSet{in.ID, in.Case}, err
	})
}

// updateOpen changes an incident that the watch has in memory.
func (s *server) updateOpen(key string, change func(*incident.Incident)) (bool, error) {
	in, err := s.table.Get(key)
	if errors.Is(err, incident.ErrGone) || err == nil && in.State == incident.Sealed {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = s.table.Update(key, change)
	if errors.Is(err, incident.ErrGone) {
		return false, nil
	}
	return err == nil, err
}
