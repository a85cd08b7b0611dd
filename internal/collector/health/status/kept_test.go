package status

import (
	"strings"
	"testing"
)

// More bundles than there may be is a No with what is in the way and what to do about it.
func TestJudgeKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		disk Disk
		keys string
		says string
	}{
		"nobody has looked":     {disk: Disk{FreeBytes: 1, ReserveBytes: 2}},
		"all is well":           {disk: Disk{FreeBytes: 3, ReserveBytes: 2, Bundles: &Bundles{Bytes: 5, SizeBytes: 9, Pinned: 1, PinnedBytes: 5}}},
		"over":                  {Disk{FreeBytes: 3, Bundles: &Bundles{Bytes: 9 << 20, SizeBytes: 5 << 20, OverBytes: 4 << 20, Pinned: 2, PinnedBytes: 6 << 20}}, "keep/size", "6.0 MiB of 2 incidents pinned"},
		"over, not delivered":   {Disk{FreeBytes: 3, Bundles: &Bundles{Bytes: 9, SizeBytes: 5, OverBytes: 4, Undelivered: 1, UndeliveredBytes: 9}}, "keep/size", "handover:"},
		"over, the newest":      {Disk{FreeBytes: 3, Bundles: &Bundles{Bytes: 9, SizeBytes: 5, OverBytes: 4}}, "keep/size", "the newest incident alone"},
		"full":                  {Disk{FreeBytes: 1, ReserveBytes: 2, Bundles: &Bundles{Bytes: 9, Pinned: 1, PinnedBytes: 9}}, "keep/free", "--off"},
		"full, but not of that": {disk: Disk{FreeBytes: 1, ReserveBytes: 2, Bundles: &Bundles{Bytes: 9}}},
	} {
		r := Report{Disk: c.disk, Store: "/store"}
		JudgeKept(&r)
		var keys, said []string
		for _, p := range r.Problems {
			keys, said = append(keys, p.Key), append(said, p.What+" "+p.Hint)
			if !p.Blocks {
				t.Errorf("%s: %s does not block", name, p.Key)
			}
		}
		if got := strings.Join(keys, " "); got != c.keys || !strings.Contains(strings.Join(said, " "), c.says) {
			t.Errorf("%s: %q, %q", name, got, said)
		}
	}
}
