package mask

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"rtmtgrab/bundle/mask/find"
)

// TestManyBundles: whatever comes in the bundles of one scope, one after the other, also what
// was issued for something else before, the table can be read again, each value of the bundle
// has a pseudonym, and none is a raw value of the bundle.
func TestManyBundles(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		table := NewTable()
		for bundle := range 40 {
			var learned [find.Classes]map[string]struct{}
			for c := range find.Classes {
				learned[c] = map[string]struct{}{}
			}
			for range 15 { // few are possible, so that they meet
				learned[find.Numbers][fmt.Sprint(10+rng.IntN(190))] = struct{}{}
				learned[find.Names][string([]byte{'a' + byte(rng.IntN(26)), 'a' + byte(rng.IntN(26))})] = struct{}{}
			}
			if err := table.settle(&learned, true); err != nil {
				t.Fatal(err)
			}
			b, err := table.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			if table, err = Load(b); err != nil {
				t.Fatalf("seed %d, bundle %d: %v", seed, bundle, err)
			}
			for c := range find.Classes {
				for v := range learned[c] {
					as, ok := table.given[c][v]
					if _, raw := learned[c][as]; !ok || raw {
						t.Fatalf("seed %d, bundle %d: %s is called %q, which is raw: %v", seed, bundle, v, as, raw)
					}
				}
			}
		}
	}
}

// TestLateValue: a value that turns up late and is a pseudonym by then stays one.
func TestLateValue(t *testing.T) {
	table := NewTable()
	as, err := table.assign(find.Names, "berlin")
	if err != nil {
		t.Fatal(err)
	}
	again, err := table.assign(find.Names, as)
	if err != nil || again != as {
		t.Fatalf("%q is called %q, %v", as, again, err)
	}
	b, err := table.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load(b); err != nil {
		t.Fatal(err)
	}
}

// TestHealed: a map of an earlier version in which a pseudonym became a raw value too is read:
// what it was issued for gets another one.
func TestHealed(t *testing.T) {
	table := NewTable()
	as, err := table.assign(find.Names, "berlin")
	if err != nil {
		t.Fatal(err)
	}
	table.given[find.Names][as], table.issued[find.Names]["munich"] = "munich", as
	b, err := table.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	healed, err := Load(b)
	if err != nil {
		t.Fatal(err)
	}
	other, err := healed.assign(find.Names, "berlin")
	if err != nil || other == as || other == "munich" || healed.retired[find.Names][as] != "berlin" {
		t.Errorf("%q, %v", other, err)
	}
}
