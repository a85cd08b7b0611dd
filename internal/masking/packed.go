package masking

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"

	"rtmtgrab/bundle/mask"
	"rtmtgrab/internal/evidence"
)

// Bounds on what is packed in a bundle.
const (
	maxNesting   = 3        // a compressed file in an archive in an archive
	maxMembers   = 65_000   // of all archives together
	maxDirectory = 16 << 20 // of a zip, in bytes
	packedRatio  = 200
	packedAlways = 64 << 20
	headSize     = 8 << 10 // by which a file is told
)

// unmaskable is why a file is left out. It is no failure.
type unmaskable string

func (u unmaskable) Error() string { return string(u) }

const (
	isPRT     = unmaskable("a phone's problem report, which cannot be masked")
	isBinary  = unmaskable("not a text that this program can read")
	isDeep    = unmaskable("packed too many times")
	isBroken  = unmaskable("it cannot be unpacked")
	isNoPlain = unmaskable("not a plain file")
)

var prtRE = regexp.MustCompile(`(?i)(^|[^a-z])prt([^a-z]|$)|problem[ _.-]?report`)

// A leaf is told of each text that was packed.
type leaf func(name string, k mask.Kind, w io.Writer, r io.Reader) error

// A packer goes through a file that may be packed, and packs it again. Its errors are
// unmaskable, or real ones.
type packer struct {
	*job
	leaf    leaf
	left    func(name string, why error) error // a member is left out
	members int
}

// file takes one file.
func (p *packer) file(name string, w io.Writer, r io.Reader, depth int) error {
	if prtRE.MatchString(path.Base(name)) || strings.HasPrefix(name, "prt/") {
		return isPRT
	}
	b := bufio.NewReaderSize(r, headSize)
	head, err := b.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	packed := isGzip(head) || isZip(head) || isTar(head)
	switch {
	case packed && depth >= maxNesting:
		return isDeep
	case isGzip(head):
		return p.gzip(name, w, b, depth)
	case isZip(head):
		return p.zip(name, w, b, depth)
	case isTar(head):
		return p.tar(name, w, b, depth)
	case !isText(head):
		return isBinary
	}
	return p.leaf(name, kindOf(name), w, b)
}

func isGzip(b []byte) bool { return bytes.HasPrefix(b, []byte("\x1f\x8b")) }
func isZip(b []byte) bool  { return bytes.HasPrefix(b, []byte("PK\x03\x04")) }
func isTar(b []byte) bool  { return len(b) > 262 && string(b[257:262]) == "ustar" }

// isText: logs have a NUL or a byte that is no UTF-8 here and there.
func isText(b []byte) bool {
	odd := 0
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 && len(b) >= utf8.UTFMax || r < ' ' && r != '\n' && r != '\r' && r != '\t' && r != '\f' {
			odd += 10
		}
		odd--
		b = b[n:]
	}
	return odd <= 0
}

func (p *packer) gzip(name string, w io.Writer, r io.Reader, depth int) error {
	in := &counted{r: r}
	z, err := gzip.NewReader(in)
	if err != nil {
		return isBroken
	}
	out := gzip.NewWriter(w)
	base := strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".gzo")
	if strings.HasSuffix(name, ".tgz") {
		base = strings.TrimSuffix(name, ".tgz") + ".tar"
	}
	if err := p.file(base, out, &unpacking{r: z, in: in}, depth+1); err != nil {
		return err
	}
	return out.Close()
}

// tar masks each member into a temporary file, for its size stands before it.
func (p *packer) tar(name string, w io.Writer, r io.Reader, depth int) error {
	in, out, names := tar.NewReader(r), tar.NewWriter(w), evidence.FileNames{}
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return out.Close()
		}
		if err != nil {
			return broken(err)
		}
		if h.Typeflag == tar.TypeDir {
			continue
		}
		member := name + "/" + cleaned(h.Name)
		if err := p.count(names, h.Name); err != nil {
			return fmt.Errorf("%s: %w", evidence.Printable(member, 200), err)
		}
		err = isNoPlain
		if h.Typeflag == tar.TypeReg {
			err = p.member(member, in, depth, func(size int64, masked io.Reader) error {
				to, err := p.masker.Name(cleaned(h.Name))
				if err == nil {
					err = out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: to, Size: size, Mode: 0o600, ModTime: h.ModTime})
				}
				if err == nil {
					_, err = io.Copy(out, masked)
				}
				return err
			})
		}
		if err := p.skip(member, err); err != nil {
			return err
		}
	}
}

// zip is copied out first, for its directory stands at the end.
func (p *packer) zip(name string, w io.Writer, r io.Reader, depth int) error {
	f, err := p.temporary()
	if err != nil {
		return err
	}
	defer p.drop(f)
	size, err := io.Copy(f, r)
	if err != nil {
		return err
	}
	quota := &quota{f, maxDirectory}
	z, err := zip.NewReader(quota, size)
	if err != nil {
		return isBroken
	}
	quota.left = math.MaxInt64
	out, names := zip.NewWriter(w), evidence.FileNames{}
	for _, m := range z.File {
		if m.Mode().IsDir() {
			continue
		}
		member := name + "/" + cleaned(m.Name)
		if err := p.count(names, m.Name); err != nil {
			return fmt.Errorf("%s: %w", evidence.Printable(member, 200), err)
		}
		if err := p.skip(member, p.zipped(member, m, out, depth)); err != nil {
			return err
		}
	}
	return out.Close()
}

func (p *packer) zipped(member string, m *zip.File, out *zip.Writer, depth int) error {
	if !m.Mode().IsRegular() {
		return isNoPlain
	}
	in, err := m.Open()
	if err != nil {
		return isBroken
	}
	defer in.Close()
	most := &unpacking{r: in, in: &counted{n: int64(min(m.CompressedSize64, math.MaxInt64/packedRatio))}}
	return p.member(member, most, depth, func(_ int64, masked io.Reader) error {
		to, err := p.masker.Name(cleaned(m.Name))
		if err != nil {
			return err
		}
		w, err := out.CreateHeader(&zip.FileHeader{Name: to, Method: zip.Deflate, Modified: m.Modified})
		if err == nil {
			_, err = io.Copy(w, masked)
		}
		return err
	})
}

// member masks a member of an archive, and gives what it becomes.
func (p *packer) member(name string, r io.Reader, depth int, give func(size int64, masked io.Reader) error) error {
	f, err := p.temporary()
	if err != nil {
		return err
	}
	defer p.drop(f)
	if err := p.file(name, f, r, depth+1); err != nil {
		return err
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	return cmp.Or(err, give(size, f))
}

func (p *packer) temporary() (*os.File, error) { return os.CreateTemp(p.work, "packed-*") }

func (p *packer) drop(f *os.File) {
	f.Close()
	os.Remove(f.Name())
}

// count bounds how many members there are, and refuses two that are one.
func (p *packer) count(names evidence.FileNames, name string) error {
	if p.members++; p.members > maxMembers {
		return fmt.Errorf("more than %d files are packed in it", maxMembers)
	}
	if err := p.ctx.Err(); err != nil {
		return err
	}
	return names.Add(name)
}

// skip leaves a member out that cannot be masked.
func (p *packer) skip(name string, err error) error {
	if why, is := errors.AsType[unmaskable](err); is {
		return p.left(name, why)
	}
	return err
}

// cleaned is a member's name, which leads nowhere.
func cleaned(name string) string {
	return strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/")
}

// counted counts what is read, and keeps why it ended.
type counted struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// unpacking ends where what was packed is more than texts ever are. What is damaged is
// unmaskable.
type unpacking struct {
	r  io.Reader
	in *counted
	n  int64
}

func (u *unpacking) Read(b []byte) (int, error) {
	n, err := u.r.Read(b)
	if u.n += int64(n); u.n > packedAlways && u.n/packedRatio > u.in.n {
		return 0, errTooMuch
	}
	switch {
	case u.in.err != nil:
		err = u.in.err
	case err != nil && !errors.Is(err, io.EOF):
		err = isBroken
	}
	return n, err
}

var errTooMuch = errors.New("it unpacks to more than logs ever would")

// broken is damage of a tar as a reason to leave it out.
func broken(err error) error {
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF) {
		return isBroken
	}
	return err
}

// A quota refuses to read more than left bytes, so that a directory of millions of names is
// not built up in memory.
type quota struct {
	r    io.ReaderAt
	left int64
}

func (q *quota) ReadAt(p []byte, off int64) (int, error) {
	if int64(len(p)) > q.left {
		return 0, errors.New("the directory is too large")
	}
	n, err := q.r.ReadAt(p, off)
	q.left -= int64(n)
	return n, err
}
