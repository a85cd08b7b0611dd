package hubinit

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A Snip is what one collector needs to be in the fleet.
type Snip struct {
	Tenant    string `json:"tenant"`
	Collector string `json:"collector"`
	Creds     string `json:"creds"` // paths in the folder of Make
	CA        string `json:"ca"`
	YAML      string `json:"yaml"` // for its grab.yaml
}

// Settings are what those collectors need whose credentials are new.
func Settings(dir string, done Done) (list []Snip) {
	for _, t := range done.State.Tenants {
		for _, u := range t.Users {
			creds := filepath.Join(dir, CredsFile(t.Name, u.Name))
			if slices.Contains(done.Created, creds) {
				list = append(list, Snip{Tenant: t.Name, Collector: u.Name, Creds: creds, CA: filepath.Join(dir, CAFile), YAML: section(done.State, t.Name, u.Name)})
			}
		}
	}
	return list
}

// section is the key fleet: of a collector.
func section(s State, tenant, collector string) string {
	var urls, webs []string
	for _, server := range s.Servers {
		urls = append(urls, strconv.Quote(server.URL()))
		if w := server.WebsocketURL(); w != "" {
			webs = append(webs, strconv.Quote(w))
		}
	}
	text := fmt.Sprintf("fleet:\n  servers: [%s]\n", strings.Join(urls, ", "))
	if len(webs) > 0 {
		text += fmt.Sprintf("  # or, where a firewall passes 443 alone or a proxy is in the way: [%s]\n", strings.Join(webs, ", "))
	}
	return text + fmt.Sprintf("  tenant: %q\n  name: %q\n  creds: {file: /etc/grab/hub.creds}\n  ca_file: /etc/grab/hub-ca.pem\n", tenant, collector)
}
