// Package scenario is a table of sites with a truth of their own: what happens to their
// phones, and what a report made from the logs alone may say and must not.
//
// It guarantees that a scenario is data: [Scenario.Play] lets it take place at once, and
// leaves the same logs each time. What it says of a site's truth is compared with what
// happened there by its tests. It does not know how a report is made.
package scenario
