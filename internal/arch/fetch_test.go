package arch

import (
	"slices"
	"strings"
	"testing"
)

// fetchLayers are the packages of fetch, the lowest first.
var fetchLayers = []string{"fetch/admission", "fetch/hostconn/flight", "fetch/hostconn/garbage", "fetch/hostconn/turns", "fetch/hostconn/hostcmd", "fetch/hostconn", "fetch/logset", "fetch/ring", "fetch"}

// TestFetchLayers: of the packages that fetch consists of none imports one above it, and
// none knows mail, incidents, bundles or the configuration.
func TestFetchLayers(t *testing.T) {
	for pkg, names := range imports(t) {
		at := slices.Index(fetchLayers, pkg)
		if pkg != "fetch" && !strings.HasPrefix(pkg, "fetch/") || strings.HasPrefix(pkg, "fetch/internal/") {
			continue
		}
		if at < 0 {
			t.Errorf("%s is a new package of fetch: say on which layer it is", pkg)
		}
		for _, name := range names {
			name, ours := strings.CutPrefix(name, module+"/")
			if !ours {
				continue
			}
			if slices.Index(fetchLayers, name) >= at && at >= 0 {
				t.Errorf("%s imports %s, which is above it", pkg, name)
			}
			for _, foreign := range []string{"mailwatch", "bundle", "internal/incident", "internal/config"} {
				if name == foreign || strings.HasPrefix(name, foreign+"/") {
					t.Errorf("%s imports %s", pkg, name)
				}
			}
		}
	}
}
