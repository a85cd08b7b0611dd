package bundle

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// All bytes come, in order, and then the error, as often as it is asked for.
func TestAhead(t *testing.T) {
	bad := errors.New("bad sector")
	for _, n := range []int{0, 1, aheadBlock, aheadBlock*aheadBlocks + 1, 7 * aheadBlock} {
		want := someLog(1, n)
		for _, end := range []error{io.EOF, bad} {
			a := newAhead(io.MultiReader(bytes.NewReader(want), iotest.ErrReader(end)))
			got, err := io.ReadAll(iotest.HalfReader(a))
			if !bytes.Equal(got, want) || end == bad && err != bad || end == io.EOF && err != nil {
				t.Errorf("%d bytes of %d, %v", len(got), n, err)
			}
			if m, err := a.Read(make([]byte, 1)); m != 0 || err != end {
				t.Error(m, err)
			}
			a.stop()
		}
	}
}

// Who stops early is not kept, and nothing reads on.
func TestAheadStops(t *testing.T) {
	for _, n := range []int{0, 1, 3 * aheadBlock} {
		r := &countingReader{}
		a := newAhead(r)
		if _, err := io.ReadFull(a, make([]byte, n)); err != nil {
			t.Fatal(err)
		}
		a.stop()
		if r.n > n+(aheadBlocks+1)*aheadBlock {
			t.Errorf("%d bytes were read where %d were wanted", r.n, n)
		}
	}
}

type countingReader struct{ n int }

func (r *countingReader) Read(p []byte) (int, error) { r.n += len(p); return len(p), nil }
