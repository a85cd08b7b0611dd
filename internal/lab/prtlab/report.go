package prtlab

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"
)

// A Report is a file as a phone makes it: a tar.gz with its logs.
type Report struct {
	Name     string // of the file
	Contents []byte
}

// NewReport makes one of about size bytes. With the same seed it is the same.
func NewReport(device string, at time.Time, size int, seed uint64) (Report, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	t := tar.NewWriter(z)
	logs := noise{rand.New(rand.NewPCG(seed, 1))}
	for _, f := range []struct {
		name string
		size int
		from io.Reader
	}{
		{"description.xml", 0, strings.NewReader("<description><device>" + device + "</device></description>\n")},
		{"console.log", size, logs},
	} {
		text, err := io.ReadAll(io.LimitReader(f.from, int64(max(f.size, 200))))
		if err != nil {
			return Report{}, err
		}
		if err := t.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(text)), ModTime: at.Truncate(time.Second)}); err != nil {
			return Report{}, fmt.Errorf("make report: %w", err)
		}
		t.Write(text) // into memory
	}
	t.Close()
	z.Close()
	mac := strings.TrimPrefix(device, "SEP")
	return Report{Name: "prt-" + at.UTC().Format("20060102-150405") + "-" + mac + ".tar.gz", Contents: b.Bytes()}, nil
}

// noise is bytes that no compression makes less of.
type noise struct{ rng *rand.Rand }

func (n noise) Read(p []byte) (int, error) {
	for i := 0; i < len(p); i += 8 {
		v := n.rng.Uint64()
		for j := i; j < min(i+8, len(p)); j++ {
			p[j] = byte(v)
			v >>= 8
		}
	}
	return len(p), nil
}
