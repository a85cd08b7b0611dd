package gather

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/evidence"
)

// judge says which phones a cluster has partially registered, and how certain that is.
func judge(cluster string, a answers, logs *seen, c map[netip.Addr]string) evidence.ClusterPhones {
	out := evidence.ClusterPhones{Cluster: cluster, Phones: []evidence.CUCMPhone{}}
	out.State, out.Why = certainty(a)
	now := map[string]cucm.Device{}
	if a.First != nil {
		out.First = a.First.Asked
	}
	if a.Second != nil {
		out.Second = a.Second.Asked
		for _, d := range a.Second.Devices {
			now[d.Name] = d
		}
	}
	phones := map[string]evidence.CUCMPhone{}
	if a.First != nil {
		for _, d := range a.First.Devices {
			phones[d.Name] = phoneOf(d, false)
		}
	}
	for name, d := range now {
		if _, was := phones[name]; was || d.Status == cucm.StatusPartial {
			phones[name] = phoneOf(d, out.State == evidence.NamesCertain && !d.Tied)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(phones)) {
		p := phones[name]
		p.MRA, p.Via = shownMRA(p, logs, c)
		out.Phones = append(out.Phones, p)
		if logs != nil && !logs.Cut && logs.Devices[name] == "" && p.Status == cucm.StatusPartial && len(out.CUCMOnly) < maxListed {
			out.CUCMOnly = append(out.CUCMOnly, name)
		}
	}
	if logs != nil && out.State == evidence.NamesCertain {
		for _, name := range slices.Sorted(maps.Keys(logs.Devices)) {
			if _, has := now[name]; !has && len(out.LogsOnly) < maxListed {
				out.LogsOnly = append(out.LogsOnly, name)
			}
		}
	}
	return out
}

// maxListed bounds lists of names.
const maxListed = 1000

// certainty is how certain names are, and why they are no more than that.
func certainty(a answers) (state, why string) {
	switch {
	case a.First == nil && a.Second == nil:
		return evidence.NamesNone, cmp.Or(a.SecondWhy, a.FirstWhy, "CUCM has not answered yet")
	case a.Second == nil:
		return evidence.NamesLikely, cmp.Or(a.SecondWhy, "CUCM was not asked again yet when the window was over")
	case a.Second.Truncated:
		return evidence.NamesLikely, cmp.Or(a.SecondWhy, "CUCM's second answer is cut off")
	}
	for _, n := range a.Second.Nodes {
		if !n.OK() {
			return evidence.NamesLikely, evidence.Printable(fmt.Sprintf("node %s did not answer (%s), and may have newer records", n.Name, n.Code), 300)
		}
	}
	if !a.Second.Complete() {
		return evidence.NamesLikely, "CUCM's second answer names no nodes"
	}
	if a.First != nil && a.First.Truncated {
		return evidence.NamesCertain, "CUCM's first answer was cut off: there may be more phones"
	}
	return evidence.NamesCertain, ""
}

func phoneOf(d cucm.Device, certain bool) evidence.CUCMPhone {
	p := evidence.CUCMPhone{Device: d.Name, Node: d.Node, Status: d.Status, Reason: d.Reason, Description: d.Description, Model: d.Model, Product: d.Product,
		Load: d.Load, User: d.User, IP: d.IP, Protocol: d.Protocol, Since: d.Since, Certain: certain, Lines: []evidence.CUCMLine{}}
	if d.Reason != 0 {
		p.ReasonText = cucm.ReasonWord(d.Reason)
	}
	for _, l := range d.Lines {
		p.Lines = append(p.Lines, evidence.CUCMLine{Number: l.Number, Status: l.Status})
	}
	return p
}

// shownMRA is by what a phone is shown to be one behind MRA, and the Expressway-C.
func shownMRA(p evidence.CUCMPhone, logs *seen, c map[netip.Addr]string) (by, via string) {
	if ip, err := netip.ParseAddr(p.IP); err == nil && c[ip.Unmap()] != "" {
		return "address", c[ip.Unmap()]
	}
	if logs != nil && logs.Devices[p.Device] != "" {
		return "logs", logs.Devices[p.Device]
	}
	return "", ""
}

// rowOf is what the manifest says of a cluster's names.
func rowOf(p evidence.ClusterPhones) *evidence.CUCMNames {
	n := &evidence.CUCMNames{State: p.State, Why: p.Why}
	for _, phone := range p.Phones {
		if phone.Status == cucm.StatusPartial {
			n.Phones++
		}
	}
	n.First, n.Second = timeOf(p.First), timeOf(p.Second)
	return n
}

func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
