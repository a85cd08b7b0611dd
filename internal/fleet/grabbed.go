package fleet

import (
	"encoding/json"
	"fmt"

	"rtmtgrab/internal/evidence"
)

// AskNow is what a grab by hand is asked for by, see AskSubject.
const AskNow = "now"

// MaxHosts bounds the hosts that a Grabbed names.
const MaxHosts = 200

// A Grabbed is what came of a grab that somebody asked for elsewhere in the fleet.
type Grabbed struct {
	Verdict
	Hosts    []GrabbedHost `json:"hosts"`
	AllHosts int           `json:"all_hosts"`
}

// A GrabbedHost is one of its hosts.
type GrabbedHost struct {
	Host     string            `json:"host"`
	Coverage evidence.Coverage `json:"coverage"`
	Error    string            `json:"error,omitempty"`
}

// NewGrabbed is what is said of a grab with that manifest.
func NewGrabbed(v Verdict, m evidence.Manifest) Grabbed {
	g := Grabbed{Verdict: v, Hosts: []GrabbedHost{}, AllHosts: len(m.Hosts)}
	for _, h := range m.Hosts {
		g.Hosts = append(g.Hosts, GrabbedHost{h.Host, h.Coverage, h.Error})
	}
	g.bound()
	return g
}

func (g *Grabbed) bound() {
	g.Verdict.Bound()
	g.AllHosts = max(g.AllHosts, len(g.Hosts))
	g.Hosts = g.Hosts[:min(len(g.Hosts), MaxHosts)]
	for i, h := range g.Hosts {
		g.Hosts[i] = GrabbedHost{evidence.Printable(h.Host, maxText), evidence.Coverage(evidence.Printable(string(h.Coverage), maxText)), evidence.Printable(h.Error, 500)}
	}
}

// ParseGrabbed reads what a collector of a site answers.
func ParseGrabbed(site string, b []byte) (Grabbed, error) {
	var g Grabbed
	if err := json.Unmarshal(b, &g); err != nil {
		return Grabbed{}, fmt.Errorf("result of a grab: %w", err)
	}
	if g.Site != site || CheckName(g.Collector) != nil {
		return Grabbed{}, fmt.Errorf("result of a grab: it is of site %s", evidence.Printable(g.Site, maxText))
	}
	g.bound()
	return g, nil
}
