// Package diskspace says how much room a disk has for this user.
//
// It does not know quotas.
package diskspace
