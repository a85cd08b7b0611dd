package hostcmd

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// What a folder's listing may come to, however it is asked for.
const (
	MaxListing = 32 << 20 // bytes
	MaxNames   = 200_000
)

// ErrLongFolder says that a listing is longer.
var ErrLongFolder = fmt.Errorf("the folder's listing is longer than %d names or %d MiB", MaxNames, MaxListing>>20)

// Listed is a file of a folder.
type Listed struct {
	Name string
	Status
}

// ListAnswer reads the answer to VerbList.
func ListAnswer(out io.Reader, mark string) ([]Listed, error) {
	a := newAnswer(out, mark, MaxListing)
	if err := a.begin(); err != nil {
		return nil, err
	}
	var entries []Listed
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
		if len(entries) > MaxNames {
			return nil, ErrLongFolder
		}
	}
}

// group reads n names and as many lines of stat.
func (a *answer) group(entries []Listed, n int) ([]Listed, error) {
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
		entries = append(entries, Listed{Name: names[i], Status: s})
	}
	return entries, nil
}
