// Package terminal asks the person at a terminal.
//
// A question ends when it is answered, when the input ends, or when the program is
// interrupted. It does not know whether there is a terminal: its caller looks.
package terminal

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Asker asks the person at the terminal. Questions go to standard error, for
// standard output is for results.
type Asker struct {
	In          *bufio.Reader
	Out         io.Writer
	Interrupted <-chan struct{}
	Terminal    *os.File // behind In, for secrets; nil: there is none to hide them on
}

// Ask returns the line that was typed, without blanks around it; false if the
// input ended or the program was interrupted.
func (q *Asker) Ask(format string, args ...any) (string, bool) {
	return q.answer(func() (string, error) { return q.In.ReadString('\n') }, format, args...)
}

// Secret is Ask without what is typed being seen.
func (q *Asker) Secret(format string, args ...any) (string, bool) {
	if q.Terminal == nil {
		fmt.Fprintln(q.Out, "a secret cannot be asked for here: there is no terminal to hide it on")
		return "", false
	}
	fd := int(q.Terminal.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", false
	}
	line, ok := q.answer(func() (string, error) {
		b, err := term.ReadPassword(fd)
		return string(b), err
	}, format, args...)
	term.Restore(fd, before) // also where the reading goes on after an interruption
	if ok {
		fmt.Fprintln(q.Out)
	}
	return line, ok
}

// answer is a line that read reads.
func (q *Asker) answer(read func() (string, error), format string, args ...any) (string, bool) {
	fmt.Fprintf(q.Out, format+" ", args...)
	type answer struct {
		line string
		err  error
	}
	c := make(chan answer, 1)
	go func() { // a terminal's read cannot be cancelled: after an interruption it ends with the process
		line, err := read()
		c <- answer{line, err}
	}()
	select {
	case got := <-c:
		line := strings.TrimSpace(got.line)
		if got.err != nil {
			fmt.Fprintln(q.Out)
		}
		return line, got.err == nil || line != ""
	case <-q.Interrupted:
		fmt.Fprintln(q.Out)
		return "", false
	}
}

// Yes asks for a yes or a no, with what an empty answer means.
func (q *Asker) Yes(preset bool, format string, args ...any) (yes, ok bool) {
	choice := " [Y/n]"
	if !preset {
		choice = " [y/N]"
	}
	for {
		line, ok := q.Ask("%s", fmt.Sprintf(format, args...)+choice)
		switch strings.ToLower(line) {
		case "":
			return preset, ok
		case "y", "yes":
			return true, ok
		case "n", "no":
			return false, ok
		}
		fmt.Fprintln(q.Out, "answer yes or no")
	}
}

// Or asks with a default, which an empty answer means.
func (q *Asker) Or(preset, format string, args ...any) (string, bool) {
	question := fmt.Sprintf(format, args...)
	if preset != "" {
		question += " [" + preset + "]"
	}
	line, ok := q.Ask("%s:", question)
	if line == "" {
		line = preset
	}
	return line, ok
}
