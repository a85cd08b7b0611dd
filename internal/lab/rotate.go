package lab

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"time"
)

// rotate makes room in the way of the log's style. On Windows a file that a
// reader holds cannot be renamed: then nothing rotates until it is let go.
func (l *logFile) rotate() error {
	if err := l.write(); err != nil {
		return err
	}
	if err := l.touch(l.path("")); err != nil {
		return err
	}
	var name string
	var err error
	switch l.cfg.Style {
	case Numbered:
		name, err = l.rotateByName(".1", l.shift(""))
	case Dated:
		name, err = l.rotateByName(l.dated(), nil)
	case Gzip:
		if name, err = l.rotateByName(".1", l.shift(".gz")); err == nil {
			name, err = l.compress(name)
		}
	case CopyTruncate:
		name, err = l.copyTruncate(l.shift(""))
	default:
		err = fmt.Errorf("rotation %q is not known", l.cfg.Style)
	}
	if err != nil {
		return ignoreHeld(err)
	}
	l.segs = append([]*segment{{name: name, first: l.first, end: len(l.truth)}}, l.segs...)
	l.first, l.size = len(l.truth), 0
	return l.prune()
}

// rotateByName renames the live file and begins a new one.
func (l *logFile) rotateByName(suffix string, shifted error) (string, error) {
	if shifted != nil {
		return "", shifted
	}
	if err := l.f.Close(); err != nil {
		return "", err
	}
	err := os.Rename(l.path(""), l.path(suffix))
	if openErr := l.reopen(); openErr != nil {
		return "", openErr
	}
	return l.family + suffix, err
}

// shift renames .n to .n+1, the oldest first, and removes what would be one too many.
func (l *logFile) shift(ext string) error {
	for len(l.segs) >= l.cfg.RotateKeep {
		if err := l.remove(); err != nil {
			return err
		}
	}
	for i := len(l.segs) - 1; i >= 0; i-- {
		to := l.family + "." + strconv.Itoa(i+2) + ext
		if err := os.Rename(l.path(l.segs[i].name[len(l.family):]), l.path(to[len(l.family):])); err != nil {
			return err
		}
		l.segs[i].name = to
	}
	return nil
}

// dated is a suffix that no file has yet.
func (l *logFile) dated() string {
	at := l.last
	if at.IsZero() {
		at = time.Now()
	}
	base := "-" + at.In(l.cfg.Zone).Format("20060102-150405")
	suffix := base
	for i := 2; ; i++ {
		if _, err := os.Lstat(l.path(suffix)); errors.Is(err, fs.ErrNotExist) {
			return suffix
		}
		suffix = base + "-" + strconv.Itoa(i)
	}
}

// compress makes name.gz of name in the way of logrotate: both are there while
// it works, the copy under its final name.
func (l *logFile) compress(name string) (string, error) {
	suffix := name[len(l.family):]
	gz := l.path(suffix + ".gz")
	err := copyFile(gz, l.path(suffix), func(w io.Writer) io.WriteCloser {
		z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // the level is a valid one
		return z
	})
	if err != nil {
		return "", err
	}
	if err := l.touch(gz); err != nil {
		return "", err
	}
	return name + ".gz", os.Remove(l.path(suffix))
}

func (l *logFile) copyTruncate(shifted error) (string, error) {
	if shifted != nil {
		return "", shifted
	}
	if err := copyFile(l.path(".1"), l.path(""), nil); err != nil {
		return "", err
	}
	if err := l.touch(l.path(".1")); err != nil {
		return "", err
	}
	return l.family + ".1", os.Truncate(l.path(""), 0)
}

func copyFile(to, from string, wrap func(io.Writer) io.WriteCloser) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	w := io.WriteCloser(out)
	if wrap != nil {
		w = wrap(out)
	}
	if _, err := io.Copy(w, in); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if wrap != nil {
		return out.Close()
	}
	return nil
}

func (l *logFile) prune() error {
	for len(l.segs) > l.cfg.RotateKeep {
		if err := l.remove(); err != nil {
			return ignoreHeld(err)
		}
	}
	return nil
}

// remove deletes the oldest file; its records are gone from just before that.
func (l *logFile) remove() error {
	s := l.segs[len(l.segs)-1]
	now := time.Now()
	for i := s.first; i < s.end; i++ {
		l.truth[i].GoneAt = now
	}
	if err := os.Remove(l.path(s.name[len(l.family):])); err != nil {
		for i := s.first; i < s.end; i++ {
			l.truth[i].GoneAt = time.Time{}
		}
		return err
	}
	l.segs = l.segs[:len(l.segs)-1]
	return nil
}
