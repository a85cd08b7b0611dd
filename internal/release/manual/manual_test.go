package manual

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/config/schema"
)

var day = time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)

// Every key is on the page with what may stand there, and what holds without it.
func TestConfiguration(t *testing.T) {
	page := string(configuration("v1.2.3", day))
	keys := 0
	for _, s := range schema.Sections() {
		for _, e := range s.Keys {
			keys++
			if !strings.Contains(page, `\fB`+literal(e.Field.Key)+`\fR (`) || e.Text == "" || !strings.Contains(page, literal(e.Text)) {
				t.Errorf("%v: no %s, or nothing of what it means", s.Paths, e.Field.Key)
			}
			for _, v := range e.Values {
				if !strings.Contains(page, literal(v)) {
					t.Errorf("%s may be %s, which is not on the page", e.Field.Key, v)
				}
			}
		}
	}
	if keys < 200 {
		t.Errorf("only %d keys", keys)
	}
	for _, want := range []string{
		".TH \"GRAB.YAML\" \"5\" \"Mar 2026\" \"grab v1.2.3\"", "Default: 15m", "Default: 1GiB", "Default: network_log, messages, developer_log", "Default: zip",
		".SH \"SITES.HOSTS\"", "What stands below ssh, sites[].hosts[].ssh:", "Default: INBOX",
	} {
		if !strings.Contains(page, literal2(want)) {
			t.Errorf("no %s", want)
		}
	}
}

// literal2 leaves requests as they are.
func literal2(s string) string {
	if strings.HasPrefix(s, ".") {
		return s
	}
	return literal(s)
}

// What is text stays text: no request, no escape.
func TestLiteral(t *testing.T) {
	for in, want := range map[string]string{
		".so /etc/passwd": `\&.so /etc/passwd`, "'quoted'": `\(aqquoted\(aq`, `C:\grab`: `C:\egrab`, "--json": `\-\-json`, "two\n.lines": "two .lines",
	} {
		if got := literal(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// The same program and day give the same bytes, and groff has nothing to say.
func TestSameBytes(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	for _, dir := range []string{first, second} {
		root := &cobra.Command{Use: "grab", Short: "s", Run: func(*cobra.Command, []string) {}}
		root.AddCommand(&cobra.Command{Use: "now", Short: "n", Long: "C:\\ProgramData\\grab <x> *y*\n.so /x", Run: func(*cobra.Command, []string) {}})
		if err := Write(dir, root, "v1", day); err != nil {
			t.Fatal(err)
		}
	}
	names, err := filepath.Glob(filepath.Join(first, "*", "*"))
	if err != nil || len(names) < 7 {
		t.Fatalf("%v %v", names, err)
	}
	for _, name := range names {
		a, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		rel, _ := filepath.Rel(first, name)
		b, err := os.ReadFile(filepath.Join(second, rel))
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs, %v", rel, err)
		}
		if groff, err := exec.LookPath("groff"); err == nil && strings.Contains(rel, "man") {
			if out, err := exec.Command(groff, "-man", "-ww", "-Kutf8", "-z", name).CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("groff of %s: %v %s", rel, err, out)
			}
		}
	}
}
