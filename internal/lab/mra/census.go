package mra

import (
	"fmt"
	"strings"
)

// A Handset is what CUCM's database has about one of a Site's phones. Nothing that
// happens changes it.
type Handset struct {
	Device      string
	Model, Load string   // the number of the type, as in a Contact; the firmware
	Numbers     []string // of its own lines, whoever is logged in
	User        string   // empty: none is named
	IP          string   // at home
}

// Handsets are a Site's phones, in the order of their indices.
func Handsets(s *Site) []Handset {
	var out []Handset
	for i := range s.cfg.Phones {
		p := newPhone(s, i) // as it was at the beginning: the Site's own belong to its runner
		out = append(out, Handset{Device: p.device, Model: p.model().number, Load: p.model().load, Numbers: p.numbers, User: p.user, IP: p.ip})
	}
	return out
}

// PeerAddress is the address of a Site's Expressway, by which CUCM knows the phones behind
// a C; empty: there is none of that name.
func PeerAddress(s *Site, name string) string {
	for _, e := range s.peers() {
		if e.Name() == name {
			return e.IP()
		}
	}
	return ""
}

// NodeAddress is the laboratory's address of a CUCM node: cucm01 is 10.0.20.11.
func NodeAddress(node string) string {
	n := 0
	name, _, _ := strings.Cut(node, ".")
	for _, r := range name {
		if r >= '0' && r <= '9' {
			n = (n*10 + int(r-'0')) % 200
		}
	}
	return fmt.Sprintf("10.0.20.%d", 10+n)
}
