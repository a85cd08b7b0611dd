package status

import (
	"regexp"
	"strings"
	"testing"
)

// What a monitoring system is told: the exit status of each state, and one line with
// performance data however hostile a name is.
func TestPlugin(t *testing.T) {
	site := Site{Site: "hq", Works: true}
	blocks := Problem{Key: "mailbox/rtmt", What: "the mailbox | is\ndown", Hint: "start it", Blocks: true}
	for name, c := range map[string]struct {
		report Report
		exit   int
		first  string
	}{
		"well":     {Report{Works: true, Sites: []Site{site}}, PluginOK, "GRAB OK - an alert would work now | problems=0;0 blocking=0;;0 sites_working=1;;;0;1 "},
		"warning":  {Report{Works: true, Sites: []Site{site}, Problems: []Problem{{Key: "disk", What: "full soon"}}}, PluginWarning, "GRAB WARNING - an alert would work now, 1 problem: full soon | problems=1;0 "},
		"unrouted": {Report{Works: true, Problems: []Problem{{Key: "unrouted/a", What: "of no site"}}}, PluginCritical, "GRAB CRITICAL - alerts came that belong to no site, 1 problem: of no site | "},
		"blocked":  {Report{Problems: []Problem{blocks}}, PluginCritical, "GRAB CRITICAL - an alert would not work now, 1 problem: the mailbox / is down | problems=1;0 blocking=1;;0 "},
		"paused":   {Report{Sites: []Site{{Site: "hq", Why: "paused by hand"}}}, PluginCritical, "GRAB CRITICAL - an alert would not work now | "},
	} {
		exit, text := Plugin(c.report)
		if exit != c.exit || !strings.HasPrefix(text, c.first) {
			t.Errorf("%s: %d %q", name, exit, text)
		}
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if !regexp.MustCompile(`^GRAB [A-Z]+ - [^|]+ \| ([a-z_]+=[0-9]+B?(;[0-9:]*)*( |$))+$`).MatchString(lines[0]) {
			t.Errorf("%s: %q", name, lines[0])
		}
		if strings.Count(text, "|") != 1 {
			t.Errorf("%s: performance data begins twice: %q", name, text)
		}
	}
	if _, text := Plugin(Report{Sites: []Site{{Site: "hq", Why: "paused by hand"}}}); !strings.Contains(text, "\nsite hq: paused by hand\n") {
		t.Errorf("%q", text)
	}
}
