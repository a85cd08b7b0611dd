package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/exporting"
	"rtmtgrab/internal/app/handing"
	"rtmtgrab/internal/app/oneshot"
)

// exportFlags are those of `grab export`.
type exportFlags struct {
	exporting.Packets
	encryptTo []string
	out       string
}

func exportCmd(a *app) *cobra.Command {
	f := &exportFlags{}
	cmd := &cobra.Command{
		Use:   "export --encrypt-to RECIPIENT BUNDLE | export --pcapng FILE BUNDLE|DIR|FILE...",
		Short: "Write the SIP messages of the logs for Wireshark, or a bundle encrypted for others",
		Long: "Reads what `grab report` reads (an incident and @last too), and writes every SIP message that was logged in full (network.sip at DEBUG) as a packet:\n" +
			"between the addresses and ports of the log, at its time, TLS legs in the clear. A message that two hosts logged is there\n" +
			"twice; the interface is the host, the packet's comment names the file and the byte in it.\n" +
			"Credentials are replaced, unless --raw. Logs that were written at INFO hold no messages: exit code 1.\n\n" +
			"With --encrypt-to it verifies a bundle and writes it encrypted: `grab open` and `age -d` open it.",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeIncident(a, true),
		RunE:              func(cmd *cobra.Command, args []string) error { return runExport(cmd.Context(), a, f, args) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.File, "pcapng", "", "`file` to write; an existing one is replaced")
	fl.StringSliceVar(&f.Phones, "phone", nil, "only messages of a phone, SEP..., its MAC or its number, and all others of their Call-IDs; may be repeated")
	fl.StringVar(&f.Since, "since", "", "first `time`: RFC 3339, 2006-01-02T15:04:05 or 15:04[:05] in the site's zone (UTC if the logs do not tell it)")
	fl.StringVar(&f.Until, "until", "", "`time` up to which, in the same forms")
	fl.BoolVar(&f.Raw, "raw", false, "leave credentials in: digest answers and tokens of Authorization and Proxy-Authorization")
	fl.StringArrayVar(&f.encryptTo, "encrypt-to", nil, "age1..., age1pq1..., ssh-ed25519 ..., ssh-rsa ..., or a file of such `recipients`; may be repeated")
	fl.StringVar(&f.out, "out", ".", "`file` or folder for the encrypted bundle")
	cobra.CheckErr(cmd.MarkFlagFilename("pcapng", "pcapng"))
	cmd.MarkFlagsMutuallyExclusive("encrypt-to", "pcapng")
	return cmd
}

func runExport(ctx context.Context, a *app, f *exportFlags, args []string) error {
	args, err := a.finder().Paths(args)
	if err != nil {
		return err
	}
	ctx, cancel := a.context(ctx)
	defer cancel()
	if len(f.encryptTo) > 0 {
		return runEncrypt(ctx, a, f, args)
	}
	w, err := f.Packets.Write(ctx, args, a.say)
	if err != nil {
		return err
	}
	if a.json {
		return a.print(w)
	}
	return w.Write(a.out)
}

// runEncrypt is `grab export --encrypt-to`.
func runEncrypt(ctx context.Context, a *app, f *exportFlags, args []string) error {
	if len(args) != 1 {
		return advice.Usage(fmt.Errorf("--encrypt-to takes one bundle, not %d arguments", len(args)))
	}
	made, err := handing.Encrypt(ctx, args[0], f.encryptTo, f.out, oneshot.Whoami(), a.err)
	if err != nil {
		return err
	}
	if a.json {
		return a.print(made)
	}
	return made.Write(a.out)
}
