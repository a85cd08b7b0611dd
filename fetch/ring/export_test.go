package ring

import (
	"context"
	"os"
	"time"
)

// What the tests of package ring_test do with a keeper by hand.

func (r *Keeper) TakeUp() (release func(), err error) { return r.open() }

func (r *Keeper) Increment(ctx context.Context) error {
	_, err := r.increment(ctx)
	return err
}

func (r *Keeper) SetNow(now func() time.Time) { r.holder.Now = now }

func (r *Keeper) SetRate(bytes int64) { r.pace.Rate = bytes }

func (r *Keeper) Drop() { r.holder.Drop(true) }

func (r *Keeper) Bytes() int64 { return r.bytes() }

// Held is how many files of the network log are held.
func (r *Keeper) Held() int { return len(r.holder.Set("network_log").Files) }

// Segments is how many there are of the first family.
func (r *Keeper) Segments() int { return len(r.families[0].segs) }

func (r *Keeper) SetWrite(write func(*os.File, []byte) (int, error)) { r.families[0].write = write }

// EndSegment ends the one under way.
func (r *Keeper) EndSegment() error { return r.families[0].roll(time.Now(), 0, 0) }

// DropSegment drops the oldest.
func (r *Keeper) DropSegment() error { return r.families[0].drop() }

// Taken is how many bytes the frames have.
func (l *Log) Taken() (n int64) {
	for _, e := range l.entries {
		if e.Frame != nil {
			n += e.Frame.Length
		}
	}
	return n
}
