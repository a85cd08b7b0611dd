package main

import (
	_ "embed"
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/human"
)

//go:embed examples.txt
var examplesText string

// examplesOf are the examples of each command, by its path.
func examplesOf(text string) map[string]string {
	out := map[string]string{}
	for part := range strings.SplitSeq(text, "\n== ") {
		path, lines, _ := strings.Cut(strings.TrimSpace(part), "\n")
		out[path] = "  " + strings.ReplaceAll(lines, "\n", "\n  ")
	}
	return out
}

// finishCommand gives a command, and all below it, examples, and makes errors of usage of
// what is wrong with its arguments.
func finishCommand(cmd *cobra.Command, examples map[string]string) {
	if lines := examples[cmd.CommandPath()]; lines != "" {
		cmd.Example = lines
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			if err == nil {
				return nil
			}
			if cmd.HasAvailableSubCommands() && len(args) > 0 {
				return advice.Usage(advice.WithHint(err, commandHint(cmd, args[0])))
			}
			return advice.Usage(advice.WithHint(err, "`"+cmd.CommandPath()+" --help` shows examples"))
		}
	}
	for _, c := range cmd.Commands() {
		finishCommand(c, examples)
	}
}

// commandHint is the next move after the name of a command that there is not.
func commandHint(cmd *cobra.Command, typed string) string {
	var known []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			known = append(known, c.Name())
		}
	}
	hint := "`" + cmd.CommandPath() + " --help` lists the commands"
	if meant := human.Nearest(typed, known...); meant != "" {
		return "did you mean `" + cmd.CommandPath() + " " + meant + "`? " + hint
	}
	return hint
}

// unknownFlag is a fault of the flags, with the flag that was probably meant.
func unknownFlag(cmd *cobra.Command, err error) error {
	hint := "`" + cmd.CommandPath() + " --help` lists the flags"
	var none *pflag.NotExistError
	if errors.As(err, &none) && none.GetSpecifiedShortnames() == "" {
		var known []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				known = append(known, f.Name)
			}
		})
		if meant := human.Nearest(none.GetSpecifiedName(), known...); meant != "" {
			hint = "did you mean --" + meant + "? " + hint
		}
	}
	return advice.Usage(advice.WithHint(err, hint))
}
