package notify

import (
	"context"
	"slices"
	"strings"
	"time"

	"rtmtgrab/bundle/mask"
	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/config"
	masker "rtmtgrab/internal/masking"
)

// maskWait is how long a map is waited for. The notice is tried again later.
const maskWait = 20 * time.Second

// masking is how a configuration's notices are masked.
func masking(cfg *config.Config, store string) channel.Masking {
	if cfg.Notify.Mask == config.MaskNone {
		return channel.Masking{Strength: cfg.Notify.Mask}
	}
	strength := mask.Credentials
	if cfg.Notify.Mask == config.MaskIdentities {
		strength = mask.Identities
	}
	m, known := &masker.Masker{Store: store}, namesIn(cfg)
	return channel.Masking{Strength: cfg.Notify.Mask, Do: func(n channel.Notice) (channel.Notice, error) {
		ctx, cancel := context.WithTimeout(context.Background(), maskWait)
		defer cancel()
		if strength == mask.Identities {
			n = withoutDescriptions(n)
		}
		return masked(n, func(w masker.Words) error {
			w.Known, w.People = append(w.Known, known.Known...), append(w.People, known.People...)
			return m.Words(ctx, strength, w)
		})
	}}
}

// masked is a notice, made anew of what it says when that is masked.
func masked(n channel.Notice, do func(masker.Words) error) (channel.Notice, error) {
	switch {
	case n.Incident != nil:
		in := *n.Incident
		w := wordsOf(&in)
		if err := do(w); err != nil {
			return n, err
		}
		return channel.Told(n.Time, n.Kind, in), nil
	case len(n.Changes) > 0:
		changes := slices.Clone(n.Changes)
		if err := do(wordsOfChanges(changes)); err != nil {
			return n, err
		}
		told := channel.Problems(n.Time, changes)
		told.ID = n.ID // by which it is told from others: not of its other names
		for i := range told.Changes {
			told.Changes[i].ID = n.Changes[i].ID
		}
		return told, nil
	}
	return n, nil
}

// wordsOfChanges are what problems say of people and machines, their own to be changed. In a
// key the part behind most first ones is a name, which need be in no configuration.
func wordsOfChanges(changes []channel.Change) (w masker.Words) {
	for i := range changes {
		c := &changes[i]
		w.Keys, w.Texts = append(w.Keys, &c.Key), append(w.Texts, &c.What, &c.Hint)
		parts := strings.Split(c.Key, "/")
		if len(parts) < 2 {
			continue
		}
		switch parts[0] {
		case "mailbox", "canary", "reset":
			w.People = append(w.People, parts[1])
		case "incident", "late", "keep", "notice", "prt", "webhook": // no names
		case "fleet": // of what the part behind that is of
			w.Known = append(w.Known, parts[2:]...)
		default:
			w.Known = append(w.Known, parts[1])
		}
		if parts[0] == "poll" && len(parts) > 2 && parts[2] != "login" {
			w.Known = append(w.Known, parts[2])
		}
	}
	return w
}

// wordsOf are what an incident says of people and machines, its own to be changed.
func wordsOf(in *channel.Incident) masker.Words {
	in.Alerts, in.Hosts, in.Handed = slices.Clone(in.Alerts), slices.Clone(in.Hosts), slices.Clone(in.Handed)
	w := masker.Words{Site: in.Site, Names: []*string{&in.Incident, &in.Bundle}, Hosts: []*string{&in.Site}, Texts: []*string{&in.Verdict}, Known: in.Machines}
	for i := range in.Alerts {
		w.Texts = append(w.Texts, &in.Alerts[i])
	}
	for i := range in.Hosts {
		w.Hosts = append(w.Hosts, &in.Hosts[i].Host)
		w.Texts = append(w.Texts, &in.Hosts[i].Error)
	}
	for i := range in.Handed {
		w.Hosts, w.Names = append(w.Hosts, &in.Handed[i].To), append(w.Names, &in.Handed[i].Place)
		w.Texts = append(w.Texts, &in.Handed[i].Error)
	}
	namedWords(in, &w)
	if in.Found == nil {
		return w
	}
	found := *in.Found
	in.Found, found.Phones = &found, slices.Clone(found.Phones)
	w.Texts = append(w.Texts, &found.Summary, &found.Advice, &found.Why)
	for i := range found.Phones {
		w.Things = append(w.Things, &found.Phones[i].Device)
	}
	return w
}

// namedWords are what CUCM says of phones.
func namedWords(in *channel.Incident, w *masker.Words) {
	if in.CUCM == nil {
		return
	}
	names := *in.CUCM
	in.CUCM, names.Phones = &names, slices.Clone(names.Phones)
	w.Texts = append(w.Texts, &names.Why)
	for i := range names.Phones {
		p := &names.Phones[i]
		p.Lines = slices.Clone(p.Lines)
		w.Hosts, w.Things, w.Texts = append(w.Hosts, &p.Cluster), append(w.Things, &p.Device), append(w.Texts, &p.Description)
		for j := range p.Lines {
			w.Things = append(w.Things, &p.Lines[j].Number)
		}
		if p.Via != "" {
			w.Hosts = append(w.Hosts, &p.Via)
		}
	}
}

// withoutDescriptions is a notice without what people wrote into CUCM about phones: mostly
// whose they are, which nothing tells from other words.
func withoutDescriptions(n channel.Notice) channel.Notice {
	if n.Incident == nil || n.Incident.CUCM == nil {
		return n
	}
	in, names := *n.Incident, *n.Incident.CUCM
	in.CUCM, names.Phones = &names, slices.Clone(names.Phones)
	for i := range names.Phones {
		names.Phones[i].Description = ""
	}
	n.Incident = &in
	return n
}
