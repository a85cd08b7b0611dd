package cucmlab

import (
	"crypto/rand"
	"slices"
)

// A Role lets an account use a service.
type Role string

// The roles, by what they are for.
const (
	RoleRealtime Role = "Standard RealtimeAndTraceCollection" // RISPort, PerfMon, Log Collection
	RoleAXL      Role = "Standard AXL API Access"
)

// An Account is an application user.
type Account struct {
	User, Password string
	Roles          []Role
}

func (a *Account) has(role Role) bool { return slices.Contains(a.Roles, role) }

// DefaultAccounts are grab, who may look, and axl, who may reset phones; each has a
// password that nobody guesses.
func DefaultAccounts() []Account {
	return []Account{
		{User: "grab", Password: rand.Text(), Roles: []Role{RoleRealtime}},
		{User: "axl", Password: rand.Text(), Roles: []Role{RoleAXL}},
	}
}

// lockedAfter so many refused logins in a row an account is locked.
const lockedAfter = 3

// accounts are who may log in, and how often they failed.
type accounts struct {
	all    map[string]Account
	failed map[string]int
}

func newAccounts(list []Account) accounts {
	a := accounts{all: map[string]Account{}, failed: map[string]int{}}
	for _, one := range list {
		a.all[one.User] = one
	}
	return a
}

// login reports whether a user may come in. A locked account may not, not even with the
// right password.
func (a *accounts) login(user, password string) bool {
	known, ok := a.all[user]
	if a.failed[user] >= lockedAfter {
		a.failed[user]++
		return false
	}
	if !ok || known.Password != password {
		a.failed[user]++
		return false
	}
	a.failed[user] = 0
	return true
}
