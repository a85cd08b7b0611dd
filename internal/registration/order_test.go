package registration

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testrace"
)

// TestOrder: neither the order of sources nor that of records up to 5 s apart changes
// what is said.
func TestOrder(t *testing.T) {
	testrace.Whole(t)
	t.Parallel()
	for _, name := range []string{"late-12s", "tcp-and-late"} {
		p := scenario(t, name)
		s, o := sources(p, true)
		want := essence(analyze(t, s, o))
		if null := regexp.MustCompile(`"\w+": null`).FindString(want); null != "" && !slices.Contains([]string{`"opened": null`, `"closed": null`}, null) {
			t.Errorf("a list is null: %s", null)
		}
		rng := rand.New(rand.NewPCG(1, 2))
		for range 2 {
			rng.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
			for i, l := range s {
				r, err := l.Open()
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(r)
				r.Close()
				if err != nil {
					t.Fatal(err)
				}
				text = disorder(rng, text)
				s[i].Open = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(text))), nil }
			}
			if got := essence(analyze(t, s, o)); got != want {
				t.Fatalf("%s, in disorder:\n%s\nin order:\n%s", name, got, want)
			}
			s, _ = sources(p, true)
		}
	}
}

// disorder moves records by up to 2.5 s.
func disorder(rng *rand.Rand, text []byte) []byte {
	type rec struct {
		at   time.Time
		text []byte
	}
	var recs []rec
	for _, b := range lab.SplitRecords(text) {
		at, _ := time.Parse("2006-01-02T15:04:05.000-07:00", string(b[:29]))
		recs = append(recs, rec{at.Add(time.Duration(rng.Int64N(int64(5*time.Second))) - 2500*time.Millisecond), b})
	}
	slices.SortStableFunc(recs, func(x, y rec) int { return x.at.Compare(y.at) })
	var out []byte
	for _, r := range recs {
		out = append(out, r.text...)
	}
	return out
}

// essence is a report without the places of its records.
func essence(r *Report) string {
	for i := range r.Phones {
		p := &r.Phones[i]
		p.Proofs = []Proof{}
		for j := range p.Transactions {
			for k := range p.Transactions[j].Hops {
				p.Transactions[j].Hops[k].Proofs = []Proof{}
			}
		}
	}
	for i := range r.Connections {
		r.Connections[i].Proofs = []Proof{}
	}
	for i := range r.Groups {
		r.Groups[i].Proofs = []Proof{}
	}
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		panic(err)
	}
	return string(b)
}
