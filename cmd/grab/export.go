package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/export"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/sources"
	"rtmtgrab/internal/version"
	"rtmtgrab/internal/wiring"
)

// exportFlags are those of `grab export`.
type exportFlags struct {
	file         string
	phones       []string
	since, until string
	raw          bool
	encryptTo    []string
	out          string
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
	fl.StringVar(&f.file, "pcapng", "", "`file` to write; an existing one is replaced")
	fl.StringSliceVar(&f.phones, "phone", nil, "only messages of a phone, SEP..., its MAC or its number, and all others of their Call-IDs; may be repeated")
	fl.StringVar(&f.since, "since", "", "first `time`: RFC 3339, 2006-01-02T15:04:05 or 15:04[:05] in the site's zone (UTC if the logs do not tell it)")
	fl.StringVar(&f.until, "until", "", "`time` up to which, in the same forms")
	fl.BoolVar(&f.raw, "raw", false, "leave credentials in: digest answers and tokens of Authorization and Proxy-Authorization")
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
	if len(f.encryptTo) > 0 {
		return runEncrypt(ctx, a, f.encryptTo, f.out, args)
	}
	if err := f.check(args); err != nil {
		return advice.Usage(err)
	}
	ctx, cancel := a.context(ctx)
	defer cancel()
	defer analysis.BoundMemory()()
	set, err := sources.Open(ctx, filepath.Dir(f.file), args...)
	if err != nil {
		return err
	}
	defer set.Close()
	sayOpened(set, a.say)
	o := export.Options{Phones: f.phones, Raw: f.raw, Place: set.Place, Program: "grab " + version.Version}
	if o.Since, o.Until, err = f.span(set, a.say); err != nil {
		return advice.Usage(err)
	}
	res, err := writeExport(ctx, f.file, set, o)
	if err != nil {
		return err
	}
	res.Notes = append(res.Notes, set.Notes()...)
	if a.json {
		return a.print(struct {
			File string `json:"file"`
			*export.Result
		}{f.file, res})
	}
	return res.Write(a.out, f.file, wiring.ZoneNamed(set.TimeZone))
}

// check looks at what can be wrong before anything is read: no input is overwritten.
func (f *exportFlags) check(args []string) error {
	if f.file == "" {
		return errors.New("missing --pcapng: name the file to write")
	}
	st, err := os.Stat(f.file)
	if err != nil {
		if _, err := os.Stat(filepath.Dir(f.file)); err != nil {
			return fmt.Errorf("--pcapng: %w", err)
		}
		return nil
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("--pcapng: %s is not a file", f.file)
	}
	for _, arg := range args {
		if in, err := os.Stat(arg); err == nil && os.SameFile(in, st) {
			return fmt.Errorf("--pcapng: %s is also an input", f.file)
		}
	}
	return nil
}

// sayOpened reports each log when it is first read.
func sayOpened(set *sources.Set, say func(format string, args ...any)) {
	var mu sync.Mutex
	set.Opened = func(file string) {
		mu.Lock()
		defer mu.Unlock()
		say("reading %s", evidence.Printable(file, 300))
	}
}

// span reads --since and --until. A time of day is the last such one before the
// end of the bundles' window, or before now.
func (f *exportFlags) span(set *sources.Set, say func(format string, args ...any)) (since, until time.Time, err error) {
	now, site := time.Now(), wiring.ZoneNamed(set.TimeZone)
	if !set.Window.Empty() {
		now = set.Window.Until
	}
	for _, t := range []struct {
		name, text string
		to         *time.Time
	}{{"since", f.since, &since}, {"until", f.until, &until}} {
		if t.text == "" {
			continue
		}
		at, err := oneshot.ParseTime(t.text, now, site)
		if err != nil {
			return since, until, fmt.Errorf("--%s %q: want 2006-01-02T15:04:05Z, 2006-01-02T15:04:05 or 15:04[:05]", t.name, t.text)
		}
		*t.to = at
		say("%s %s", t.name, human.Clock{Zone: site}.At(at))
	}
	if !since.IsZero() && !until.IsZero() && !since.Before(until) {
		return since, until, errors.New("--since is not before --until")
	}
	return since, until, nil
}

// writeExport writes the file, whole or not at all.
func writeExport(ctx context.Context, file string, set *sources.Set, o export.Options) (res *export.Result, err error) {
	err = atomicfile.Write(file, func(w io.Writer) error {
		res, err = export.PCAPNG(ctx, w, set.Sources, o)
		return err
	})
	switch {
	case errors.Is(err, export.ErrInfo):
		err = advice.WithHint(err, "log network.sip at DEBUG next time: Maintenance > Diagnostics > Advanced > Network Log configuration")
	case errors.Is(err, fs.ErrPermission):
		err = advice.WithHint(err, "name a file in a folder that this user can write to")
	case errors.Is(err, export.ErrNothing) && (len(o.Phones) > 0 || !o.Since.IsZero() || !o.Until.IsZero()):
		err = advice.WithHint(err, "check --phone, --since and --until: without them all messages are written")
	}
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", file, err)
	}
	return res, nil
}
