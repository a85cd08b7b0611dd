package diskspace

import (
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestDefaultReserve(t *testing.T) {
	const gib = 1 << 30
	for total, want := range map[int64]int64{1000 * gib: 20 * gib, 100 * gib: 10 * gib, 5 * gib: gib, gib: gib / 2, 0: 0} {
		if got := DefaultReserve(total); got != want {
			t.Errorf("of %d: %d, want %d", total, got, want)
		}
	}
	huge := &Reserve{Keep: func() int64 { return 100 * gib }, Measure: func(string) (Space, error) { return Space{Total: 10 * gib}, nil }}
	if _, keep, _ := huge.State(); keep != 5*gib {
		t.Errorf("more than half of the disk is reserved: %d", keep)
	}
}

func TestReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, asked := Space{Free: 300, Total: 1000}, 0
		var fault error
		r := &Reserve{Dir: "d", Keep: func() int64 { return 200 }, Measure: func(string) (Space, error) { asked++; return disk, fault }}
		for range 10 {
			if err := r.Take(10); err != nil {
				t.Fatal(err)
			}
		}
		if asked != 1 {
			t.Errorf("measured %d times for ten writes", asked)
		}
		err := r.Take(1)
		var e *ReservedError
		if !errors.As(err, &e) || !errors.Is(err, syscall.ENOSPC) || e.Free != 200 || e.Keep != 200 || e.Wants != 1 {
			t.Errorf("%v %+v", err, e)
		}
		disk.Free = 201 // by now
		time.Sleep(measureUrgent + 1)
		if err := r.Take(1); err != nil {
			t.Errorf("it is not measured again before it refuses: %v", err)
		}
		disk.Free = 100 // others write
		time.Sleep(measureEvery + 1)
		if n, known := r.Left(); n != -100 || !known || r.Take(0) == nil {
			t.Error(n, known)
		}
		disk.Free = 900
		r.Renew()
		if n, _ := r.Left(); n != 700 {
			t.Error(n)
		}
		fault = errors.New("gone")
		r.Renew()
		if err := r.Take(1 << 40); err != nil {
			t.Error("a disk that cannot be measured refuses: ", err)
		}
		if _, known := r.Left(); known {
			t.Error("it is known")
		}
	})
	var none *Reserve
	if none.Take(1) != nil {
		t.Error("no reserve refuses")
	}
}
