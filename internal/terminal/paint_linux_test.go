package terminal

import (
	"fmt"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Colours are for a terminal alone, and for nobody who asked for none.
func TestPaint(t *testing.T) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for name, c := range map[string]struct {
		to            io.Writer
		noColor, term string
		want          string
	}{
		"terminal": {tty, "", "xterm", "\x1b[1;31mFAIL\x1b[0m"},
		"NO_COLOR": {tty, "1", "xterm", "FAIL"},
		"dumb":     {tty, "", "dumb", "FAIL"},
		"file":     {file, "", "xterm", "FAIL"},
		"nothing":  {io.Discard, "", "xterm", "FAIL"},
	} {
		t.Setenv("NO_COLOR", c.noColor)
		t.Setenv("TERM", c.term)
		if got := PaintFor(c.to).Bad("FAIL"); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
