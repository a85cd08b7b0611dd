package logset

import (
	"bytes"
	"slices"
)

// remember adds what was found in files whose handles go with the connection to what is known of
// earlier ones: to find it takes megabytes of each, and on a line that breaks time and again all of
// them are never read over one connection.
func remember(found, files []*File) []*File {
	for _, f := range files {
		if f.Found == nil || f.Gzip || f.Stale || f.Torn != "" || f.FoundSize != f.Size || f.Vague() {
			continue
		}
		found = slices.DeleteFunc(found, func(o *File) bool { return unchanged(o, f) })
		found = append(found, &File{Info: f.Info, Found: f.Found, Cut: f.Cut, FoundSize: f.FoundSize})
	}
	return found
}

// recall is what was found in a file that was opened anew and has not changed since.
func recall(found []*File, f *File) {
	i := slices.IndexFunc(found, func(o *File) bool { return unchanged(o, f) })
	if i < 0 {
		return
	}
	was := found[i]
	f.First, f.Found, f.Cut, f.FoundSize = was.First, was.Found, was.Cut, was.FoundSize
}

// unchanged reports whether f is the file o, and as long and as old.
func unchanged(o, f *File) bool {
	return o.Size == f.Size && o.MTime.Equal(f.MTime) && o.At == f.At && o.Gzip == f.Gzip && bytes.Equal(o.Head, f.Head)
}
