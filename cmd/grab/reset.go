package main

import (
	"github.com/spf13/cobra"

	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/app/reset"
	"rtmtgrab/internal/config"
)

func resetCmd(a *app) *cobra.Command {
	q, yes := reset.Request{By: oneshot.Whoami()}, false
	cmd := &cobra.Command{Use: "reset INCIDENT [PHONE...]", Short: "Have CUCM reset phones of an incident, after you confirm", Args: cobra.MinimumNArgs(1), ValidArgsFunction: completeIncident(a, true),
		Long: "Without PHONE: those that are partially registered by the report or by CUCM, and are so still. Only after the bundle is sealed and\n" +
			"each phone's problem report (PRT) was received or asked for. One after another; `grab status` then tells whether all lines came back.",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			ctx, cancel := a.context(cmd.Context())
			defer cancel()
			cfg, err := a.load(config.Options{})
			if err != nil {
				return err
			}
			if q.Incident, err = a.finder().Incident(args[0]); err != nil {
				return err
			}
			q.Phones = args[1:]
			done, err := reset.Console{Cfg: cfg, Out: a.err, Yes: yes, Asker: a.asker()}.Run(ctx, q)
			if a.json && err == nil {
				return a.print(done)
			}
			return err
		}}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().StringVar(&q.WithoutPRT, "without-prt", "", "`reason` to reset phones of which no problem report was received or asked for")
	cmd.Flags().BoolVar(&q.Again, "again", false, "also phones that were reset within the last 15 minutes and are not back")
	return cmd
}
