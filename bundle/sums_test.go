package bundle

import (
	"fmt"
	"strings"
	"testing"

	"rtmtgrab/internal/testrace"
)

// A list of sums that is longer than it may be is refused, not read up to there.
func TestSumsTooLong(t *testing.T) {
	testrace.Whole(t)
	var b strings.Builder
	for n := 0; b.Len() <= maxSums; n++ {
		fmt.Fprintf(&b, "%064x  %0189d\n", n, n)
	}
	if sums, err := readSums(strings.NewReader(b.String())); err == nil {
		t.Errorf("%d sums of a list of %d bytes", len(sums), b.Len())
	}
}
