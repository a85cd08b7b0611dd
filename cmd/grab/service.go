package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/access"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
)

const (
	serviceName    = "grab"
	serviceAccount = `NT SERVICE\` + serviceName // Windows makes it with the service; it has no password
	serviceLabel   = "grab: Expressway log collector"
	serviceAbout   = "Takes the logs of Expressways before they rotate away, when RTMT reports partially registered phones."

	serviceWait = time.Minute // for a start or a stop
)

func (a *app) serviceCmd() *cobra.Command {
	root := &cobra.Command{Use: "service", Short: "Run grab watch as a Windows service", Args: cobra.NoArgs,
		Long: "Manages the Windows service that runs `grab watch`: docs/windows.md shows how it is set up. All but status need\n" +
			"the rights of an administrator. Elsewhere systemd does it, see configs/grab.service.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SetOut(a.err)
			return errors.Join(advice.Usage(errors.New("say what: install, uninstall, start, stop, reload or status")), cmd.Help())
		}}
	for _, c := range []struct {
		use, short string
		run        func(*app, context.Context) error
	}{
		{"install", "Make the service, its folders and its source in the Event Log; it is not started", (*app).serviceInstall},
		{"uninstall", "Stop the service and take it away; configuration, store and logs stay", (*app).serviceUninstall},
		{"start", "Start it and wait until it watches", (*app).serviceStart},
		{"stop", "Stop it and wait until it has; open incidents go on after the next start", (*app).serviceStop},
		{"reload", "Have it read the configuration again; if that has a fault the old one stays in force, and the log says so", (*app).serviceReload},
		{"status", "Say whether it is installed and runs; exit code 1 if it does not run", (*app).serviceStatus},
	} {
		root.AddCommand(&cobra.Command{Use: c.use, Short: c.short,
			Args: func(cmd *cobra.Command, args []string) error {
				if err := cobra.NoArgs(cmd, args); err != nil {
					return advice.Usage(err)
				}
				return nil
			},
			RunE: func(cmd *cobra.Command, _ []string) error {
				ctx, cancel := a.context(cmd.Context())
				defer cancel()
				return c.run(a, ctx)
			}})
	}
	return root
}

// A place is a folder of the service, with its access list.
type place struct{ dir, list string }

// servicePlaces are the service's folders below root, root first. In root lie the
// configuration and its secrets: the service reads them and can change none; store
// and logs are its to write.
func servicePlaces(root string) []place {
	sid := access.ServiceSID(serviceName)
	const read, modify = "0x1200a9;", "0x1301bf;"
	return []place{
		{root, "O:BA" + access.Closed(read+sid)},
		{filepath.Join(root, "store"), "O:BA" + access.Closed(modify+sid)},
		{logsIn(root), "O:BA" + access.Closed(modify+sid)},
	}
}

func logsIn(root string) string { return filepath.Join(root, "logs") }

// serviceArgs is how the service manager runs the program.
func serviceArgs(path string) []string { return []string{"watch", "--service", "--config", path} }

// serviceHints says what else the service's account must be let to, for files outside of
// root.
func serviceHints(root string, cfg *config.Config) []string {
	var out []string
	outside := func(path string) bool {
		rel, err := filepath.Rel(root, path)
		return err != nil || !filepath.IsLocal(rel)
	}
	if dir := filepath.Dir(cfg.Path); outside(cfg.Path) {
		out = append(out, fmt.Sprintf(`the service must read the configuration and what it names: icacls "%s" /grant "%s:(OI)(CI)RX"`, dir, serviceAccount))
	}
	if outside(cfg.Store) {
		out = append(out, fmt.Sprintf(`the service must write the store: icacls "%s" /grant "%s:(OI)(CI)M"`, cfg.Store, serviceAccount))
	}
	return out
}
