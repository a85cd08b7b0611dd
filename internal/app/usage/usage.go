// Package usage helps people at a command line: examples with each command, and after a
// mistake what was probably meant and what may stand there.
//
// It guarantees that each mistake is an error of usage with a next move. It does not know
// what commands do.
package usage

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/human"
)

// Examples are the examples of each command, by its path: the lines after "== PATH".
func Examples(text string) map[string]string {
	out := map[string]string{}
	for part := range strings.SplitSeq(text, "\n== ") {
		path, lines, _ := strings.Cut(strings.TrimSpace(part), "\n")
		out[path] = "  " + strings.ReplaceAll(lines, "\n", "\n  ")
	}
	return out
}

// Finish gives a command, and all below it, examples, and makes errors of usage of
// what is wrong with its arguments.
func Finish(cmd *cobra.Command, examples map[string]string) {
	if lines := examples[cmd.CommandPath()]; lines != "" {
		cmd.Example = lines
	}
	if !cmd.Runnable() && cmd.HasAvailableSubCommands() {
		cmd.Args = cobra.NoArgs
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			if err == nil {
				return apart(cmd)
			}
			if cmd.HasAvailableSubCommands() && len(args) > 0 {
				return advice.Usage(advice.WithHint(err, commandHint(cmd, args[0])))
			}
			return advice.Usage(advice.WithHint(badArguments(cmd, args), "`"+cmd.CommandPath()+" --help` shows examples"))
		}
	}
	for _, c := range cmd.Commands() {
		Finish(c, examples)
	}
}

var togetherRE = regexp.MustCompile(`\[([^\]]+)\] were all set`)

// apart refuses flags that do not go together.
func apart(cmd *cobra.Command) error {
	err := cmd.ValidateFlagGroups()
	if err == nil {
		return nil
	}
	if set := togetherRE.FindStringSubmatch(err.Error()); set != nil {
		err = errors.New("--" + strings.Join(strings.Fields(set[1]), " and --") + " do not go together")
	}
	return advice.Usage(advice.WithHint(err, "`"+cmd.CommandPath()+" --help` shows examples"))
}

// groups are the commands by what somebody is about, as help lists them.
var groups = []struct{ title, commands string }{
	{"Grab and read:", "now list show report retry reset"},
	{"Run the collector:", "watch status check drill pause resume reload quarantine"},
	{"Hand over and keep bundles:", "send open verify mask export case pin key"},
	{"Set up:", "demo init trust config hub service completion version help"},
}

// Group sorts the commands of a program that help lists into groups.
func Group(root *cobra.Command) {
	for _, g := range groups {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title})
		for name := range strings.FieldsSeq(g.commands) {
			for _, c := range root.Commands() {
				if c.Name() == name {
					c.GroupID = g.title
				}
			}
		}
	}
}

// HelpOf is what `grab help COMMAND` does; of a command that is not there cobra says nothing.
func HelpOf(cmd *cobra.Command, args []string) error {
	of, rest, err := cmd.Root().Find(args)
	if err != nil || len(rest) > 0 {
		of = cmp.Or(of, cmd.Root())
		return advice.Usage(advice.WithHint(fmt.Errorf("unknown command %q for %q", strings.Join(args, " "), of.CommandPath()), commandHint(of, args[len(args)-1])))
	}
	of.InitDefaultHelpFlag()
	return of.Help()
}

// badArguments says what a command takes, for one that got something else.
func badArguments(cmd *cobra.Command, args []string) error {
	wanted := operands(cmd.Use)
	switch n := len(wanted); {
	case n == 0:
		return fmt.Errorf("%s takes no arguments: %q", cmd.CommandPath(), args[0])
	case len(args) < n:
		return fmt.Errorf("missing %s", strings.TrimSuffix(wanted[len(args)], "..."))
	case n == 1:
		return fmt.Errorf("%s takes one %s: %q is too much", cmd.CommandPath(), strings.Trim(wanted[0], "[]"), args[1])
	default:
		return fmt.Errorf("%s takes %s: %q is too much", cmd.CommandPath(), strings.Join(wanted, " and "), args[len(args)-1])
	}
}

// operands are what a command takes besides flags and their values, by the last of its forms
// that takes any: `mask BUNDLE... | mask --restore TEXT`.
func operands(use string) (list []string) {
	for form := range strings.SplitSeq(use, " | ") {
		var found []string
		fields := strings.Fields(form)
		for i := 1; i < len(fields); i++ {
			if strings.HasPrefix(fields[i], "--") {
				i++ // and its value
				continue
			}
			found = append(found, fields[i])
		}
		if len(found) > 0 {
			list = found
		}
	}
	return list
}

// wantedValue is what may stand behind a flag.
func wantedValue(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "duration":
		return "a duration such as 90s, 20m or 2h"
	case "int", "int64", "uint":
		return "a number"
	case "bool":
		return "true or false"
	}
	name, _ := pflag.UnquoteUsage(f)
	return "a " + name
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

// UnknownFlag is a fault of the flags, with the flag that was probably meant.
func UnknownFlag(cmd *cobra.Command, err error) error {
	hint := "`" + cmd.CommandPath() + " --help` lists the flags"
	var none *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var bad *pflag.InvalidValueError
	switch {
	case errors.As(err, &bare):
		err = fmt.Errorf("--%s wants a value", bare.GetFlag().Name)
	case errors.As(err, &bad):
		err = fmt.Errorf("--%s %q: want %s", bad.GetFlag().Name, bad.GetValue(), wantedValue(bad.GetFlag()))
	case errors.As(err, &none) && none.GetSpecifiedShortnames() != "":
		err = fmt.Errorf("unknown flag: -%s", none.GetSpecifiedName())
	}
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
