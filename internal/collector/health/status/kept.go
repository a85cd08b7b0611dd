package status

import (
	"fmt"
	"strings"

	"rtmtgrab/internal/human"
)

// JudgeKept adds that there are more bundles than there may be, and that those in the way may
// not be removed.
func JudgeKept(r *Report) {
	b := r.Disk.Bundles
	if b == nil {
		return
	}
	if b.OverBytes > 0 {
		r.Add(Problem{Key: "keep/size", Blocks: true, Hint: b.next("raise keep.size"),
			What: fmt.Sprintf("the bundles take %s, %s more than keep.size (%s), and none of them may be removed for that: %s", human.Size(b.Bytes), human.Size(b.OverBytes), human.Size(b.SizeBytes), b.why())})
	}
	if r.Disk.FreeBytes < r.Disk.ReserveBytes && b.PinnedBytes+b.UndeliveredBytes > 0 {
		r.Add(Problem{Key: "keep/free", Blocks: true, Hint: b.next("make room below " + r.Store),
			What: fmt.Sprintf("the disk has less room than its reserve (keep.free), and bundles that may not be removed take some of it: %s", b.why())})
	}
}

// why says what keeps them.
func (b Bundles) why() string {
	var parts []string
	if b.Undelivered > 0 {
		parts = append(parts, fmt.Sprintf("%s of %s not delivered yet", human.Size(b.UndeliveredBytes), human.Plural(b.Undelivered, "incident")))
	}
	if b.Pinned > 0 {
		parts = append(parts, fmt.Sprintf("%s of %s pinned", human.Size(b.PinnedBytes), human.Plural(b.Pinned, "incident")))
	}
	if len(parts) == 0 {
		return "the newest incident alone is larger, or somebody works at the others"
	}
	return strings.Join(parts, ", ")
}

// next is what to do about it.
func (b Bundles) next(last string) string {
	var parts []string
	if b.Undelivered > 0 {
		parts = append(parts, "see what keeps the deliveries (handover:)")
	}
	if b.Pinned > 0 {
		parts = append(parts, "unpin what is not needed any more: `grab list` shows what is pinned, `grab pin INCIDENT --off` ends it")
	}
	return strings.Join(append(parts, last), "; or ")
}
