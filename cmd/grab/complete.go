package main

import (
	"github.com/spf13/cobra"

	"rtmtgrab/internal/app/completion"
	"rtmtgrab/internal/app/delivery"
	"rtmtgrab/internal/config"
)

// completes offers at a shell what a function finds in the configuration; without one
// there is nothing to offer but, where wanted, files.
func completes(a *app, offers func(cfg *config.Config, typed []string) []string, files bool) cobra.CompletionFunc {
	how := cobra.ShellCompDirectiveNoFileComp
	if files {
		how = cobra.ShellCompDirectiveDefault
	}
	return func(_ *cobra.Command, typed []string, _ string) ([]string, cobra.ShellCompDirective) {
		cfg, err := a.load(config.Options{Reading: true})
		if err != nil {
			return nil, how
		}
		return offers(cfg, typed), how
	}
}

func completeHosts(a *app) cobra.CompletionFunc { return completes(a, completion.Hosts, false) }

func completeSites(a *app) cobra.CompletionFunc {
	return completes(a, func(cfg *config.Config, _ []string) []string { return completion.Sites(cfg) }, false)
}

// completeSite completes the flag --site.
func completeSite(a *app, cmd *cobra.Command) {
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("site", completeSites(a)))
}

// completeDestination completes the flag --to.
func completeDestination(a *app, cmd *cobra.Command) {
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("to", completes(a, func(cfg *config.Config, _ []string) []string { return delivery.Names(cfg) }, false)))
}

// completeIncident completes one argument, or several where a command takes files too.
func completeIncident(a *app, files bool) cobra.CompletionFunc {
	return completes(a, func(cfg *config.Config, typed []string) []string {
		if len(typed) > 0 {
			return nil
		}
		return completion.Incidents(cfg)
	}, files)
}
