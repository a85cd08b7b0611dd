package bundle

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/klauspost/compress/flate"

	"rtmtgrab/internal/evidence"
)

// maxDirectory is the most that is read of a zip's directory, in bytes.
const maxDirectory = 16 << 20

// openBundle opens a regular file, and only that: a pipe could block for ever.
func openBundle(path string) (*os.File, int64, error) {
	if st, err := os.Stat(path); err != nil {
		return nil, 0, err
	} else if !st.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("open %s: not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, st.Size(), nil
}

// sniff takes the format from the name, or else from the first bytes.
func sniff(path string, r io.ReaderAt) (format, bool) {
	if f, ok := formatOf(path); ok {
		return f, true
	}
	var magic [4]byte
	r.ReadAt(magic[:], 0) // too short a file matches nothing
	switch string(magic[:]) {
	case "PK\x03\x04":
		return formatZip, true
	case "\x28\xb5\x2f\xfd":
		return formatTarZst, true
	}
	if string(magic[:3]) == "\x1f\x8b\x08" {
		return formatTarGz, true
	}
	return 0, false
}

// A visitor gets each file of an archive under its full name. err says why the
// file cannot be read; then body is nil. A visitor's own error ends the walk.
type visitor func(full string, body io.Reader, err error) error

// walk goes through an archive. Its errors are the visitor's, or damage.
func walk(ctx context.Context, f format, r io.ReaderAt, size int64, visit visitor) error {
	if f == formatZip {
		return walkZip(ctx, r, size, visit)
	}
	return walkTar(ctx, f, r, size, budgetOf(size, 0), visit)
}

func walkZip(ctx context.Context, r io.ReaderAt, size int64, visit visitor) error {
	z, err := openZip(r, size)
	if err != nil {
		return err
	}
	most := budgetOf(size, 0)
	for _, f := range z.File {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := visitZip(f, most, visit); err != nil {
			return err
		}
	}
	return nil
}

// openZip reads the directory. The files may be read side by side.
func openZip(r io.ReaderAt, size int64) (*zip.Reader, error) {
	quota := &quotaReaderAt{r: r, left: maxDirectory}
	z, err := zip.NewReader(quota, size)
	if err != nil {
		return nil, err
	}
	quota.lifted = true
	z.RegisterDecompressor(zip.Deflate, newInflater)
	var total uint64
	for _, f := range z.File {
		if f.CompressedSize64 > uint64(size) {
			return nil, fmt.Errorf("%q: larger than the archive", printable(f.Name))
		}
		if total += f.CompressedSize64; total > uint64(size) {
			return nil, errors.New("its files overlap")
		}
	}
	return z, nil
}

// inflaters are used again: of an archive of 65,000 small files each would else cost 80 KiB.
var inflaters = sync.Pool{New: func() any { return flate.NewReader(strings.NewReader("")) }}

// An inflater gives what reads it back when it is closed.
type inflater struct{ io.ReadCloser }

func newInflater(r io.Reader) io.ReadCloser {
	z := inflaters.Get().(io.ReadCloser)
	z.(flate.Resetter).Reset(r, nil) // fails only with a dictionary that is none
	return &inflater{z}
}

func (i *inflater) Read(p []byte) (int, error) {
	if i.ReadCloser == nil {
		return 0, os.ErrClosed
	}
	return i.ReadCloser.Read(p)
}

func (i *inflater) Close() error {
	if i.ReadCloser != nil {
		inflaters.Put(i.ReadCloser)
		i.ReadCloser = nil
	}
	return nil
}

func visitZip(f *zip.File, most *budget, visit visitor) error {
	if f.Method != zip.Deflate || !f.Mode().IsRegular() {
		return visit(f.Name, nil, errors.New("not a plain, deflated file"))
	}
	body, err := f.Open()
	if err != nil {
		return visit(f.Name, nil, err)
	}
	defer body.Close()
	return visit(f.Name, charged{most, body}, nil)
}

// A quotaReaderAt refuses to read more than left bytes until the quota is lifted, so
// that a directory of millions of names is not built up in memory.
type quotaReaderAt struct {
	r      io.ReaderAt
	left   int64
	lifted bool
}

func (q *quotaReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if q.lifted {
		return q.r.ReadAt(p, off)
	}
	if int64(len(p)) > q.left {
		return 0, errors.New("the directory is too large")
	}
	n, err := q.r.ReadAt(p, off)
	q.left -= int64(n)
	return n, err
}

var errFound = errors.New("found")

// ReadManifest reads the manifest of a bundle without verifying anything else.
func ReadManifest(path string) (evidence.Manifest, error) {
	m, err := readManifest(path)
	if err != nil {
		return m, fmt.Errorf("read the manifest of %s: %w", path, err)
	}
	return m, nil
}

func readManifest(path string) (m evidence.Manifest, err error) {
	file, size, err := openBundle(path)
	if err != nil {
		return m, err
	}
	defer file.Close()
	f, ok := sniff(path, file)
	if !ok {
		return m, errors.New(noFormat)
	}
	n := 0
	err = walk(context.Background(), f, file, size, func(full string, body io.Reader, err error) error {
		if n++; n > 3 { // it is the second; what lies behind it may be gigabytes
			return errors.New("no manifest.json at the beginning")
		}
		if _, inside, nerr := splitTop(full); nerr != nil || inside != manifestName {
			return nil
		}
		if err == nil {
			m, err = decodeManifest(body)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", manifestName, err)
		}
		return errFound
	})
	switch {
	case errors.Is(err, errFound):
		return m, nil
	case err == nil:
		err = errors.New("no manifest.json in it")
	}
	return evidence.Manifest{}, err
}

// CheckNames goes through an archive; the error is an *evidence.SameName if two of its
// files have names that are one.
func CheckNames(ctx context.Context, path string) error {
	_, err := Names(ctx, path)
	return err
}

// Names is CheckNames, and gives the names of its files, without the top folder.
func Names(ctx context.Context, path string) (inside map[string]bool, err error) {
	file, size, err := openBundle(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	f, ok := sniff(path, file)
	if !ok {
		return nil, fmt.Errorf("read %s: %s", path, noFormat)
	}
	inside = map[string]bool{}
	names := evidence.FileNames{}
	add := func(full string, _ io.Reader, _ error) error {
		if _, name, ok := strings.Cut(full, "/"); ok && len(inside) < maxEntries {
			inside[name] = true
		}
		return names.Add(full)
	}
	if f == formatZip { // its directory says all of it
		err = eachName(file, size, add)
	} else {
		err = walk(ctx, f, file, size, add)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return inside, nil
}

// eachName shows the names in a zip's directory.
func eachName(r io.ReaderAt, size int64, visit visitor) error {
	z, err := openZip(r, size)
	if err != nil {
		return err
	}
	for _, e := range z.File {
		if err := visit(e.Name, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// Bounds on what a manifest may unfold to in memory: {} and "" are short in JSON.
const (
	maxObjects = 200_000
	maxValues  = 2_000_000
	maxHosts   = 4096 // more than any site has
)

func decodeManifest(r io.Reader) (m evidence.Manifest, err error) {
	var raw bytes.Buffer
	if _, err := raw.ReadFrom(io.LimitReader(r, maxManifest+1)); err != nil {
		return m, err
	}
	b := raw.Bytes()
	switch {
	case len(b) > maxManifest:
		return m, fmt.Errorf("larger than %d MiB", maxManifest>>20)
	case bytes.Count(b, []byte("{")) > maxObjects || bytes.Count(b, []byte(",")) > maxValues:
		return m, errors.New("too many values")
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return evidence.Manifest{}, err
	}
	if len(m.Hosts) > maxHosts {
		return evidence.Manifest{}, fmt.Errorf("it names %d hosts, and no bundle has more than %d", len(m.Hosts), maxHosts)
	}
	return m, nil
}
