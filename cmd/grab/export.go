package main

import (
	"context"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/app/exporting"
	"rtmtgrab/internal/app/handing"
	"rtmtgrab/internal/app/oneshot"
)

// exportFlags are those of `grab export`.
type exportFlags struct {
	exporting.Packets
	handing.ExportRequest
}

func exportCmd(a *app) *cobra.Command {
	f := &exportFlags{}
	cmd := &cobra.Command{
		Use:   "export --format FORMAT BUNDLE | export --encrypt-to RECIPIENT BUNDLE | export --pcapng FILE BUNDLE|DIR|FILE...",
		Short: "Write a bundle in another format, encrypted for others, or its SIP messages for Wireshark",
		Long: "With --format it verifies a bundle and writes it as a zip, tar.zst or tar.gz, with the same files, sums and signature. snapshot writes\n" +
			"for each host one loggingsnapshot_<host>_<time>.txt with the records of all its logs by time, as appliances' diagnostic\n" +
			"archives have them: into the folder --out, or, if that ends in .tar.gz, into one archive.\n\n" +
			"With --encrypt-to it verifies a bundle and writes it encrypted: `grab open` and `age -d` open it. Both may be given.\n\n" +
			"With --pcapng it reads what `grab report` reads (an incident and @last too), and writes every SIP message that was logged in full (network.sip at DEBUG) as a packet:\n" +
			"between the addresses and ports of the log, at its time, TLS legs in the clear. A message that two hosts logged is there\n" +
			"twice; the interface is the host, the packet's comment names the file and the byte in it.\n" +
			"Credentials are replaced, unless --raw. Logs that were written at INFO hold no messages: exit code 1.",
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
	fl.StringVar(&f.Format, "format", "", "`format` of what is written: zip, tar.zst, tar.gz or snapshot")
	fl.StringArrayVar(&f.To, "encrypt-to", nil, "age1..., age1pq1..., ssh-ed25519 ..., ssh-rsa ..., or a file of such `recipients`; may be repeated")
	fl.StringVar(&f.Out, "out", ".", "`file` for the bundle, or a folder that is there")
	cobra.CheckErr(cmd.MarkFlagFilename("pcapng", "pcapng"))
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(exporting.Formats(), cobra.ShellCompDirectiveNoFileComp)))
	cmd.MarkFlagsMutuallyExclusive("encrypt-to", "pcapng")
	cmd.MarkFlagsMutuallyExclusive("format", "pcapng")
	return cmd
}

func runExport(ctx context.Context, a *app, f *exportFlags, args []string) error {
	args, err := a.finder().Paths(args)
	if err != nil {
		return err
	}
	ctx, cancel := a.context(ctx)
	defer cancel()
	var made exporting.Made
	if f.Format != "" || len(f.To) > 0 {
		f.By = oneshot.Whoami()
		made, err = exporting.Bundle(ctx, f.ExportRequest, args)
	} else {
		made, err = f.Packets.Write(ctx, args, a.say)
	}
	if err != nil {
		return err
	}
	made.Warn(a.err)
	return a.show(made, made.Write)
}
