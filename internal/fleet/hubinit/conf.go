package hubinit

import (
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
)

// maxPayload is the largest message. Who is connected by a websocket takes eight times as much at once and ends the
// connection at more, and a server sends as much at once as waits for him: maxPending.
const (
	maxPayload = 8 << 20
	maxPending = 8 * maxPayload
)

// configurations writes nats.conf of each server. Paths in it are as seen from its folder, which
// is taken to its machine as a whole.
func (m *maker) configurations() error {
	tokens, err := m.tokens()
	if err != nil {
		return err
	}
	for _, s := range m.state.Servers {
		own, err := m.read("servers", s.Name, "own.conf")
		if err == nil && own == nil {
			err = m.write([]byte("# What you add to nats.conf of this server. It stays.\n"), "servers", s.Name, "own.conf")
		}
		if err != nil {
			return err
		}
		if err := m.write([]byte(m.configuration(s, tokens)), "servers", s.Name, "nats.conf"); err != nil {
			return err
		}
	}
	return nil
}

// tokens are the accounts' JWTs by their keys.
func (m *maker) tokens() (map[string]string, error) {
	all := map[string]string{}
	for _, key := range m.accountKeys() {
		b, err := m.read("jwt", key+".jwt")
		if err != nil {
			return nil, err
		}
		all[key] = string(b)
	}
	return all, nil
}

func (m *maker) accountKeys() []string {
	list := []string{public(m.keys.system)}
	for _, t := range m.state.Tenants {
		list = append(list, public(m.keys.tenants[t.Name].account))
	}
	return list
}

func (m *maker) configuration(s Server, tokens map[string]string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# A server of a hub of grab, as grab hub init wrote it, which writes it anew: docs/fleet.md. Changes of")
	line("# your own go into own.conf beside it, which stays. Start: nats-server -c nats.conf in this folder, or grab hub serve.")
	line("server_name: %q", s.Name)
	line("listen: %q", listen(s, s.Port))
	line("max_payload: %d", maxPayload)
	line("max_pending: %d", maxPending)
	line("write_deadline: \"10s\"")
	line("tls { cert_file: \"cert.pem\", key_file: \"key.pem\", min_version: \"1.2\", timeout: 5 }")
	if s.Websocket != 0 {
		line("websocket { listen: %q, no_tls: false, tls { cert_file: \"cert.pem\", key_file: \"key.pem\", min_version: \"1.2\" } }", listen(s, s.Websocket))
	}
	line("jetstream { store_dir: \"data\", sync_interval: always }")
	m.cluster(&b, s)
	b.WriteString("include \"own.conf\"\n")
	op, _ := m.read("jwt", "operator.jwt")
	line("operator: %s", op)
	line("system_account: %s", public(m.keys.system))
	line("resolver { type: full, dir: \"accounts\", allow_delete: false, interval: \"1m\", timeout: \"2s\" }")
	line("resolver_preload {")
	for _, key := range slices.Sorted(maps.Keys(tokens)) {
		line("  %s: %s", key, tokens[key])
	}
	line("}")
	return b.String()
}

// cluster is how the servers of a hub of several reach each other, each known by the hub's own
// authority.
func (m *maker) cluster(b *strings.Builder, s Server) {
	if len(m.state.Servers) == 1 {
		return
	}
	var routes []string
	for _, other := range m.state.Servers {
		if other.Name != s.Name {
			routes = append(routes, fmt.Sprintf("%q", "nats-route://"+net.JoinHostPort(other.Host, fmt.Sprint(other.Cluster))))
		}
	}
	fmt.Fprintf(b, "cluster { name: \"grab\", listen: %q, no_advertise: true, routes: [%s]\n", listen(s, s.Cluster), strings.Join(routes, ", "))
	b.WriteString("  tls { cert_file: \"cert.pem\", key_file: \"key.pem\", ca_file: \"ca.pem\", verify: true, min_version: \"1.2\", timeout: 5 } }\n")
}

// listen is where a server of a loopback address listens, and any other: everywhere.
func listen(s Server, port int) string {
	ip := net.ParseIP(s.Host)
	if s.Host == "localhost" {
		ip = net.IPv4(127, 0, 0, 1)
	}
	switch {
	case ip != nil && ip.IsLoopback():
		return net.JoinHostPort(ip.String(), fmt.Sprint(port))
	case ip != nil && ip.To4() == nil:
		return net.JoinHostPort("::", fmt.Sprint(port))
	}
	return net.JoinHostPort("0.0.0.0", fmt.Sprint(port))
}

// ServerDir is the folder of a server, below the folder of Make.
func ServerDir(name string) string { return filepath.Join("servers", name) }
