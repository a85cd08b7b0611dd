package demo

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/fleetview"
	"rtmtgrab/internal/app/inventory"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet/owner"
	"rtmtgrab/internal/fleet/sight"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/wiring"
)

// untilTogether waits until every collector says that it works.
func (d *fleetDemo) untilTogether(ctx context.Context) error {
	h, err := fleetview.Connect(ctx, d.viewer)
	if err != nil {
		return err
	}
	defer h.Close()
	var o sight.Overview
	err = d.until(ctx, "waiting for three collectors to work together", func() (bool, error) {
		if o, err = sight.See(ctx, h.Stream); err != nil {
			return false, err
		}
		working := 0
		for _, c := range o.Collectors {
			if c.Word != nil && c.State != sight.Silent && c.State != sight.Left {
				working++
			}
		}
		return working == 1+len(pair) && o.Works, nil
	})
	if err == nil {
		d.step("%s sees mails and reaches no appliance; %s both reach the site", mailroom, strings.Join(pair, " and "))
	}
	return err
}

// lose has a phone go partial, and the collector killed that owns its incident.
func (d *fleetDemo) lose(ctx context.Context) (Shown, error) {
	mailed := make(chan error, 1)
	mctx, cancel := context.WithCancel(ctx)
	go func() { mailed <- ignoreCancel(d.rtmt(mctx)) }() // ends with mctx
	defer func() { <-mailed }()
	defer cancel()

	held := map[string]bool{}
	err := d.until(ctx, "waiting for both to hold the logs", func() (bool, error) {
		for _, name := range pair {
			if !held[name] && d.holds(name) {
				held[name] = true
				d.step("%s has all files of all peers open", name)
			}
		}
		return len(held) == len(pair), nil
	})
	if err != nil {
		return nil, err
	}
	r := &FleetResult{}
	if r.Killed, err = d.owner(ctx); err != nil {
		return nil, err
	}
	r.Sealed = pair[(slices.Index(pair, r.Killed)+1)%len(pair)]
	d.runs[r.Killed].kill()
	delete(d.runs, r.Killed)
	killed := time.Now()
	d.step("%s owns the incident: it is killed in the middle, kill -9", r.Killed)

	if err := d.takenOver(ctx, r); err != nil {
		return nil, err
	}
	r.Took = time.Since(killed).Seconds()
	d.step("%s went on with its own copy: sealed %.0f s after the kill, coverage %s", r.Sealed, r.Took, r.Coverage)
	if err := d.watch(r.Killed); err != nil {
		return nil, err
	}
	return r, d.settled(ctx, r)
}

// holds reports whether a collector has opened the files of all hosts of an incident.
func (d *fleetDemo) holds(name string) bool {
	st := d.store(name)
	keys, err := st.Keys()
	if err != nil || len(keys) == 0 {
		return false
	}
	in, err := st.Load(keys[0])
	if err != nil {
		return false
	}
	states, err := st.HostStates(in)
	if err != nil || len(states) < len(in.Hosts) {
		return false
	}
	for _, s := range states {
		if s.Held.IsZero() {
			return false
		}
	}
	return true
}

// owner is the collector that owns the site.
func (d *fleetDemo) owner(ctx context.Context) (name string, err error) {
	h, err := fleetview.Connect(ctx, d.viewer)
	if err != nil {
		return "", err
	}
	defer h.Close()
	err = d.until(ctx, "waiting for one to own the incident", func() (bool, error) {
		e, err := owner.EpochOf(ctx, h, fleetSite)
		name = e.Owner
		return name != "", err
	})
	return name, err
}

// takenOver waits for the bundle of the other collector.
func (d *fleetDemo) takenOver(ctx context.Context, r *FleetResult) error {
	st := d.store(r.Sealed)
	return d.until(ctx, "waiting for "+r.Sealed+" to take over", func() (bool, error) {
		list, err := st.List()
		if err != nil || len(list) != 1 || list[0].State != incident.Sealed {
			return false, err
		}
		r.Incident, r.Bundle, r.Coverage = list[0].Incident, list[0].Bundle, string(list[0].Coverage)
		return true, nil
	})
}

// settled waits until the one that was killed knows that its alert is in the other's incident,
// and looks what there is then: its own is dropped, or a supplement if it has logs that the other
// lacks.
func (d *fleetDemo) settled(ctx context.Context, r *FleetResult) error {
	err := d.until(ctx, "waiting for "+r.Killed+" to come to terms with it", func() (bool, error) {
		list, err := inventory.List(d.store(r.Killed), inventory.Query{})
		if err != nil || len(list) != 1 {
			return false, err
		}
		switch in := list[0]; {
		case in.State == incident.Removed:
			d.step("%s is back and drops its own: %s", r.Killed, in.RemovedWhy)
		case in.State == incident.Sealed && len(in.SupplementOf) > 0:
			r.Supplement = in.Bundle
			d.step("%s is back, and keeps its own as a supplement: it has logs that %s lacks", r.Killed, r.Sealed)
		default:
			return false, nil
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, name := range pair {
		found, err := filepath.Glob(filepath.Join(d.store(name).Bundles(), "*.zip"))
		if err != nil {
			return err
		}
		r.Bundles = append(r.Bundles, found...)
	}
	res, err := bundle.Verify(ctx, r.Bundle)
	r.Intact, r.manifest = res.OK, res.Manifest
	return err
}

// Exit is the exit code: 0 if there is one bundle, but for a supplement, whole and of complete
// logs.
func (r *FleetResult) Exit() int {
	if want := 1 + min(1, len(r.Supplement)); !r.Intact || len(r.Bundles) != want {
		return advice.Failed
	}
	return advice.Covered(evidence.Coverage(r.Coverage))
}

// Document is the result.
func (r *FleetResult) Document() any { return r }

// Write says what was got and where it lies.
func (r *FleetResult) Write(out io.Writer) error {
	fmt.Fprintln(out)
	if err := bundle.Describe(out, r.manifest, wiring.ZoneNamed(r.manifest.TimeZone)); err != nil {
		return err
	}
	beside := ""
	if r.Supplement != "" {
		beside = " but for the supplement " + r.Supplement
	}
	_, err := fmt.Fprintf(out, "\nbundle    %s (intact: %v), of both collectors the only one%s\nlook at   grab show %s\nkilled    %s; %s took over within %.0f s\n", r.Bundle, r.Intact, beside, r.Bundle, r.Killed, r.Sealed, r.Took)
	return err
}
