package collector

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/collector/control"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/config/scalar"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/wiring"
)

// PauseAsk is what `grab pause` and `grab resume` ask for, of a running watch too.
type PauseAsk struct {
	Site   string `json:"site"`
	All    bool   `json:"all"`
	For    string `json:"for,omitempty"`
	Until  string `json:"until,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// Pauser begins and ends pauses.
type Pauser struct {
	Store *incident.Store
	Cfg   func() *config.Config
}

// Do does what is asked for and tells what is paused then.
func (d Pauser) Do(ctx context.Context, path string, q *PauseAsk, by string, now time.Time) ([]status.Pause, error) {
	var err error
	switch path {
	case "/pause":
		err = d.pause(ctx, *q, by, now)
	case "/resume":
		err = d.resume(ctx, *q, by, now)
	}
	var byHand []incident.Pause
	if err == nil {
		byHand, err = d.Store.Pauses(now)
	}
	switch {
	case errors.Is(err, os.ErrPermission):
		return nil, advice.WithHint(err, "run this as the owner of "+d.Store.Dir+", or as a member of socket.group while grab watch runs")
	case errors.Is(err, incident.ErrPauses):
		return nil, advice.WithHint(err, "nothing is paused by hand: move pauses.json out of "+d.Store.Dir+", then pause again")
	case err != nil:
		return nil, err
	}
	list := []status.Pause{}
	for _, p := range slices.Concat(byHand, incident.QuietNow(wiring.Sites(d.Cfg()), now)) {
		list = append(list, status.Pause{Site: p.Site, From: p.From, Until: p.Until, Reason: p.Reason, By: p.By})
	}
	return list, nil
}

// site is the one that is meant: "" for all of them.
func (d Pauser) site(q PauseAsk) (string, *time.Location, error) {
	switch {
	case q.All && q.Site != "":
		return "", nil, advice.Usage(errors.New("--site and --all do not go together"))
	case q.All:
		return "", time.UTC, nil
	case q.Site == "":
		return "", nil, advice.Usage(errors.New("missing site: --site NAME, or --all"))
	}
	cfg := d.Cfg()
	s := cfg.Site(q.Site)
	if s == nil {
		_, _, err := cfg.Select(q.Site)
		return "", nil, advice.Usage(err)
	}
	return s.Name, s.Zone(), nil
}

func (d Pauser) pause(ctx context.Context, q PauseAsk, by string, now time.Time) error {
	site, zone, err := d.site(q)
	if err != nil {
		return err
	}
	p := incident.Pause{Site: site, From: now, Reason: q.Reason, By: by}
	switch {
	case strings.TrimSpace(q.Reason) == "":
		return advice.Usage(errors.New("missing --reason: say why nothing is to be grabbed"))
	case (q.For == "") == (q.Until == ""):
		return advice.Usage(errors.New("missing end: set either --for or --until"))
	case q.For != "":
		length, err := scalar.Duration(q.For)
		if err != nil {
			return advice.Usage(fmt.Errorf("--for: %w", err))
		}
		p.Until = now.Add(length)
	default:
		if p.Until, err = parseUntil(q.Until, now, zone); err != nil {
			return advice.Usage(err)
		}
	}
	if !p.Until.After(now) || p.Until.Sub(now) > incident.MaxPause {
		return advice.Usage(fmt.Errorf("the pause would end at %s: the end must be in the future, at most 30 days from now", human.Local().At(p.Until)))
	}
	return d.Store.Pause(ctx, p)
}

// parseUntil is parseTime, but a time of day is the next one.
func parseUntil(s string, now time.Time, zone *time.Location) (time.Time, error) {
	t, err := oneshot.ParseTime(s, now.Add(24*time.Hour), zone)
	if err != nil {
		return t, fmt.Errorf("--until %q: %w", s, err)
	}
	return t, nil
}

func (d Pauser) resume(ctx context.Context, q PauseAsk, by string, now time.Time) error {
	site, _, err := d.site(q)
	if err != nil {
		return err
	}
	_, err = d.Store.Resume(ctx, site, by, now)
	switch {
	case errors.Is(err, incident.ErrAllPaused):
		return advice.WithHint(fmt.Errorf("site %s: %w", site, err), "`grab resume --all` ends it")
	case errors.Is(err, incident.ErrNoPause):
		return advice.WithHint(fmt.Errorf("site %s: %w", EverySite(site), err), "quiet hours (quiet:) end by their schedule, or when you change the configuration")
	}
	return err
}

// servePauses answers GET /pauses, POST /pause and POST /resume.
func (d Pauser) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	var q PauseAsk
	if r.Method == http.MethodPost {
		if err := control.Read(r, &q); err != nil {
			control.Fail(rw, http.StatusBadRequest, control.Failure{Message: err.Error(), Exit: advice.BadUsage})
			return
		}
	}
	list, err := d.Do(r.Context(), r.URL.Path, &q, control.PeerOf(r.Context()).String(), time.Now())
	if err != nil {
		control.Fail(rw, http.StatusConflict, control.Failure{Message: err.Error(), Hint: advice.For(err), Exit: advice.Exit(err)})
		return
	}
	control.Answer(rw, list)
}
