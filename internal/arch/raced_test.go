package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What of the whole program is run with the detector is there to be run.
func TestRaced(t *testing.T) {
	sources, _ := filepath.Glob(filepath.Join("..", "..", "cmd", "grab", "*_test.go"))
	var all []byte
	for _, name := range sources {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	for _, name := range testNames(t, "RACED") {
		if !strings.Contains(string(all), "func "+name+"(t *testing.T)") {
			t.Errorf("RACED has %s, which is no test of cmd/grab", name)
		}
	}
}

// testNames are the tests that a variable of the Makefile picks.
func testNames(t *testing.T, name string) []string {
	t.Helper()
	return strings.Split(strings.Trim(makeVar(t, name), "^$()"), "|")
}

func makeVar(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^` + name + ` += (.*)$`).FindSubmatch(b)
	if line == nil {
		t.Fatalf("the Makefile has no %s", name)
	}
	return string(line[1])
}
