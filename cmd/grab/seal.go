package main

import (
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rtmtgrab/bundle/seal"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/handing"
	"rtmtgrab/internal/app/oneshot"
)

// trustFlags are those of commands that check a signature.
type trustFlags struct{ keys, files []string }

func (f *trustFlags) add(fl *pflag.FlagSet) {
	fl.StringArrayVar(&f.keys, "key", nil, "minisign public `key` (RW...) of the collector, or its file; may be repeated")
	fl.StringArrayVar(&f.files, "trust", nil, "`file` of several public keys, one of which must have signed")
}

func verifyCmd(a *app) *cobra.Command {
	f := &trustFlags{}
	cmd := &cobra.Command{Use: "verify BUNDLE", Short: "Say whether a bundle is intact, and who made it", Args: cobra.ExactArgs(1), ValidArgsFunction: completeIncident(a, true),
		Long: "BUNDLE is a file, an incident of the store, or @last. Without --key and --trust the signature is not checked; with them\n" +
			"one that is missing, wrong or of another key is exit code 1.",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := a.context(cmd.Context())
			defer cancel()
			keys, err := handing.Trust(f.keys, f.files)
			if err != nil {
				return err
			}
			path, err := a.finder().Path(args[0])
			if err != nil {
				return err
			}
			res, err := handing.Verify(ctx, path, keys, oneshot.Whoami())
			if err != nil {
				return err
			}
			return printChecked(a, res, res, res.Write)
		}}
	f.add(cmd.Flags())
	return cmd
}

// printChecked prints what was found of a bundle.
func printChecked(a *app, c handing.Checked, doc any, words func(out, errOut io.Writer) error) error {
	c.Warn(a.err)
	if !c.OK {
		a.exit = advice.Failed
	}
	if a.json {
		return a.print(doc)
	}
	return words(a.out, a.err)
}

func openCmd(a *app) *cobra.Command {
	f, q, words := &trustFlags{}, handing.OpenRequest{}, handing.PassphraseSource{}
	cmd := &cobra.Command{Use: "open BUNDLE", Short: "Decrypt, verify and unpack a bundle", Args: cobra.ExactArgs(1), ValidArgsFunction: completeIncident(a, true),
		Long: "BUNDLE is a file that `grab export --encrypt-to` or age has encrypted, or a plain bundle. Nothing is unpacked of one that\n" +
			"does not verify.",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			ctx, cancel := a.context(cmd.Context())
			defer cancel()
			if q.Trust, err = handing.Trust(f.keys, f.files); err != nil {
				return err
			}
			if q.Path, err = a.finder().Path(args[0]); err != nil {
				return err
			}
			if q.Ask, err = words.Ask(a.asker()); err != nil {
				return err
			}
			q.By = oneshot.Whoami()
			res, err := handing.Open(ctx, q)
			if err != nil {
				return err
			}
			return printChecked(a, res.Checked, res, res.Write)
		}}
	cmd.Flags().StringArrayVarP(&q.Keys, "identity", "i", nil, "`file` of your secret key: of age-keygen, or an SSH key; may be repeated. A passphrase is asked for if the key has one")
	cmd.Flags().StringVar(&words.File, "passphrase-file", "", "`file` that holds the passphrase of the keys, where nobody can be asked")
	cmd.Flags().StringVar(&words.Env, "passphrase-env", "", "environment `variable` that holds it")
	cmd.Flags().StringVar(&q.Out, "out", ".", "`folder` below which it is unpacked")
	f.add(cmd.Flags())
	return cmd
}

func keyCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "key", Short: "Show or replace the key that signs bundles", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	all := false
	use := func(use, short string, do func(seal.Ring) (handing.Keys, error)) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
			store, err := openStore(a)
			if err != nil {
				return err
			}
			keys, err := do(seal.Ring{Dir: store.Dir})
			if err != nil {
				return err
			}
			if a.json {
				return a.print(keys)
			}
			return keys.Write(a.out, a.err, all)
		}}
	}
	show := use("show", "Print the public key, for grab verify --key and minisign -p", handing.Show)
	show.Flags().BoolVar(&all, "all", false, "the earlier public keys too, for grab verify --trust")
	cmd.AddCommand(show, use("rotate", "Make a new key; the public one of the old stays listed", handing.Rotate))
	return cmd
}
