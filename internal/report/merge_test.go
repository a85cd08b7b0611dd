package report

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func merged(all ...sight) []mark {
	p := &picture{used: map[string]bool{}}
	return p.merge(all)
}

func TestMerge(t *testing.T) {
	late := merged(sight{50, "keep", "a"}, sight{10, "due", "expected"}, sight{11, "back", "came back"}, sight{50.3, "second", "b"}, sight{51, "no", "refused"})
	if len(late) != 2 || late[0] != (mark{"11.00%", "back", "came back", 1}) || late[1] != (mark{"51.00%", "no", "3 close together:\na\nb\nrefused", 2}) {
		t.Errorf("%+v", late)
	}
	if pair := merged(sight{1, "keep", "a"}, sight{1, "second", "b"}); len(pair) != 1 || pair[0] != (mark{"1.00%", "both", "a\nb", 1}) {
		t.Errorf("%+v", pair)
	}
	if due := merged(sight{10, "due", "expected"}, sight{15, "back", "x"}); len(due) != 2 || due[0].Sign != "due" {
		t.Errorf("%+v", due)
	}
	var storm []sight
	for i := range 400 {
		storm = append(storm, sight{40 + float64(i)/1000, "back", strconv.Itoa(i)})
	}
	if got := merged(storm...); len(got) != 1 || got[0].Count() != "400" || !strings.HasSuffix(got[0].Title, "\nand 388 more") {
		t.Errorf("%+v", got)
	}
}

// Whatever is to be marked: marks are apart, and none is lost.
func TestMergeApart(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for range 300 {
		var all []sight
		for range 1 + r.IntN(200) {
			all = append(all, sight{r.Float64() * 100, ranks[r.IntN(len(ranks)-2)], "x"})
		}
		n, last := 0, -10.0
		for _, m := range merged(slices.Clone(all)...) {
			at, err := strconv.ParseFloat(strings.TrimSuffix(m.X, "%"), 64)
			if err != nil || at-last < minApart-0.011 {
				t.Fatalf("a mark at %s after one at %.2f%%", m.X, last)
			}
			n, last = n+m.N, at
		}
		if n != len(all) {
			t.Fatalf("%d of %d are marked", n, len(all))
		}
	}
}
