package fleetview

import (
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"rtmtgrab/internal/app/inventory"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/sight"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/wiring"
)

// A Row is an incident in the list of a fleet. What `grab list` has too is called as it is there.
type Row struct {
	Incident string            `json:"incident"`
	Site     string            `json:"site"`
	State    incident.State    `json:"state"`
	Coverage evidence.Coverage `json:"coverage"`
	Bundle   string            `json:"bundle"` // its path on that collector; of a folder that somebody chose the name alone
	Time     time.Time         `json:"time"`
	Until    time.Time         `json:"until"`
	TimeZone string            `json:"time_zone,omitempty"`
	Kind     string            `json:"kind"`
	Verdict  string            `json:"verdict,omitempty"`
	Bytes    int64             `json:"bytes,omitempty"`

	Collector string         `json:"collector"`
	Revision  int            `json:"revision"`
	Sealed    time.Time      `json:"sealed"`
	Cause     string         `json:"cause,omitempty"`
	Affected  int            `json:"affected"`         // phones that something happened to
	Counts    map[string]int `json:"counts,omitempty"` // of them, by verdict
	Names     []string       `json:"names,omitempty"`  // of them, where fleet.names allows it
	HandTo    []string       `json:"hand_to,omitempty"`
	Unclaimed bool           `json:"unclaimed,omitempty"`
}

// RowOf is the row of an incident.
func RowOf(v fleet.Verdict) Row {
	return Row{Incident: v.Incident, Site: v.Site, State: incident.Sealed, Coverage: v.Coverage, Bundle: v.Bundle, Time: sight.When(v), Until: v.Window.Until, TimeZone: v.TimeZone, Kind: v.Kind, Verdict: v.Verdict, Bytes: v.Bytes,
		Collector: v.Collector, Revision: v.Revision, Sealed: v.Sealed, Cause: v.Cause, Affected: v.Phones, Counts: v.Counts, Names: v.Names, HandTo: v.HandTo, Unclaimed: v.Unclaimed}
}

// List is what a fleet has found out, and what of that could not be listed.
func List(ctx context.Context, cfg *config.Config, q inventory.Query) (rows []Row, warning error, err error) {
	h, err := Connect(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	defer h.Close()
	var got sight.Incidents
	err = allowed(ctx, h, func(ctx context.Context) (err error) {
		got, err = sight.List(ctx, h.Stream, sight.Query{Site: q.Site, Since: q.Since, Verdict: q.Verdict, Coverage: evidence.Coverage(q.Coverage), Last: q.Last})
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	rows = []Row{}
	for _, v := range got.List {
		rows = append(rows, RowOf(v))
	}
	switch {
	case got.Cut && q.Last == 0:
		warning = fmt.Errorf("of the fleet's incidents only the newest %d were looked at: narrow it with --site or --since", sight.MaxVerdicts)
	case got.Bad > 0:
		warning = fmt.Errorf("%s of the fleet cannot be read by this version", human.Plural(got.Bad, "event"))
	}
	return rows, warning, nil
}

// WriteList prints it as a table for people, each time in its site's zone.
func WriteList(w io.Writer, rows []Row, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	header := "INCIDENT\tSITE\tCOLLECTOR\tCOVERAGE\tTIME\tAGE\tVERDICT\tCAUSE\tPHONES\tBUNDLE"
	noted := slices.ContainsFunc(rows, func(r Row) bool { return r.Unclaimed })
	if noted {
		header += "\tNOTE"
	}
	fmt.Fprintln(t, header)
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", r.Incident, r.Site, r.Collector, human.Dash(string(r.Coverage)),
			human.Clock{Zone: wiring.ZoneNamed(r.TimeZone)}.Short(r.Time.Truncate(time.Second)), human.Ago(now.Sub(r.Time)), human.Dash(r.Verdict), human.Dash(r.Cause), phones(r), human.Dash(r.Bundle))
		switch {
		case r.Unclaimed:
			fmt.Fprint(t, "\tunclaimed: no hub could be asked")
		case noted:
			fmt.Fprint(t, "\t-")
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// phones is how many, and the first of them where they may be named.
func phones(r Row) string {
	if len(r.Names) == 0 {
		return fmt.Sprint(r.Affected)
	}
	if more := r.Affected - 1; more > 0 {
		return fmt.Sprintf("%s and %d more", r.Names[0], more)
	}
	return r.Names[0]
}
