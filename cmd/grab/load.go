package main

import (
	"bufio"
	"os"

	"golang.org/x/term"

	"rtmtgrab/internal/terminal"
)

// asker is nil if there is nobody to ask: standard input is no terminal.
func (a *app) asker() *terminal.Asker {
	f, ok := a.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return &terminal.Asker{In: bufio.NewReader(f), Out: a.err, Interrupted: a.interrupted}
}
