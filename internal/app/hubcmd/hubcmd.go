// Package hubcmd is the command grab hub: a hub's folder, its server, and what is there.
//
// It holds flags and words alone, as cmd/grab does, which it is a part of. It does not know how
// a hub is made, run or looked at.
package hubcmd

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/advice"
)

// A Shell is what commands share.
type Shell struct {
	Context func(context.Context) (context.Context, context.CancelFunc) // ends when a person interrupts
	Out     io.Writer
	Err     io.Writer
	JSON    func() bool
	Print   func(v any) error // the one document of --json
}

// Command is grab hub.
func Command(s Shell) *cobra.Command {
	var w wish
	var embedded string
	cmd := &cobra.Command{Use: "hub", Short: "The hub of several collectors: make it, run it", Args: cobra.NoArgs,
		Long: "Several collectors of a site, or one mailbox for many sites, know of each other by a hub: docs/fleet.md.\n" +
			"With --embedded a first one is one command on one machine: it makes what is missing in the folder, as\n" +
			"`grab hub init` does, and serves it as `grab hub serve` does. Without --server it is for this machine alone.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if embedded == "" {
				cmd.SetOut(s.Err)
				return errors.Join(advice.Usage(errors.New("missing verb, or --embedded DIR")), cmd.Help())
			}
			return s.embedded(cmd.Context(), embedded, w)
		}}
	cmd.Flags().StringVar(&embedded, "embedded", "", "make a hub in `dir` if there is none, and serve it")
	w.flags(cmd.Flags())
	cmd.AddCommand(initCmd(s), serveCmd(s))
	return cmd
}
