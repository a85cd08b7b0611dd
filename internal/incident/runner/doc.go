// Package runner works at incidents: it asks the hosts of each, through a Puller, and
// hands what came back to a sealer; and it removes what is too old.
//
// Each step is a state on disk and may be repeated: after a kill at any point a
// restart leads to exactly one bundle per incident and revision. What goes wrong with
// a host is that host's result, what goes wrong with an incident is that incident's.
//
// It does not know how logs are fetched, what a bundle looks like inside, or why there
// is an incident: those are passed in, the last as a Triage.
package runner
