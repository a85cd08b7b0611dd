package sources

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

// FuzzOpen: whatever a file holds, opening and reading it ends without a panic, and
// nothing is written but the temporary file, which is gone afterwards.
func FuzzOpen(f *testing.F) {
	log := someLog(1, 5, "REGISTER sip:cucm01 SIP/2.0")
	evil := []file{{"../network_log", log}, {"/a/network_log.1.gz", gz(log)}, {"b.tar.gz", gz(tarOf(file{"network_log", log}))}}
	for _, b := range [][]byte{log, gz(log), tarOf(evil...), gz(tarOf(evil...)), zipOf(evil...), []byte("\x28\xb5\x2f\xfd"), []byte("BZh91AY&SY")} {
		f.Add("network_log", b)
		f.Add("x.zip", b)
		f.Add("loggingsnapshot_a.tar.gz", b)
	}
	f.Fuzz(func(t *testing.T, name string, b []byte) {
		base := t.TempDir()
		in, tmp := filepath.Join(base, "in"), filepath.Join(base, "tmp")
		must(t, os.Mkdir(in, 0o700))
		must(t, os.Mkdir(tmp, 0o700))
		if name = filepath.Base(filepath.Clean("/" + name)); len(name) > 50 || os.WriteFile(filepath.Join(in, name), b, 0o600) != nil {
			return
		}
		for _, arg := range []string{filepath.Join(in, name), in} {
			s, err := Open(t.Context(), tmp, arg)
			if err != nil {
				continue
			}
			for _, src := range s.Sources {
				if r, err := src.Open(); err == nil {
					io.Copy(io.Discard, io.LimitReader(r, 1<<20))
					r.Close()
				}
			}
			must(t, s.Close())
		}
		for dir, want := range map[string]int{base: 2, in: 1, tmp: 0} {
			if left, err := os.ReadDir(dir); err != nil || len(left) != want {
				t.Errorf("%s: %v, %v", dir, left, err)
			}
		}
	})
}
