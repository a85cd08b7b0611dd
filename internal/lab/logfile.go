package lab

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// A logFile is one family of one Expressway: the live file, its rotated siblings
// and the truth about them. It is safe for concurrent use.
type logFile struct {
	family string
	dir    string
	cfg    LogConfig

	mu      sync.Mutex
	stamper *stamper
	f       *os.File
	size    int64 // of the live file, what is in buf included
	buf     []byte
	scratch []byte
	truth   []Record
	pending int        // index of the first record that is only in buf
	first   int        // index of the first record of the live file
	segs    []*segment // rotated files, the newest first
	last    time.Time  // host time of the newest record
	err     error      // the first fault
}

// A segment is a rotated file: rows [first, end) of the truth.
type segment struct {
	name       string
	first, end int
}

const bufferLimit = 256 << 10

func openLog(dir, family, host string, cfg LogConfig, seed uint64) (*logFile, error) {
	l := &logFile{family: family, dir: dir, cfg: cfg, stamper: newStamper(host, cfg, seed)}
	return l, l.reopen()
}

func (l *logFile) path(suffix string) string { return filepath.Join(l.dir, l.family+suffix) }

func (l *logFile) reopen() error {
	f, err := os.OpenFile(l.path(""), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	l.f = f
	return nil
}

// add writes one entry at host time at; it reaches the disk with the next flush.
func (l *logFile) add(en *entry, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return
	}
	var r Record
	l.scratch, r = l.stamper.stamp(l.scratch[:0], en, at)
	l.append(l.scratch, r, at)
}

// addRaw writes text as it is, as one record of the given row.
func (l *logFile) addRaw(text []byte, r Record, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return
	}
	r.Len = len(text)
	l.append(text, r, at)
}

func (l *logFile) append(text []byte, r Record, at time.Time) {
	if l.cfg.RotateSize > 0 && l.size > 0 && l.size+int64(len(text)) > l.cfg.RotateSize {
		l.fault(l.rotate())
	}
	r.Seq = int64(len(l.truth))
	r.Sum = sha256.Sum256(text)
	l.truth = append(l.truth, r)
	l.buf = append(l.buf, text...)
	l.size += int64(len(text))
	l.last = at
	if len(l.buf) >= bufferLimit {
		l.fault(l.write())
	}
}

func (l *logFile) fault(err error) {
	if err != nil && l.err == nil {
		l.err = err
	}
}

// flush brings everything to the disk and lets the live file's modification time
// be the host's.
func (l *logFile) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil || l.pending == len(l.truth) {
		return
	}
	l.fault(l.write())
	l.fault(l.touch(l.path("")))
}

// write empties the buffer into the live file and notes when.
func (l *logFile) write() error {
	if len(l.buf) == 0 {
		return nil
	}
	half := len(l.buf)
	if l.cfg.Torn {
		half = l.stamper.rng.IntN(len(l.buf))
	}
	for _, part := range [][]byte{l.buf[:half], l.buf[half:]} {
		if _, err := l.f.Write(part); err != nil {
			return err
		}
	}
	now := time.Now()
	for i := l.pending; i < len(l.truth); i++ {
		l.truth[i].WrittenAt = now
	}
	l.pending, l.buf = len(l.truth), l.buf[:0]
	return nil
}

// touch sets the modification time of a file to the newest record's, unless the
// file system's own is as good.
func (l *logFile) touch(path string) error {
	if d := time.Since(l.last); l.last.IsZero() || d > -time.Second && d < time.Second {
		return nil
	}
	return os.Chtimes(path, l.last, l.last)
}

func (l *logFile) records() []Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.truth)
}

// siblings are the names of the files, the oldest first, the live one last.
func (l *logFile) siblings() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var names []string
	for _, s := range slices.Backward(l.segs) {
		names = append(names, s.name)
	}
	return append(names, l.family)
}

// forceRotate rotates now.
func (l *logFile) forceRotate() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return fmt.Errorf("rotate %s: %w", l.family, os.ErrClosed)
	}
	if err := l.rotate(); err != nil {
		return fmt.Errorf("rotate %s: %w", l.family, err)
	}
	return nil
}

func (l *logFile) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return l.err
	}
	l.fault(l.write())
	l.fault(l.touch(l.path("")))
	l.fault(l.f.Close())
	l.f = nil
	return l.err
}
