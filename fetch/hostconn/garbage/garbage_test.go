package garbage

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"testing/synctest"
	"time"
)

// The more hosts are copied from, the less garbage each may leave; half a minute after many
// all is as before, and at once after few.
func TestRelaxGC(t *testing.T) {
	t.Setenv("GOGC", "")
	runtime.GC() // what another test had
	synctest.Test(t, relaxGC)
	t.Setenv("GOGC", "70")
	before := debug.SetMemoryLimit(-1)
	Relax(1)
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("with $GOGC %d", got)
	}
}

func relaxGC(t *testing.T) {
	now := func() [2]uint64 {
		s := []metrics.Sample{{Name: "/gc/gogc:percent"}, {Name: "/gc/gomemlimit:bytes"}}
		metrics.Read(s)
		return [2]uint64{s[0].Value.Uint64(), s[1].Value.Uint64()}
	}
	before := now()
	for i, want := range []uint64{400, 100, 60, 60, 60} {
		Relax(1)
		limit := uint64(gcMemoryLimit)
		if want == gcPercentMin {
			limit = gcManyLimit
		}
		if got := now(); got != [2]uint64{want, limit} {
			t.Errorf("%d hosts: %d", i+1, got)
		}
	}
	for range 4 {
		Relax(-1)
	}
	if got := now(); got[0] != 60 {
		t.Errorf("one host is left: %d", got)
	}
	Relax(-1)
	for range 2 { // one that comes meanwhile changes nothing of that
		time.Sleep(gcAfter / 2)
		if got := now(); got[1] != gcManyLimit {
			t.Errorf("soon afterwards %d", got)
		}
		Relax(1)
		if got := now(); got != [2]uint64{400, gcManyLimit} {
			t.Errorf("one host, soon afterwards: %d", got)
		}
		Relax(1)
		Relax(1)
		for range 3 {
			Relax(-1)
		}
	}
	time.Sleep(gcAfter + 1)
	if got := now(); got != before {
		t.Errorf("afterwards %d, before %d", got, before)
	}
	Relax(1)
	if got := now(); got != [2]uint64{400, gcMemoryLimit} {
		t.Errorf("one host, later: %d", got)
	}
	Relax(-1)
	if got := now(); got != before {
		t.Errorf("after one host %d, before %d", got, before)
	}
}

// Where much is in use already, as with a thousand warm hosts, a copy leaves garbage by the byte and not by
// the percent, and the limit is one that is not exceeded from the beginning.
func TestRelaxGCAmongMany(t *testing.T) {
	t.Setenv("GOGC", "")
	much := make([]byte, 320<<20)
	runtime.GC()
	Relax(1)
	defer Relax(-1)
	s := []metrics.Sample{{Name: "/gc/gogc:percent"}, {Name: "/gc/gomemlimit:bytes"}}
	metrics.Read(s)
	if percent, limit := s[0].Value.Uint64(), s[1].Value.Uint64(); percent > gcPercentMin || limit < uint64(len(much))*5/4 {
		t.Errorf("%d percent, limit %d MiB, of which %d are in use", percent, limit>>20, len(much)>>20)
	}
	runtime.KeepAlive(much)
}
