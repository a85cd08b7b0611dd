package gather

import (
	"bytes"
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/evidence"
)

// An Opener opens what was copied of a host's log.
type Opener func(host, family string) (io.ReadCloser, error)

// seen is what logs show: devices that register, by the Expressway that shows them, and
// nodes of CUCM.
type seen struct {
	Devices map[string]string   `json:"devices"`       // by name: a C that shows it, else any host
	Nodes   map[string][]string `json:"nodes"`         // of each cluster
	Cut     bool                `json:"cut,omitempty"` // the time was too short for all of them
}

const (
	maxDevices = 3000 // of the logs
	scanBlock  = 256 << 10
	scanLap    = 512 // bytes of a block that are looked at again with the next
)

// deviceMark is what a phone's Contact names it with.
var deviceMark = []byte(`devicename.ccm.cisco.com="`)

// scan looks through the logs of the Expressway-Cs; of a site without any through all. It
// ends with ctx, and what it has seen then counts.
func scan(ctx context.Context, logs Logs, clusters map[string][]cucm.Node) *seen {
	s := &seen{Devices: map[string]string{}, Nodes: map[string][]string{}}
	found := map[[2]string]bool{}
	for _, h := range inOrder(logs.Manifest.Hosts) {
		for _, f := range h.Files {
			if f.Path == "" || f.Bytes == 0 || f.Family != "network_log" || ctx.Err() != nil {
				continue
			}
			r, err := logs.Open(h.Host, f.Family)
			if err != nil {
				continue // the bundle says so
			}
			s.read(ctx, r, h.Host, clusters, found)
			r.Close()
		}
	}
	s.Cut = ctx.Err() != nil || len(s.Devices) >= maxDevices
	for of := range found {
		s.Nodes[of[0]] = append(s.Nodes[of[0]], of[1])
	}
	for _, list := range s.Nodes {
		slices.Sort(list)
	}
	return s
}

// inOrder are the Cs, or all if there is none.
func inOrder(hosts []evidence.Host) []evidence.Host {
	var c []evidence.Host
	for _, h := range hosts {
		if h.Role == "C" {
			c = append(c, h)
		}
	}
	if len(c) == 0 {
		return hosts
	}
	return c
}

func (s *seen) read(ctx context.Context, r io.Reader, host string, clusters map[string][]cucm.Node, found map[[2]string]bool) {
	buf := make([]byte, 0, scanBlock+scanLap)
	for ctx.Err() == nil {
		n, err := io.ReadFull(r, buf[len(buf):len(buf)+scanBlock])
		buf = buf[:len(buf)+n]
		s.devices(buf, host)
		nodesIn(buf, clusters, found)
		if err != nil {
			return
		}
		buf = append(buf[:0], buf[len(buf)-min(scanLap, len(buf)):]...)
	}
}

// devices notes the phones that a stretch of a log names.
func (s *seen) devices(b []byte, host string) {
	for {
		_, rest, ok := bytes.Cut(b, deviceMark)
		if !ok {
			return
		}
		b = rest
		name, _, ok := bytes.Cut(rest[:min(len(rest), 80)], []byte{'"'})
		if ok && isDevice(name) && len(s.Devices) < maxDevices && s.Devices[string(name)] == "" {
			s.Devices[string(name)] = host
		}
	}
}

// isDevice: letters and digits, points, minus and low lines, as CUCM allows.
func isDevice(name []byte) bool {
	if len(name) < 3 || len(name) > 64 {
		return false
	}
	return !bytes.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_')
	})
}

// nodesIn notes the nodes whose names or addresses stand in a stretch of a log.
func nodesIn(b []byte, clusters map[string][]cucm.Node, found map[[2]string]bool) {
	for cluster, nodes := range clusters {
		for _, n := range nodes {
			if !found[[2]string{cluster, n.Name}] && slices.ContainsFunc(namesOf(n), func(name string) bool { return stands(b, name) }) {
				found[[2]string{cluster, n.Name}] = true
			}
		}
	}
}

func namesOf(n cucm.Node) []string {
	host := n.Address
	if i := strings.LastIndexByte(host, ':'); i > 0 {
		host = strings.Trim(host[:i], "[]")
	}
	names := map[string]bool{n.Name: true, host: true}
	for _, a := range n.Aliases {
		names[a] = true
	}
	delete(names, "")
	return slices.Sorted(maps.Keys(names))
}

// stands reports whether a name or address stands in a text, and not as a part of another.
func stands(b []byte, name string) bool {
	for {
		i := bytes.Index(b, []byte(name))
		if i < 0 {
			return false
		}
		end := i + len(name)
		if (i == 0 || !wordy(b[i-1])) && (end == len(b) || !wordy(b[end])) {
			return true
		}
		b = b[end:]
	}
}

func wordy(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_'
}
