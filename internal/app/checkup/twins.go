package checkup

import (
	"fmt"
	"slices"
	"strings"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/wiring"
)

// twins are hosts by something that only one machine should have, in the order of the
// configuration.
type twins struct {
	by    map[string][]string // names
	order []string
}

func (t *twins) add(what, name string) {
	if what == "" || slices.Contains(t.by[what], name) {
		return
	}
	if t.by == nil {
		t.by = map[string][]string{}
	}
	if t.by[what] == nil {
		t.order = append(t.order, what)
	}
	t.by[what] = append(t.by[what], name)
}

// warn has a finding of what more than one host has.
func (t *twins) warn(detail func(names, what string) string, hint string) (out []Finding) {
	for _, what := range t.order {
		if names := t.by[what]; len(names) > 1 {
			out = append(out, Finding{What: "hosts", Status: StatusWarn, Detail: detail(listed(names), what), Hint: hint})
		}
	}
	return out
}

// listed is "a, b and c".
func listed(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// oneAddress warns of an address, behind the same hops, under several names.
func oneAddress(cfg *config.Config) []Finding {
	var t twins
	address := map[string]string{}
	for i := range cfg.Sites {
		for j := range cfg.Sites[i].Hosts {
			h := &cfg.Sites[i].Hosts[j]
			way := wiring.Route(wiring.Dialing(h, nil))
			address[way] = h.Address
			t.add(way, h.Name)
		}
	}
	return t.warn(func(names, way string) string { return names + " have the same address, " + address[way] },
		"a machine that stands in several sites has one name in all of them; else one of the addresses is wrong, and that peer's logs are in no bundle")
}

// oneName warns of hosts at different addresses whose logs bear the same host name.
func oneName(visits []visit) []Finding {
	var t twins
	ways := map[string]map[string]bool{}
	for _, v := range visits {
		name := v.depths.Name
		if name == "" {
			continue
		}
		t.add(name, v.host.Name)
		if ways[name] == nil {
			ways[name] = map[string]bool{}
		}
		ways[name][wiring.Route(wiring.Dialing(v.host, nil))] = true
	}
	t.order = slices.DeleteFunc(t.order, func(name string) bool { return len(ways[name]) < 2 })
	return t.warn(func(names, name string) string {
		return "the logs of " + names + " call their host by one name, " + name
	},
		"if it is one machine give it one name and one address; else give each peer its own System host name (System > DNS): its records cannot be told apart")
}

// swapped warns of hosts that are the other end of the traversal zone than role says.
func swapped(visits []visit) (out []Finding) {
	ends := map[string]string{
		"C": "it connects to a traversal zone (port 7001 and up) as Expressway-C does",
		"E": "others connect to its traversal zone (port 7001 and up) as to an Expressway-E"}
	for _, v := range visits {
		if seen := v.depths.Role; seen != "" && v.host.Role != "" && seen != v.host.Role {
			out = append(out, Finding{Host: v.host.Name, What: "role", Status: StatusWarn,
				Detail: fmt.Sprintf("role is %s, but by its log %s", v.host.Role, ends[seen]),
				Hint:   "set role: " + seen + "; or are the addresses of two hosts swapped?"})
		}
	}
	return out
}

// publicKeys warns of public keys where the private one belongs. Each file is read once.
func publicKeys(hosts []*config.Host) (out []Finding) {
	users := map[string][]string{}
	var public []string // where a public key is
	for _, h := range hosts {
		keys := []config.Secret{h.SSH.Key.Secret}
		for _, hop := range h.SSH.Jump {
			keys = append(keys, hop.Key.Secret)
		}
		for _, k := range keys {
			from := k.Source()
			if _, known := users[from]; !known && !k.IsZero() && isPublic(k) {
				public = append(public, from)
			}
			if !slices.Contains(users[from], h.Name) {
				users[from] = append(users[from], h.Name)
			}
		}
	}
	for _, from := range public {
		hint := "name the private key"
		if private, ok := strings.CutSuffix(from, ".pub"); ok {
			hint += ": " + strings.TrimPrefix(private, "file ")
		}
		out = append(out, Finding{What: "key", Status: StatusWarn, Detail: from + " holds a public key, and key: needs the private one (" + some(users[from], "host") + ")",
			Hint: hint + "; a public key is for key: {agent: FILE}, and for authorized_keys on the peer"})
	}
	return out
}

func isPublic(k config.Secret) bool {
	text, err := k.Read()
	return err == nil && sshdial.IsPublicKey(text)
}
