package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// asker asks the person at the terminal. Questions go to standard error, for
// standard output is for results.
type asker struct {
	in          *bufio.Reader
	out         io.Writer
	interrupted <-chan struct{}
}

// asker is nil if there is nobody to ask: standard input is no terminal.
func (a *app) asker() *asker {
	f, ok := a.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return &asker{in: bufio.NewReader(f), out: a.err, interrupted: a.interrupted}
}

// ask returns the line that was typed, without blanks around it; false if the
// input ended or the program was interrupted.
func (q *asker) ask(format string, args ...any) (string, bool) {
	fmt.Fprintf(q.out, format+" ", args...)
	type answer struct {
		line string
		err  error
	}
	c := make(chan answer, 1)
	go func() { // a terminal's read cannot be cancelled: after an interruption it ends with the process
		line, err := q.in.ReadString('\n')
		c <- answer{line, err}
	}()
	select {
	case got := <-c:
		line := strings.TrimSpace(got.line)
		if got.err != nil {
			fmt.Fprintln(q.out)
		}
		return line, got.err == nil || line != ""
	case <-q.interrupted:
		fmt.Fprintln(q.out)
		return "", false
	}
}

// or asks with a default, which an empty answer means.
func (q *asker) or(preset, format string, args ...any) (string, bool) {
	question := fmt.Sprintf(format, args...)
	if preset != "" {
		question += " [" + preset + "]"
	}
	line, ok := q.ask("%s:", question)
	if line == "" {
		line = preset
	}
	return line, ok
}
