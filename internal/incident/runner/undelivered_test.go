package runner

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/incident"
)

// What is not delivered stays, whatever its age and however little room there is; what is
// younger pays for it.
func TestUndeliveredStays(t *testing.T) {
	const keep = 10_000
	names := []string{"hq-a", "hq-b", "hq-c", "hq-d", "hq-new"}
	old := func(r *Runner) error {
		r.Policy = func() incident.Policy { return incident.Policy{Keep: time.Minute} }
		return keeper{r}.removeOld(t.Context(), time.Now())
	}
	for _, c := range []struct {
		name   string
		waits  string // that are not delivered
		remove func(r *Runner) error
		left   string
	}{
		{"age", "hq-a hq-c", old, "hq-a hq-c"},
		{"age, all delivered", "", old, ""},
		{"room", "hq-a hq-c", func(r *Runner) error { keeper{r}.makeRoom(syscall.ENOSPC); return nil }, "hq-a hq-c hq-d hq-new"},
		{"room, nothing is delivered", strings.Join(names, " "), func(r *Runner) error { keeper{r}.makeRoom(syscall.ENOSPC); return nil }, strings.Join(names, " ")},
	} {
		t.Run(c.name, func(t *testing.T) {
			st, err := incident.OpenStore(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			for i, name := range names {
				putSealed(t, st, "hq", name, time.Duration(9-i)*time.Hour, 300)
			}
			b := newBench(t, st)
			b.r.Undelivered = func(key string) bool { return strings.Contains(" "+c.waits+" ", " "+key+" ") }
			b.r.Reserve = &diskspace.Reserve{Keep: func() int64 { return keep }, Measure: func(string) (diskspace.Space, error) {
				files, err := os.ReadDir(st.Bundles())
				return diskspace.Space{Free: keep - 200 + 300*int64(len(names)-len(files)), Total: 100 * keep}, err
			}}
			if err := c.remove(b.r); err != nil {
				t.Fatal(err)
			}
			keys, err := st.Keys()
			if got := strings.Join(keys, " "); err != nil || got != c.left {
				t.Errorf("%q are left, want %q, %v", got, c.left, err)
			}
		})
	}
}
