// Package triage decides about alerts: which are heard for the first time, where they
// go, what is a repeat and what is news, and which incident each joins or opens.
//
// The way of one alert is read in two functions, for a batch of mails is safe on disk
// before any of it is judged. Journal.Take: heard before? -> routed to which sites? ->
// paused? -> written down. Journal.Decide: repeat or news? -> does it join or open an
// incident? -> written down, the incident first.
//
// What is decided follows from the alerts, the policy and the incidents that hosts
// were asked for alone: the order in which mails arrive does not matter, nor does a
// restart. All planning (plan.go, restart.go) is pure.
//
// It does not know how a mail is read, nor what is done at an incident: who works at
// incidents shares the table of them with it.
package triage
