package report

import (
	"bytes"
	"encoding/json"
	"testing"

	"rtmtgrab/internal/registration"
)

// TestJSONStream: written phone by phone, the document is the one that encoding it
// whole gives.
func TestJSONStream(t *testing.T) {
	lateBy := 1.5
	for n := range 4 {
		r := &registration.Report{Summary: "a < b", Files: []registration.File{{Host: "expc01"}}}
		for i := range n {
			r.Phones = append(r.Phones, registration.Phone{Device: string(rune('A' + i)), LateByS: &lateBy,
				Transactions: []registration.Transaction{{Answer: "OK", Hops: []registration.Hop{{What: "REGISTER"}}}, {}}})
		}
		var want, got bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(whole(*r)); err != nil {
			t.Fatal(err)
		}
		if err := JSON(&got, r); err != nil || got.String() != want.String() {
			t.Errorf("%d phones: %v\n%s\nwant\n%s", n, err, got.String(), want.String())
		}
	}
}
