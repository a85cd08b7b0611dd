package notify

import (
	"strings"

	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/cucm/gather"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// maxLines is how many lines of a phone are named.
const maxLines = 8

// namesOf are the phones that CUCM has as partially registered, nil if it was not asked.
func namesOf(st *incident.Store, key string) *channel.Names {
	doc := gather.Read(st, key)
	if len(doc.Clusters) == 0 {
		return nil
	}
	n := &channel.Names{State: evidence.NamesCertain}
	var why []string
	for _, c := range doc.Clusters {
		switch {
		case c.State == evidence.NamesNone && n.State != evidence.NamesLikely && len(n.Phones) == 0:
			n.State = c.State
		case c.State != evidence.NamesCertain:
			n.State = evidence.NamesLikely
		}
		if c.Why != "" {
			why = append(why, shown(c.Why))
		}
		for _, p := range c.Phones {
			switch {
			case p.Status != evidence.CUCMPartially:
			case len(n.Phones) == channel.MaxPhones:
				n.More++
			default:
				n.Phones = append(n.Phones, named(c.Cluster, p))
			}
		}
	}
	n.Why = strings.Join(why, "; ")
	if len(n.Phones) > 0 && n.State == evidence.NamesNone {
		n.State = evidence.NamesLikely
	}
	return n
}

func named(cluster string, p evidence.CUCMPhone) channel.Named {
	n := channel.Named{Cluster: cluster, Device: evidence.Printable(p.Device, 80), Description: evidence.Printable(p.Description, 80), Via: p.Via, Certain: p.Certain}
	for i, l := range p.Lines {
		if i == maxLines {
			n.Lines = append(n.Lines, channel.NamedLine{Number: "...", State: ""})
			break
		}
		state := map[string]string{evidence.CUCMRegistered: "up", evidence.CUCMUnregistered: "down"}[l.Status]
		if state == "" {
			state = evidence.Printable(strings.ToLower(l.Status), 30)
		}
		n.Lines = append(n.Lines, channel.NamedLine{Number: evidence.Printable(l.Number, 60), State: state})
	}
	return n
}
