package access

import "strings"

// A Loose error names files and folders that others can change, so that what is read
// there may be anybody's.
type Loose struct {
	What []string // one for each: path, and what is wrong with it
	Fix  []string // a command for each
}

func (l *Loose) Error() string { return strings.Join(l.What, "\n") }
