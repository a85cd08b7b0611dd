// Package diagnostics has Expressways write their own diagnostic log after an alert, over their
// REST API, and takes it into the incident (package material).
//
// It guarantees that nothing is asked of an appliance whose own description of its API
// (/api/raml) does not show diagnostic logging; that it is started only where it is shown not
// to run, and stopped only where it is shown to be the run that was started here, also
// after a restart, for what is started is written down first; that what cannot be told is left
// alone and said; that one refused login stops the account (package ledger), for appliances ban
// whoever goes on; that what is downloaded is bounded, whole and a stream; and that nothing
// of it delays an incident.
//
// It does not know what a diagnostic log says. No appliance was ever asked: docs/cucm.md
// says on what it rests.
package diagnostics
