package evidence

import (
	"strings"
	"testing"
)

// Whatever somebody wrote into a description of CUCM's, no spreadsheet takes it for a formula.
func TestPartialPhonesCSVHasNoFormula(t *testing.T) {
	for _, text := range []string{"=1+1", "＝1+1", " =1+1", "\u200b@SUM(1)", "−1"} {
		doc := PartialPhones{Clusters: []ClusterPhones{{Cluster: "hq", Phones: []CUCMPhone{{Device: "SEP001122334455", Description: text}}}}}
		if got := string(doc.CSV()); !strings.Contains(got, ",'"+text+",") {
			t.Errorf("%q:\n%s", text, got)
		}
	}
}
