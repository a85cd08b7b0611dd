package bundle

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// However many blocks are compressed at a time, in whatever portions they come and
// whatever came before, the stream is the same, and the standard library reads it.
func TestDeflater(t *testing.T) {
	log := someLog(1, 2*deflateBlock+1)
	want := map[int][]byte{}
	for _, most := range []int{1, 3} {
		d := newDeflater(most)
		for i, n := range []int{2 * deflateBlock, 0, 1, deflateBlock, 2*deflateBlock + 1, 100, 2 * deflateBlock} {
			var out bytes.Buffer
			d.reset(&out)
			portion := []int{64 << 10, 3*deflateBlock + 1, 4097}[i%3]
			for at := 0; at < n; at += portion {
				b := log[at:min(at+portion, n)]
				if m, err := d.Write(b); m != len(b) || err != nil {
					t.Fatal(m, err)
				}
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(flate.NewReader(bytes.NewReader(out.Bytes())))
			if err != nil || !bytes.Equal(got, log[:n]) {
				t.Errorf("%d bytes, %d at a time: read back %d, %v", n, most, len(got), err)
			}
			if want[n] == nil {
				want[n] = bytes.Clone(out.Bytes())
			}
			if !bytes.Equal(out.Bytes(), want[n]) {
				t.Errorf("%d bytes, %d at a time: another stream than before", n, most)
			}
		}
		if len(d.free) > most+1 || len(d.underWay) > 0 {
			t.Errorf("%d blocks in memory, %d of them under way", len(d.free), len(d.underWay))
		}
	}
}

// An error of the writer below comes at the next Write, and nothing goes on after wait.
func TestDeflaterFails(t *testing.T) {
	d := newDeflater(2)
	full := errors.New("full")
	d.reset(failing{full})
	log := someLog(1, 5*deflateBlock)
	if _, err := d.Write(log); err != full {
		t.Error(err)
	}
	if n, err := d.Write(log); n != 0 || err != full {
		t.Error(n, err)
	}
	d.wait()
	if len(d.underWay) > 0 {
		t.Errorf("%d blocks are under way", len(d.underWay))
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// However many frames are made at a time, and in whatever portions they come, they are the
// same; a cut ends one, and stock readers read all.
func TestFramer(t *testing.T) {
	log := someLog(1, 3*zstdBlock+17)
	var first []byte
	for _, most := range []int{1, 2, 5} {
		for _, portion := range []int{64 << 10, 4097, len(log)} {
			var out bytes.Buffer
			f := newFramer(most)
			f.reset(&out)
			for at := 0; at < len(log); at += portion {
				if _, err := f.Write(log[at:min(at+portion, len(log))]); err != nil {
					t.Fatal(err)
				}
			}
			f.cut()
			f.cut()
			f.Write([]byte("behind"))
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = bytes.Clone(out.Bytes())
			}
			if !bytes.Equal(first, out.Bytes()) {
				t.Errorf("%d at a time, in portions of %d: other bytes", most, portion)
			}
			if n := bytes.Count(out.Bytes(), []byte("\x28\xb5\x2f\xfd")); n != 5 {
				t.Errorf("%d frames, want 5", n)
			}
		}
	}
	name := filepath.Join(t.TempDir(), "x.zst")
	if err := os.WriteFile(name, first, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := run(t, "", "zstd", "-dc", name); out != string(log)+"behind" {
		t.Errorf("zstd reads %d bytes of %d", len(out), len(log)+6)
	}
}
