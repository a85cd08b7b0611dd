package main

import (
	"github.com/spf13/cobra"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/config/effective"
	"rtmtgrab/internal/config/schema"
)

func configCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the configuration that is in effect, or its schema",
		Long:  "`grab config show` prints every key that is in effect and where it comes from; `grab config schema` a JSON Schema for editors.",
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "show",
		Short: "Print every key that is in effect, and where it comes from",
		Long: "Prints the configuration as it is in effect: for each key its value and the line of the file that gives it, the key of\n" +
			"ssh:, logs: or ring: that a host inherits, or default. Of a secret it prints where it is kept. No secret is read.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			path, err := a.find()
			if err != nil {
				return err
			}
			cfg, lines, err := config.Explain(path)
			if err != nil {
				return advice.Usage(err)
			}
			view := effective.Of(cfg, lines)
			return a.show(view, view.Write)
		},
	}, &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of grab.yaml",
		Long: "Prints the JSON Schema (draft 7) of this version's configuration. Where it lies beside grab.yaml as " + schema.FileName + ",\n" +
			"and the file begins with\n  " + schema.Modeline + "\neditors know every key. `grab init` does both.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			text, err := schema.JSON()
			if err == nil {
				_, err = a.out.Write(text)
			}
			return err
		},
	})
	return cmd
}
