//go:build linux

package chaos

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// buildsDir is the folder of the programs that these tests have built; TestMain removes it.
var buildsDir = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "chaos")
	removeBuilds = func() { os.RemoveAll(dir) }
	return dir, err
})

// usual is the program as it is, built once.
var usual = sync.OnceValues(func() (string, error) { return build("grab", "", nil) })

// A change replaces a text in a source file, all of it where it is often there.
type change struct{ file, old, new string }

// clockAhead is the environment variable by which a program that was built with clockChange has
// a clock that is so many seconds ahead.
const clockAhead = "GRAB_TEST_CLOCK_AHEAD"

// clockChange lets the clock of a whole program be wrong, whatever it asks for the time. Times of
// files stay the kernel's.
func clockChange() ([]change, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	const now = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	return []change{{file, now, `var testAhead = func() (n int64) {
	s, _ := syscall.Getenv("` + clockAhead + `")
	for _, c := range s {
		n = 10*n + int64(c-'0')
	}
	return n
}()

` + now + "\tsec += testAhead\n"}, {file, "import (\n", "import (\n\t\"syscall\"\n"}}, nil
}

// olderChange is a program that knows less of what collectors tell each other: fields of messages
// that came later are neither written nor read.
func olderChange() []change {
	nouns, alert := filepath.Join(module(), "internal", "fleet", "fleet.go"), "`json:\"-\"`"
	return []change{
		{nouns, "`json:\"sender,omitempty\"`", alert}, {nouns, "`json:\"at,omitzero\"`", alert}, {nouns, "`json:\"time_zone,omitempty\"`", alert},
		{nouns, "`json:\"counts,omitempty\"`", alert}, {nouns, "`json:\"hand_to,omitempty\"`", alert}, {nouns, "`json:\"bytes,omitempty\"`", alert},
	}
}

// module is the folder of the module.
func module() string {
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "."
	}
	return filepath.Dir(strings.TrimSpace(string(mod)))
}

// build builds the program as one of a version, with changes of sources that are made nowhere but in
// this build.
func build(name, version string, changes []change) (string, error) {
	dir, err := buildsDir()
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, name)
	flags := "-s -w"
	if version != "" {
		flags += " -X rtmtgrab/internal/version.Version=" + version
	}
	args := []string{"build", "-o", program, "-ldflags", flags}
	if len(changes) > 0 {
		overlay, err := overlayOf(filepath.Join(dir, name+"-sources"), changes)
		if err != nil {
			return "", err
		}
		args = append(args, "-overlay", overlay)
	}
	if out, err := exec.Command("go", append(args, "rtmtgrab/cmd/grab")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return program, nil
}

// overlayOf writes the changed files into dir, and the file that go build -overlay takes.
func overlayOf(dir string, changes []change) (string, error) {
	texts := map[string]string{}
	for _, c := range changes {
		if _, read := texts[c.file]; !read {
			b, err := os.ReadFile(c.file)
			if err != nil {
				return "", err
			}
			texts[c.file] = string(b)
		}
		if !strings.Contains(texts[c.file], c.old) {
			return "", fmt.Errorf("%s has no %q any more", c.file, c.old)
		}
		texts[c.file] = strings.ReplaceAll(texts[c.file], c.old, c.new)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	replace := map[string]string{}
	for file, text := range texts {
		replace[file] = filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		if err := os.WriteFile(replace[file], []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, b, 0o600)
}

// built is a build that has to succeed.
func built(t *testing.T, program string, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return program
}
