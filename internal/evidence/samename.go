package evidence

import (
	"fmt"
	"path"
	"strings"
)

// A SameName error says that an archive has two files of one name, or of names that are
// one on some system: what one program shows another may not have looked at.
type SameName struct{ First, Second string }

func (e *SameName) Error() string {
	if e.First == e.Second {
		return fmt.Sprintf("%q is in it twice: unpack it and give the file that is meant", Printable(e.First, 200))
	}
	return fmt.Sprintf("%q and %q are one name on some systems: unpack it and give the file that is meant", Printable(e.First, 200), Printable(e.Second, 200))
}

// FileNames are the names of an archive's files.
type FileNames map[string]string

// Add takes a name in. The error, a *SameName, is that it was there before, without
// regard to case, to dots and blanks at the end of any part, and to the kind of slashes.
func (n FileNames) Add(name string) error {
	parts := strings.Split(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/")
	for i, p := range parts {
		parts[i] = strings.TrimRight(p, ". ")
	}
	key := strings.ToLower(strings.ToUpper(strings.Join(parts, "/"))) // ſ and s are one
	if first, ok := n[key]; ok {
		return &SameName{first, name}
	}
	n[key] = name
	return nil
}
