// Package completion knows what a shell may offer where a host, a site or an incident is
// to be typed.
//
// It reads the configuration and the names in the store's folders, and nothing else: no
// host is asked, no grab watch, no incident is opened. What cannot be read offers nothing.
package completion

import (
	"slices"
	"strings"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/incident"
)

// Last stands for the newest incident.
const Last = "@last"

// most bounds how many incidents are offered.
const most = 100

// Hosts are the configured hosts that are not typed yet, each with its role and address.
func Hosts(cfg *config.Config, typed []string) (offers []string) {
	for _, s := range cfg.Sites {
		for _, h := range s.Hosts {
			offer := described(h.Name, strings.TrimSpace(h.Role+" "+h.Address))
			named := func(name string) bool { return strings.EqualFold(name, h.Name) }
			if !slices.ContainsFunc(typed, named) && !slices.Contains(offers, offer) {
				offers = append(offers, offer)
			}
		}
	}
	return offers
}

// Sites are the configured sites.
func Sites(cfg *config.Config) (offers []string) {
	for i := range cfg.Sites {
		var hosts []string
		for _, h := range cfg.Sites[i].Hosts {
			hosts = append(hosts, h.Name)
		}
		offers = append(offers, described(cfg.Sites[i].Name, strings.Join(hosts, ", ")))
	}
	return offers
}

// Incidents are Last and the newest incidents of a store.
func Incidents(cfg *config.Config) []string {
	keys, err := (&incident.Store{Dir: cfg.Store}).Keys()
	if err != nil || len(keys) == 0 {
		return nil
	}
	slices.SortFunc(keys, func(a, b string) int { return strings.Compare(b, a) }) // they begin with their time
	return append([]string{described(Last, "the newest")}, keys[:min(len(keys), most)]...)
}

// described is an offer with words that the shell shows beside it.
func described(offer, words string) string {
	if words == "" {
		return offer
	}
	return offer + "\t" + words
}
