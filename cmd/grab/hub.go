package main

import (
	"github.com/spf13/cobra"

	"rtmtgrab/internal/app/hubcmd"
)

func hubCmd(a *app) *cobra.Command {
	cmd := hubcmd.Command(hubcmd.Shell{Context: a.context, Out: a.out, Err: a.err, JSON: func() bool { return a.json }, Print: a.print})
	cmd.AddCommand(hubViewCommands(a)...)
	return cmd
}
