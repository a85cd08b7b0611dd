package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTooManyHosts: a manifest of more hosts than any site has is refused.
func TestTooManyHosts(t *testing.T) {
	text := func(n int) *strings.Reader {
		return strings.NewReader(`{"hosts": [` + strings.TrimSuffix(strings.Repeat(`{"host": "a"},`, n), ",") + `]}`)
	}
	if m, err := decodeManifest(text(maxHosts)); err != nil || len(m.Hosts) != maxHosts {
		t.Error(len(m.Hosts), err)
	}
	if _, err := decodeManifest(text(maxHosts + 1)); err == nil || !strings.Contains(err.Error(), "4097 hosts") {
		t.Error(err)
	}
}

// TestSaysWhere: of a header that cannot be read, as one of megabytes, it is said behind which
// file it stands.
func TestSaysWhere(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: "x/README.txt", Size: 1, Mode: 0o600, Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, "y")
	w.Flush()
	const size = 4 << 20
	head := make([]byte, 512)
	copy(head, "x/PaxHeaders/b.txt")
	copy(head[100:], fmt.Sprintf("0000600\x000000000\x000000000\x00%011o\x0000000000000\x00        x", size))
	copy(head[257:], "ustar\x0000")
	sum := 0
	for _, c := range head {
		sum += int(c)
	}
	copy(head[148:], fmt.Sprintf("%06o\x00 ", sum))
	z.Write(head)
	z.Write(bytes.Repeat([]byte("A"), size))
	z.Close()
	name := filepath.Join(t.TempDir(), "x.tar.gz")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	res, err := Verify(t.Context(), name)
	if said := fmt.Sprint(res.Bad); err != nil || res.OK || !strings.Contains(said, `behind "x/README.txt": archive/tar: header field too long`) {
		t.Error(said, err)
	}
}
