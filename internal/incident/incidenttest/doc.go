// Package incidenttest is what the tests of the rooms of incidents share: sites,
// policies, alerts and stores. It knows none of the rooms but incident, and no
// program imports it.
package incidenttest
