package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/app/handing"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/masking"
	"rtmtgrab/internal/wiring"
)

func maskCmd(a *app) *cobra.Command {
	q, restore := handing.MaskRequest{}, ""
	cmd := &cobra.Command{Use: "mask BUNDLE... | mask --restore TEXT", Short: "Write bundles without credentials and identities, or turn their names back", ValidArgsFunction: completeIncident(a, true),
		Long: "A masked bundle goes to people outside: credentials are taken out; users, numbers, devices, addresses, hosts, domains and files get other\n" +
			"names, the same thing the same name within its site or its case. The report is made anew and says the same. The map stays in the store.",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if cmd.Flags().Changed("restore") == (len(args) > 0) {
				return advice.Usage(fmt.Errorf("name bundles, or a text with --restore"))
			}
			cfg, err := a.load(config.Options{Reading: true})
			if err != nil {
				return err
			}
			m := wiring.Masker(cfg, analysis.New())
			if len(args) == 0 {
				return runRestore(a, m, restore)
			}
			if q.Paths, err = a.finder().Paths(args); err != nil {
				return err
			}
			ctx, cancel := a.context(cmd.Context())
			defer cancel()
			q.By = oneshot.Whoami()
			defer analysis.BoundMemory()()
			all, err := handing.Mask(ctx, m, q, a.say)
			return printMasked(a, all, err)
		}}
	fl := cmd.Flags()
	fl.StringVar((*string)(&q.Strength), "strength", config.MaskIdentities, "`what` is taken out: credentials, or identities too")
	fl.StringVar(&q.Scope, "scope", "", "`scope` in which the same thing gets the same name: site or case (default mask.scope)")
	fl.StringVar(&q.Case, "case", "", "`case` number, with --scope case (default the bundle's own)")
	fl.StringVar(&q.Out, "out", ".", "`file` for the masked bundle, or a folder that is there")
	fl.StringVar(&restore, "restore", "", "turn the names in a `text` back, - is standard input")
	return cmd
}

// printMasked prints what became of the bundles.
func printMasked(a *app, all []handing.Masked, err error) error {
	if err != nil && len(all) <= 1 {
		return err
	}
	if err != nil {
		a.exit = advice.Exit(err)
	}
	if a.json {
		return a.print(all)
	}
	for _, one := range all {
		if err := one.Write(a.out, a.err); err != nil {
			return err
		}
	}
	return nil
}

// runRestore is `grab mask --restore`.
func runRestore(a *app, m *masking.Masker, text string) error {
	all, err := handing.Restore(m, text, a.in, a.err)
	if err != nil {
		return err
	}
	return a.show(all, func(w io.Writer) error { return handing.WriteRestored(w, all) })
}
