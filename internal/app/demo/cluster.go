package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/material"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/lab/cucmlab"
	"rtmtgrab/internal/lab/mra"
	"rtmtgrab/internal/wiring"
)

// describedAs is what people wrote about the phones into CUCM.
var describedAs = []string{"Front desk", "Warehouse", "Reception, home", "Sales 1, home", "Sales 2, home", "Night watch"}

// traces are those of the demo's CUCM nodes.
func traces() *mra.SDLConfig { return &mra.SDLConfig{Zone: wiring.ZoneNamed(demoZone)} }

// startCUCM serves the site's CUCM nodes.
func (d *demo) startCUCM(ctx context.Context) (err error) {
	phones := map[string]cucmlab.Phone{}
	for i, device := range d.site.Devices() {
		phones[device] = cucmlab.Phone{Description: describedAs[i%len(describedAs)]}
	}
	d.cucm, err = cucmlab.New(ctx, cucmlab.Config{Site: d.site, Zone: wiring.ZoneNamed(demoZone), Phones: phones})
	return err
}

// cucmYAML is the demo's entry of cucm:.
func (d *demo) cucmYAML() string {
	var nodes strings.Builder
	for _, n := range d.cucm.Nodes() {
		fmt.Fprintf(&nodes, "      - {name: %s, address: %q, aliases: [%s]}\n", n.Name(), n.Addr(), n.FQDN)
	}
	return fmt.Sprintf("cucm:\n  - cluster: StandAloneCluster\n    publisher: %q\n    nodes:\n%s    user: %s\n    password: {file: cucm.secret}\n    ca_file: cucm-ca.pem\n    proxy: none\n    settle: 1s\n",
		d.cucm.Nodes()[0].Addr(), nodes.String(), d.cucm.Account(cucmlab.RoleRealtime).User)
}

// tracesWait bounds the waiting for CUCM's traces.
const tracesWait = 12 * time.Second

// traced waits for CUCM's traces, for which no first revision waits, and has a revision made
// of them at once; the watcher would make it after ten quiet minutes.
func (d *demo) traced(ctx context.Context, w *collector.Collector, e runner.Event) error {
	if e.Err != nil {
		return nil // told of by who asks for the bundle
	}
	in, err := w.Store.Load(e.Incident)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, tracesWait, errors.New("CUCM's traces have not come"))
	defer cancel()
	if err := until(ctx, func() (bool, error) {
		state, err := material.Of(w.Store, in.Key).Read()
		return len(state.CUCM) == 1 && len(state.CUCM[0].Nodes) == len(d.cucm.Nodes()), err
	}); err != nil {
		return err
	}
	d.step("CUCM's traces, syslogs and alert log came; like grab retry: revision %d with them", in.Revision+1)
	err = until(ctx, func() (bool, error) { // the watcher may not have let go of it yet
		in, err = w.Runner.Retry(ctx, in.Key, runner.RetryRequest{})
		if errors.Is(err, incident.ErrBusy) {
			return false, nil
		}
		return err == nil, err
	})
	if err == nil {
		d.step("sealed again, with CUCM's own record")
	}
	return err
}

// until waits for something to be so.
func until(ctx context.Context, is func() (bool, error)) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := is(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// asked is what CUCM was asked, in words.
func (d *demo) asked() string {
	calls := map[cucmlab.Service]int{}
	for _, r := range d.cucm.Requests() {
		calls[r.Service]++
	}
	return fmt.Sprintf("%d times for phones, %d times for lists of logs, %d times for a file", calls[cucmlab.RISPort], calls[cucmlab.LogCollection], calls[cucmlab.GetFile])
}

// names tells the phones that CUCM named, beside what it knows of them.
func (r *Result) names(out io.Writer) error {
	var list evidence.PartialPhones
	err := bundle.ReadFile(context.Background(), r.Bundle, "cucm/partial-phones.json", func(f io.Reader) error { return json.NewDecoder(f).Decode(&list) })
	if err != nil {
		return fmt.Errorf("the names that CUCM told: %w", err)
	}
	for _, c := range list.Clusters {
		for _, p := range c.Phones {
			fmt.Fprintf(out, "names     %s: %s, %q; %s (%s)\n", p.Device, evidence.LineWords(p.Lines), p.Description, p.Status, c.State)
		}
	}
	_, err = fmt.Fprintf(out, "cucm      was asked %s\n", r.asked)
	return err
}
