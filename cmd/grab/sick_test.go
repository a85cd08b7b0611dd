//go:build !windows

package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/rtmt"
)

// Sites whose hosts answer next to nothing keep no other site's host from being held and
// its incident from being sealed, however many they are.
func TestSickSites(t *testing.T) {
	t.Parallel()
	const sick = 7
	c := newLab(t, make([]lab.ExpresswayConfig, sick+1)...).withMail()
	var sites strings.Builder
	for i, e := range c.Peers {
		fmt.Fprintf(&sites, "- {name: site%d, clusters: [c%d], hosts: [{name: host%d, role: C, address: %q, logs: {dir: %q}}]}\n", i, i, i, e.Addr(), e.LogDir())
	}
	head, _, _ := strings.Cut(c.Read("grab.yaml"), "sites:")
	c.File("grab.yaml", head+"patience: 1h\nsettle: 100ms\nsites:\n"+sites.String())
	c.watching(filepath.Join(c.Dir, "store", "grab.sock"))
	c.warm()

	alert := func(i int) {
		c.alertNow(rtmt.MailOptions{Cluster: fmt.Sprintf("c%d", i), MessageID: fmt.Sprintf("%d@example.com", i)})
	}
	for i, e := range c.Peers[:sick] {
		e.SetRate(20)
		alert(i)
	}
	c.list(func(list []incident.Listed) bool { return len(list) == sick })
	alert(sick)
	c.list(func(list []incident.Listed) bool {
		for _, l := range list {
			if l.Site == fmt.Sprintf("site%d", sick) {
				return l.State == incident.Sealed && l.Coverage == evidence.Complete
			}
			if l.State == incident.Sealed {
				t.Fatalf("%s is sealed before the healthy one", l.Site)
			}
		}
		return false
	})
}
