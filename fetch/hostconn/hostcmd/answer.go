package hostcmd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

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

var ErrCutOff = errors.New("the answer of a command is cut off")

// field reads up to the next NUL.
func (a *answer) field() (string, error) {
	b, err := a.r.ReadString(0)
	switch {
	case err == nil:
		return b[:len(b)-1], nil
	case a.left.N <= 0:
		return "", ErrLongFolder
	case errors.Is(err, io.EOF):
		return "", ErrCutOff
	}
	return "", err
}

// begin passes over whatever stands before the nonce.
func (a *answer) begin() error {
	for {
		f, err := a.field()
		switch {
		case errors.Is(err, ErrLongFolder):
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

// Status is what stat says of a file.
type Status struct {
	Mode  uint64
	Size  int64
	MTime time.Time // zero: it is none that is evidence.Believable
	ID    string    // "device:inode"
}

func (s Status) Regular() bool { return s.Mode&0xf000 == 0x8000 }

// parseStatus reads "mode size mtime device:inode", the mode in hex.
func parseStatus(line string) (s Status, err error) {
	f := strings.Split(line, " ")
	if len(f) != 4 || !isID(f[3]) {
		return s, fmt.Errorf("stat printed %q", redact.Foreign(line, 80))
	}
	var sec int64
	var errs [3]error
	s.Mode, errs[0] = strconv.ParseUint(f[0], 16, 32)
	s.Size, errs[1] = strconv.ParseInt(f[1], 10, 64)
	sec, errs[2] = strconv.ParseInt(f[2], 10, 64)
	if err := errors.Join(errs[:]...); err != nil || s.Size < 0 {
		return s, fmt.Errorf("stat printed %q", redact.Foreign(line, 80))
	}
	s.MTime, s.ID = evidence.BoundedTime(time.Unix(sec, 0)), f[3]
	return s, nil
}

// isID reports whether s is two numbers with a colon between them.
func isID(s string) bool {
	dev, ino, ok := strings.Cut(s, ":")
	digits := func(s string) bool { return s != "" && len(s) <= 20 && strings.Trim(s, "0123456789") == "" }
	return ok && digits(dev) && digits(ino)
}

// until reads bytes, at most limit of them, up to the nonce between two NULs.
func (a *answer) until(limit int64) ([]byte, error) {
	sep := "\x00" + a.mark + "\x00"
	var b []byte
	for {
		part, err := a.r.ReadSlice(0)
		b = append(b, part...)
		switch n := len(b) - len(sep); {
		case n >= 0 && string(b[n:]) == sep:
			return b[:n:n], nil
		case int64(n) > limit:
			return nil, a.garbled("a file's head", "too long")
		case errors.Is(err, io.EOF):
			return nil, ErrCutOff
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("read a command's answer: %w", err)
		}
	}
}
