package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rtmtgrab/internal/advice"
)

// What cannot be read because it is encrypted, cut short or no bundle is said with the next
// move, whichever command it is given to.
func TestNextMove(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"sealed.zip.age": "age-encryption.org/v1\n-> X25519 x\n", "cut.zip": "PK\x03\x04" + strings.Repeat("x", 5000)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "out")
	for line, want := range map[string]string{
		"verify DIR/sealed.zip.age":                 "`grab open DIR/sealed.zip.age -i KEY`",
		"show DIR/sealed.zip.age":                   "`grab open DIR/sealed.zip.age -i KEY`",
		"report --out OUT DIR/sealed.zip.age":       "`grab open DIR/sealed.zip.age -i KEY`",
		"export --pcapng OUT.p DIR/sealed.zip.age":  "`grab open DIR/sealed.zip.age -i KEY`",
		"export --format tar.gz DIR/sealed.zip.age": "`grab open DIR/sealed.zip.age -i KEY`",
		"show DIR/cut.zip":                          "`grab verify`",
		"report --out OUT DIR/cut.zip":              "`grab verify`",
		"export --pcapng OUT.p DIR/cut.zip":         "`grab verify`",
		"show DIR":                                  "`grab list`",
	} {
		place := strings.NewReplacer("DIR", dir, "OUT", out)
		r := runGrab(strings.Fields(place.Replace(line))...)
		if r.code != advice.Failed || !strings.Contains(r.err, "grab: hint: ") || !strings.Contains(r.err, place.Replace(want)) {
			t.Errorf("%s: want the next move %s: %s", line, want, r)
		}
	}
}
