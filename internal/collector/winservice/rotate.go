package winservice

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"rtmtgrab/internal/atomicfile"
)

// A logFile is a log in numbered files, NAME-000001.log and so on, of which the highest
// number is written to. A full one is left alone and the next one begun: nothing is
// renamed, which on Windows a mere reader could prevent. At most keep files of at most
// max bytes stay; one that a reader holds against its removal goes the next time.
type logFile struct {
	dir, name string
	max       int64
	keep      int

	mu   sync.Mutex
	f    *os.File
	n    int // its number
	size int64
}

// openLogFile makes the folder (see atomicfile.MkdirAll) and goes on with the newest file.
func openLogFile(dir, name string, max int64, keep int) (*logFile, error) {
	if err := atomicfile.MkdirAll(dir); err != nil {
		return nil, err
	}
	l := &logFile{dir: dir, name: name, max: max, keep: keep}
	numbers, err := l.numbers()
	if err != nil {
		return nil, err
	}
	l.n = 1
	if len(numbers) > 0 {
		l.n = numbers[len(numbers)-1]
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.open(); err != nil {
		return nil, err
	}
	if l.size >= max {
		return l, l.next()
	}
	return l, nil
}

// Write appends whole records. One longer than a file may be is cut.
func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := len(p)
	if int64(len(p)) > l.max {
		p = append(slices.Clip(p[:l.max-1]), '\n')
	}
	if l.f == nil {
		if err := l.open(); err != nil { // an earlier next failed
			return 0, err
		}
	}
	if l.size > 0 && l.size+int64(len(p)) > l.max {
		if err := l.next(); err != nil {
			return 0, err
		}
	}
	n, err := l.f.Write(p)
	l.size += int64(n)
	if err != nil {
		return n, err
	}
	return all, nil
}

// Close closes the file.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return nil
	}
	err := l.f.Close()
	l.f = nil
	return err
}

func (l *logFile) path(n int) string {
	return filepath.Join(l.dir, fmt.Sprintf("%s-%06d.log", l.name, n))
}

// open opens the file of number n.
func (l *logFile) open() error {
	f, err := os.OpenFile(l.path(l.n), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.f, l.size = f, info.Size()
	return nil
}

// next begins a file and removes those that are too many.
func (l *logFile) next() error {
	err := l.f.Close()
	l.f = nil
	l.n++
	if err = errors.Join(err, l.open()); err != nil {
		return err
	}
	numbers, err := l.numbers()
	for len(numbers) > l.keep {
		os.Remove(l.path(numbers[0])) // held by a reader: the next time
		numbers = numbers[1:]
	}
	return err
}

// numbers are those of the files there, ascending.
func (l *logFile) numbers() ([]int, error) {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return nil, err
	}
	var out []int
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), l.name+"-")
		digits, log := strings.CutSuffix(rest, ".log")
		if n, err := strconv.Atoi(digits); ok && log && err == nil && n > 0 && l.path(n) == filepath.Join(l.dir, e.Name()) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}
