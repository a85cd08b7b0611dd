package diagnostics

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"
)

// What unpacks to more than logs do is no log, however little of it came, and is told from what
// was cut off.
func TestCopyGzip(t *testing.T) {
	t.Parallel()
	packed := func(mib int) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		for range mib {
			z.Write(make([]byte, 1<<20))
		}
		z.Close()
		return b.Bytes()
	}
	small := packed(1)
	for _, c := range []struct {
		name string
		from []byte
		most int64
		want string
	}{
		{"a log", small, 1 << 20, ""},
		{"something behind it", append(bytes.Clone(small), "\x1b junk"...), 1 << 20, ""},
		{"a bomb", packed(256), 1 << 30, "more than logs ever do"},
		{"cut off", small[:len(small)-9], 1 << 20, "cut off"},
		{"too large", small, 100, "larger than diagnostics.max"},
		{"a page", []byte("<html>"), 1 << 20, "no gzip file"},
		{"nothing", nil, 1 << 20, "no gzip file"},
	} {
		var to bytes.Buffer
		err := copyGzip(&to, io.MultiReader(bytes.NewReader(c.from)), c.most)
		if c.want == "" && (err != nil || !bytes.Equal(to.Bytes(), c.from)) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
