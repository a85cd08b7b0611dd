package terminal

import (
	"os"

	"golang.org/x/sys/windows"
)

// colours has a console take escape sequences; false: it is too old for them.
func colours(f *os.File) bool {
	var mode uint32
	h := windows.Handle(f.Fd())
	if windows.GetConsoleMode(h, &mode) != nil {
		return false
	}
	return windows.SetConsoleMode(h, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
