// Package terminal asks the person at a terminal.
//
// A question ends when it is answered, when the input ends, or when the program is
// interrupted. It does not know whether there is a terminal: its caller looks.
package terminal

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Asker asks the person at the terminal. Questions go to standard error, for
// standard output is for results.
type Asker struct {
	In          *bufio.Reader
	Out         io.Writer
	Interrupted <-chan struct{}
}

// Ask returns the line that was typed, without blanks around it; false if the
// input ended or the program was interrupted.
func (q *Asker) Ask(format string, args ...any) (string, bool) {
	fmt.Fprintf(q.Out, format+" ", args...)
	type answer struct {
		line string
		err  error
	}
	c := make(chan answer, 1)
	go func() { // a terminal's read cannot be cancelled: after an interruption it ends with the process
		line, err := q.In.ReadString('\n')
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
