package incident

import (
	"fmt"
	"os"
	"testing"
)

// An incident that is called like its key is found without the others being read: a store
// of years has tens of thousands.
func TestLoadReadsOne(t *testing.T) {
	s := &Store{Dir: t.TempDir()}
	id := ""
	const others = 200
	for i := range others {
		id = fmt.Sprintf("20260302T141407Z-hq-%06x", i)
		if err := os.MkdirAll(s.IncidentDir(id), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := s.Save(Incident{Key: id, ID: id, Site: "hq", State: Sealed}); err != nil {
			t.Fatal(err)
		}
	}
	named := testing.AllocsPerRun(3, func() {
		if in, err := s.Load(id); err != nil || in.ID != id {
			t.Fatalf("%+v, %v", in, err)
		}
	})
	if most := float64(20 * others); named > most {
		t.Errorf("%v allocations to find one of %d, more than %v: the others were read", named, others, most)
	}
}
