// Package version is what this program was made of: its version, the commit, the compiler
// and the modules that are linked in.
//
// What the linker was not told is taken from what the compiler wrote into the program. It
// knows nothing else.
package version

import (
	"runtime"
	"runtime/debug"
)

// Version is set by the linker; else it is the module's, where the compiler wrote one down.
var Version = "dev"

// Commit is set by the linker; else it is the one that the compiler saw.
var Commit = ""

func init() {
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return
	}
	if Version == "dev" && b.Main.Version != "" && b.Main.Version != "(devel)" {
		Version = b.Main.Version
	}
	if Commit == "" {
		Commit = commit(b.Settings)
	}
}

// commit is the revision of the sources with "+dirty" after it if they were changed since.
func commit(settings []debug.BuildSetting) (revision string) {
	changed := ""
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+dirty"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + changed
}

// Info is the document of `grab version --json`.
type Info struct {
	Version      string   `json:"version"`
	Commit       string   `json:"commit"` // empty: not known
	Go           string   `json:"go"`
	Platform     string   `json:"platform"`
	Dependencies []Module `json:"dependencies"`
}

// A Module is linked into the program.
type Module struct {
	Path    string `json:"module"`
	Version string `json:"version"`
	Sum     string `json:"sum,omitempty"` // as in go.sum
}

// Of is what this program is.
func Of() Info {
	i := Info{Version: Version, Commit: Commit, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Dependencies: []Module{}}
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return i
	}
	for _, m := range b.Deps {
		path := m.Path
		if m.Replace != nil {
			m = m.Replace
		}
		i.Dependencies = append(i.Dependencies, Module{path, m.Version, m.Sum})
	}
	return i
}
