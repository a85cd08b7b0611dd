// Package analysis makes of logs what stands in a bundle beside them: the report on the
// REGISTER messages, the packets of the SIP messages; and the first word on an incident.
//
// What a running program wants of it, an Analyst does in a process of its own: logs hold
// what strangers wrote, and whatever that does to the analysis, it costs no more than the
// report. Between the two lies a folder, and an answer of bounded size that is checked.
// Only a command by hand calls Analyze in its own process.
//
// It does not judge what the logs say: that is package registration's.
package analysis

import (
	"context"
	"io"
	"slices"
	"time"

	"rtmtgrab/internal/registration"
	"rtmtgrab/internal/report"
	"rtmtgrab/internal/sources"
)

// The files of a report, in a bundle's report/ and in --out.
const (
	PageName = "registration.html"
	CSVName  = "registrations.csv"
	JSONName = "registrations.json"

	ExportName = "sip.pcapng" // the SIP messages, in a bundle's report/
)

// Analyze makes the report of a set. phones are named beside those that the
// set's bundles name.
func Analyze(ctx context.Context, set *sources.Set, phones []string, grace time.Duration) (*registration.Report, error) {
	o := registration.Options{Window: set.Window, Alerts: set.Alerts, PhonesNamed: slices.Concat(set.PhonesNamed, phones), Grace: grace, Peers: set.Peers, PhonePage: set.PhonePage, Before: set.Before,
		Traces: set.Traces, Names: set.Names, Taken: set.Taken}
	rep, err := registration.Analyze(ctx, set.Sources, o)
	if err != nil {
		return nil, err
	}
	set.Settle(rep)
	return rep, nil
}

// ReportFiles are the three files and what writes them.
func ReportFiles(set *sources.Set, rep *registration.Report) map[string]func(io.Writer) error {
	return map[string]func(io.Writer) error{
		PageName: func(w io.Writer) error { return report.Page(w, rep, set.Text(rep)) },
		CSVName:  func(w io.Writer) error { return report.CSV(w, rep) },
		JSONName: func(w io.Writer) error { return report.JSON(w, rep) },
	}
}
