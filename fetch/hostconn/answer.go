package hostconn

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"rtmtgrab/fetch/hostconn/hostcmd"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/redact"
)

// maxNoise is how much a login script may print before a command's answer.
const maxNoise = 64 << 10

// An answer takes apart what a command of package hostcmd prints.
type answer struct {
	r    *bufio.Reader
	left *io.LimitedReader
	mark string // the command's nonce
	most int64  // bytes that may follow what begin passes over
}

func newAnswer(out io.Reader, mark string, most int64) *answer {
	left := &io.LimitedReader{R: out, N: maxNoise}
	return &answer{r: bufio.NewReaderSize(left, 32<<10), left: left, mark: mark, most: most}
}

var errCutOff = errors.New("the answer of a command is cut off")

// field reads up to the next NUL.
func (a *answer) field() (string, error) {
	b, err := a.r.ReadString(0)
	switch {
	case err == nil:
		return b[:len(b)-1], nil
	case a.left.N <= 0:
		return "", errLongFolder
	case errors.Is(err, io.EOF):
		return "", errCutOff
	}
	return "", err
}

// begin passes over whatever stands before the nonce.
func (a *answer) begin() error {
	for {
		f, err := a.field()
		switch {
		case errors.Is(err, errLongFolder):
			return fmt.Errorf("more than %d KiB were printed before a command's answer", maxNoise>>10)
		case err != nil:
			return err
		case strings.HasSuffix(f, a.mark):
			a.left.N += a.most
			return nil
		}
	}
}

func (a *answer) garbled(what, s string) error {
	return fmt.Errorf("a command's answer is not understood: %s is %q", what, redact.Foreign(s, 80))
}

// status is what stat says of a file.
type status struct {
	mode  uint64
	size  int64
	mtime time.Time
	id    string // "device:inode"
}

func (s status) regular() bool { return s.mode&0xf000 == 0x8000 }

// parseStatus reads "mode size mtime device:inode", the mode in hex.
func parseStatus(line string) (s status, err error) {
	f := strings.Split(line, " ")
	if len(f) != 4 || !isID(f[3]) {
		return s, fmt.Errorf("stat printed %q", redact.Foreign(line, 80))
	}
	var sec int64
	var errs [3]error
	s.mode, errs[0] = strconv.ParseUint(f[0], 16, 32)
	s.size, errs[1] = strconv.ParseInt(f[1], 10, 64)
	sec, errs[2] = strconv.ParseInt(f[2], 10, 64)
	if err := errors.Join(errs[:]...); err != nil || s.size < 0 {
		return s, fmt.Errorf("stat printed %q", redact.Foreign(line, 80))
	}
	s.mtime, s.id = evidence.BoundedTime(time.Unix(sec, 0)), f[3]
	return s, nil
}

// isID reports whether s is two numbers with a colon between them.
func isID(s string) bool {
	dev, ino, ok := strings.Cut(s, ":")
	digits := func(s string) bool { return s != "" && len(s) <= 20 && strings.Trim(s, "0123456789") == "" }
	return ok && digits(dev) && digits(ino)
}

// parseList reads the answer to hostcmd.VerbList.
func parseList(out io.Reader, mark string) ([]Entry, error) {
	a := newAnswer(out, mark, maxListing)
	if err := a.begin(); err != nil {
		return nil, err
	}
	var entries []Entry
	for {
		count, err := a.field()
		if err != nil {
			return nil, err
		}
		n, err := strconv.Atoi(count)
		if err != nil || n < 0 || n > 1000 {
			return nil, a.garbled("a count", count)
		}
		if n == 0 {
			end, err := a.field()
			if err == nil && end != mark {
				err = a.garbled("the end", end)
			}
			return entries, err
		}
		if entries, err = a.group(entries, n); err != nil {
			return nil, err
		}
		if len(entries) > maxNames {
			return nil, errLongFolder
		}
	}
}

// group reads n names and as many lines of stat.
func (a *answer) group(entries []Entry, n int) ([]Entry, error) {
	names := make([]string, n)
	for i := range names {
		f, err := a.field()
		if err != nil {
			return nil, err
		}
		name, ok := strings.CutPrefix(f, "./")
		if !ok || name == "" || strings.Contains(name, "/") {
			return nil, a.garbled("a name", f)
		}
		names[i] = name
	}
	stats, err := a.field()
	if err != nil {
		return nil, err
	}
	lines := strings.Split(stats, "\n")
	if len(lines) != n {
		return nil, a.garbled("the output of stat", stats)
	}
	for i, line := range lines {
		s, err := parseStatus(line)
		if err != nil {
			return nil, err
		}
		entries = append(entries, Entry{Name: names[i], Size: s.size, MTime: s.mtime, Regular: s.regular()})
	}
	return entries, nil
}

// reading is the answer to hostcmd.VerbRead.
type reading struct {
	path          string // under which the file was found
	before, after status
	n             int // bytes of data
	head          []byte
}

// parseRead reads the answer to r; its data go into b, which is r.Count long.
func parseRead(out io.Reader, r hostcmd.Read, b []byte) (got reading, err error) {
	a := newAnswer(out, r.Nonce, int64(len(b)+len(b)/100)+r.Head+16<<10) // gzip may make it a little longer
	if err := a.begin(); err != nil {
		return got, err
	}
	before, err := a.field()
	if err != nil {
		return got, err
	}
	if got.path, err = a.field(); err != nil {
		return got, err
	}
	if got.before, err = parseStatus(before); err != nil {
		return got, err
	}
	if !r.Gzip {
		err = a.plain(&got, r.Head, b)
	} else {
		err = a.packed(&got, r.Head, b)
	}
	if err == nil && (got.after.id != got.before.id || r.ID != got.before.id || !got.before.regular()) {
		err = a.garbled("the file", before)
	}
	return got, err
}

// plain reads data and what stands behind it. Where the data end shows only
// from the end backwards.
func (a *answer) plain(got *reading, head int64, b []byte) error {
	n, err := io.ReadFull(a.r, b)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	behind := head + 1<<10 // the most that can stand behind the data
	rest, err := io.ReadAll(io.LimitReader(a.r, behind+1))
	if err != nil {
		return err
	}
	at := max(0, n-int(behind))
	data, err := a.trailer(append(bytes.Clone(b[at:n]), rest...), got)
	got.n = at + data
	if err == nil && got.n > len(b) {
		err = a.garbled("the length of the data", strconv.Itoa(got.n))
	}
	return err
}

// packed unpacks the data, which say themselves where they end.
func (a *answer) packed(got *reading, head int64, b []byte) error {
	z, err := gzip.NewReader(a.r)
	if err != nil {
		return a.badPack(err)
	}
	z.Multistream(false)
	got.n, err = io.ReadFull(z, b)
	if err == nil { // there must not be more; and this reads the check sum
		var one [1]byte
		if n, more := io.ReadFull(z, one[:]); n > 0 || more != io.EOF {
			return a.badPack(fmt.Errorf("it goes on: %w", errors.Join(more)))
		}
	} else if err != io.EOF && err != io.ErrUnexpectedEOF {
		return a.badPack(err)
	}
	if err == io.ErrUnexpectedEOF { // of the data, or of the stream: the next read tells
		if _, end := z.Read(make([]byte, 1)); end != io.EOF {
			return a.badPack(end)
		}
	}
	rest, err := io.ReadAll(io.LimitReader(a.r, head+1<<10))
	if err != nil {
		return err
	}
	at, err := a.trailer(rest, got)
	if err == nil && at != 0 {
		err = a.garbled("what follows the data", string(rest[:min(at, 80)]))
	}
	return err
}

func (a *answer) badPack(err error) error {
	if err == nil || err == io.EOF || err == io.ErrUnexpectedEOF {
		return errCutOff
	}
	return fmt.Errorf("unpack what the host sends: %w", err)
}

// trailer takes the head and the second stat off the end of b, and returns where
// the data end in b.
func (a *answer) trailer(b []byte, got *reading) (data int, err error) {
	sep := []byte("\x00" + a.mark + "\x00")
	end := bytes.LastIndex(b, sep)
	if end < 0 {
		return 0, errCutOff
	}
	start := bytes.LastIndex(b[:end], sep)
	after, whole := bytes.CutSuffix(b[end+len(sep):], []byte{0})
	if start < 0 || !whole {
		return 0, errCutOff
	}
	got.head = bytes.Clone(b[start+len(sep) : end])
	got.after, err = parseStatus(string(after))
	return start, err
}
