package sources

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"strings"
	"time"

	"github.com/klauspost/compress/flate"

	"rtmtgrab/internal/cucmtrace"
	"rtmtgrab/internal/evidence"
)

// Bounds on an archive.
const (
	maxEntries   = 100_000
	maxNesting   = 3        // an archive in an archive, and a compressed log in that
	maxDirectory = 16 << 20 // of a zip, in bytes
	maxSpool     = 16 << 30 // of all that is unpacked
	maxRatio     = 200      // of what is unpacked to an archive's own size; logs have 10 to 30
)

var alwaysSpool int64 = 64 << 20 // may be unpacked of an archive of any size; tests lower it

var errTooMuch = errors.New("it unpacks to more than logs ever would")

// A spool is the temporary file for what is unpacked; there is none until it is opened.
type spool struct {
	dir  string // "" is the system's
	f    *os.File
	size int64
}

// open makes the temporary file, once. Where the system lets it, its name is gone at once.
func (p *spool) open() error {
	if p.f != nil {
		return nil
	}
	f, err := os.CreateTemp(p.dir, "grab-report-*.part")
	if err != nil {
		return err
	}
	os.Remove(f.Name()) // Windows removes no open file: close does
	p.f = f
	return nil
}

func (p *spool) close() error {
	if p.f == nil {
		return nil
	}
	err := p.f.Close()
	if rerr := os.Remove(p.f.Name()); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
		err = errors.Join(err, rerr)
	}
	return err
}

// An unpacker goes through one archive.
type unpacker struct {
	search  *search
	mtime   time.Time // of the archive
	left    int64     // bytes that may yet be unpacked
	entries int
}

func (s *search) unpacker(st fs.FileInfo) *unpacker {
	limit := int64(maxSpool)
	if st.Size() < maxSpool/maxRatio {
		limit = max(st.Size()*maxRatio, alwaysSpool)
	}
	return &unpacker{search: s, mtime: st.ModTime(), left: limit}
}

// untar takes the logs of an archive that can be streamed; false: it is none, and
// may be a log that was compressed.
func (s *search) untar(f *os.File, st fs.FileInfo, name string) (bool, error) {
	r := bufio.NewReaderSize(f, 64<<10)
	head, _ := r.Peek(512)
	in, err := inflate(kindOf(head), r)
	if err != nil {
		return false, err
	}
	defer in.Close()
	inner := bufio.NewReaderSize(in, 64<<10)
	if head, _ := inner.Peek(512); kindOf(head) != kindTar {
		return false, nil
	}
	u, before := s.unpacker(st), len(s.found)
	err = u.tar(inner, name, 1)
	if err != nil && len(s.found) > before && !u.hard(err) {
		s.set.notes.add("%s is damaged or cut off; what comes before was read: %v", name, err)
		err = nil
	}
	return true, err
}

// tar goes through the members of an archive.
func (u *unpacker) tar(r io.Reader, name string, depth int) error {
	t, names := tar.NewReader(&charged{u, r}), evidence.FileNames{}
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := u.count(); err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := names.Add(h.Name); err != nil {
			return err
		}
		if err := u.member(t, name, h.Name, h.ModTime, depth); err != nil {
			return fmt.Errorf("%s: %w", evidence.Printable(h.Name, 200), err)
		}
	}
}

func (u *unpacker) count() error {
	if u.entries++; u.entries > maxEntries {
		return fmt.Errorf("it has more than %d files", maxEntries)
	}
	return u.search.set.ctx.Err()
}

// unzip takes the logs of a zip.
func (s *search) unzip(f *os.File, st fs.FileInfo, name string) error {
	quota := &quota{f, maxDirectory}
	z, err := zip.NewReader(quota, st.Size())
	if err != nil {
		return err
	}
	quota.left = math.MaxInt64
	z.RegisterDecompressor(zip.Deflate, flate.NewReader)
	u, names := s.unpacker(st), evidence.FileNames{}
	for _, m := range z.File {
		if err := u.count(); err != nil {
			return err
		}
		if !m.Mode().IsRegular() {
			continue
		}
		if err := names.Add(m.Name); err != nil {
			return err
		}
		if err := u.zipped(m, name); err != nil {
			if u.hard(err) {
				return err
			}
			s.set.notes.add("%s of %s was skipped: %v", evidence.Printable(m.Name, 200), name, err)
		}
	}
	return nil
}

func (u *unpacker) zipped(m *zip.File, name string) error {
	r, err := m.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	return u.member(&charged{u, r}, name, m.Name, m.Modified, 1)
}

// A quota refuses to read more than left bytes, so that a directory of millions of
// names is not built up in memory.
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

// charged counts what is unpacked against the archive's limit.
type charged struct {
	u *unpacker
	r io.Reader
}

func (c *charged) Read(b []byte) (int, error) {
	if c.u.left <= 0 {
		return 0, errTooMuch
	}
	if err := c.u.search.set.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(b[:min(int64(len(b)), c.u.left)])
	c.u.left -= int64(n)
	return n, err
}

// member takes one file of an archive: a log, a compressed one, or an archive again.
func (u *unpacker) member(r io.Reader, archive, name string, mtime time.Time, depth int) error {
	b := bufio.NewReaderSize(r, headSize)
	head, err := b.Peek(headSize)
	if cut := errors.Is(err, io.ErrUnexpectedEOF) && cucmtrace.IsSDL(path.Base(name)) && len(head) > 0; err != nil && !errors.Is(err, io.EOF) && !cut {
		return err
	}
	name = evidence.Printable(strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/"), 200)
	k := kindOf(head)
	switch {
	case k == kindTar:
		return u.tar(b, archive+"/"+name, depth+1)
	case k == kindZip:
		return nil // an archive in an archive that cannot be streamed
	case k != kindPlain && depth < maxNesting:
		in, err := inflate(k, b)
		if err != nil {
			return nil // something else that begins like it
		}
		defer in.Close()
		return u.member(&charged{u, in}, archive, name, mtime, depth+1)
	case k != kindPlain:
		return nil
	}
	if mtime.IsZero() {
		mtime = u.mtime
	}
	full := archive + "/" + name
	f := &found{dir: path.Dir(full), base: path.Base(name), name: full, mtime: mtime}
	if !f.judge(head) {
		return nil
	}
	return u.keep(f, b)
}

// keep copies a log into the temporary file.
func (u *unpacker) keep(f *found, r io.Reader) error {
	sp := &u.search.set.spool
	if err := sp.open(); err != nil {
		return err
	}
	at := sp.size
	n, err := io.Copy(unpacked{io.NewOffsetWriter(sp.f, at)}, r)
	sp.size += n
	if n == 0 || u.hard(err) {
		return err
	}
	f.size = n
	f.open = func() (io.ReadCloser, error) {
		return section{io.NewSectionReader(sp.f, at, n)}, nil
	}
	if f.trace != "" && errors.Is(err, io.ErrUnexpectedEOF) { // a .gzo, which was being written
		whole := f.open
		f.cut, err = true, nil
		f.open = func() (io.ReadCloser, error) {
			r, err := whole()
			return cutOff{r}, err
		}
	}
	u.search.found = append(u.search.found, f)
	return err
}

// hard reports whether an error is not the archive's damage: what came before it
// is not used then.
func (u *unpacker) hard(err error) bool {
	_, unwritten := errors.AsType[notKept](err)
	return err != nil && (unwritten || sameName(err) || errors.Is(err, errTooMuch) || u.search.set.ctx.Err() != nil)
}

// sameName reports whether an archive has two files of one name.
func sameName(err error) bool {
	_, same := errors.AsType[*evidence.SameName](err)
	return same
}

// notKept marks errors of writing what was unpacked: a full disk, mostly.
type notKept struct{ error }

func (n notKept) Unwrap() error { return n.error }

type unpacked struct{ w io.Writer }

func (u unpacked) Write(b []byte) (int, error) {
	n, err := u.w.Write(b)
	if err != nil {
		err = notKept{err}
	}
	return n, err
}

type section struct{ *io.SectionReader }

func (section) Close() error { return nil }
