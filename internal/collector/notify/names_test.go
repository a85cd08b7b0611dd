package notify

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	masker "rtmtgrab/internal/masking"
)

// TestNamesInNotice: the first notice names the phones that CUCM has, line by line; masked
// it says neither who they are nor what was written about them.
func TestNamesInNotice(t *testing.T) {
	store, err := incident.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if namesOf(store, "k") != nil {
		t.Error("names of an incident of which CUCM was not asked")
	}
	phone := func(device, via, status string) evidence.CUCMPhone {
		return evidence.CUCMPhone{Device: device, Status: status, Description: "Reception, home", Via: via, Lines: []evidence.CUCMLine{{Number: "7042", Status: "Registered"}, {Number: "7043", Status: "UnRegistered"}}}
	}
	state, err := json.Marshal(map[string]any{"names": evidence.PartialPhones{Clusters: []evidence.ClusterPhones{{Cluster: "Main", State: evidence.NamesLikely, Why: "node cucm02 did not answer",
		Phones: []evidence.CUCMPhone{phone("SEP001122334455", "expc01", evidence.CUCMPartially), phone("SEP00AABBCCDDEE", "", evidence.CUCMPartially), phone("SEP0000000000AA", "", evidence.CUCMRegistered)}}}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(store.IncidentDir("k"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(store.IncidentDir("k"), "cucm.json"), state, 0o600); err != nil {
		t.Fatal(err)
	}
	n := channel.Told(time.Now(), channel.KindCopied, channel.Incident{Site: "hq", CUCM: namesOf(store, "k")})
	for _, want := range []string{"CUCM:     2 phones partially registered, likely\n", "  SEP001122334455, 7042 up, 7043 down, Reception, home; via expc01\n", "  SEP00AABBCCDDEE, 7042 up, 7043 down, Reception, home; not shown to be MRA\n", "(node cucm02 did not answer)"} {
		if !strings.Contains(n.Text, want) {
			t.Errorf("%q is not in\n%s", want, n.Text)
		}
	}
	hide := func(w masker.Words) error {
		for _, thing := range append(w.Things, w.Hosts...) {
			*thing = "hidden"
		}
		return nil
	}
	m, err := masked(withoutDescriptions(n), hide)
	if err != nil || strings.Contains(m.Text, "7042") || strings.Contains(m.Text, "SEP") || strings.Contains(m.Text, "Reception") || strings.Contains(m.Text, "expc01") {
		t.Errorf("%v:\n%s", err, m.Text)
	}
	if !strings.Contains(n.Text, "Reception") || n.Incident.CUCM.Phones[0].Device != "SEP001122334455" {
		t.Error("the notice itself was changed")
	}
}
