// Package winservice is grab as a Windows service: how it is installed, started, stopped,
// reloaded and asked for, how it runs under the service manager, and its log, which has
// neither a terminal nor a journal: files of bounded size, and the Event Log for what
// matters.
//
// The manager is kept informed of a start and a stop until they have ended; a watch that ends
// unasked is a failure, after which the manager starts it again; the service's account has
// no more rights than it needs. On other systems every function is an error of usage. It
// does not know what it runs, prints nothing and hears no signal.
package winservice

import (
	"fmt"
	"path/filepath"
	"time"

	"rtmtgrab/internal/access"
	"rtmtgrab/internal/config"
)

const (
	serviceName = "grab"
	account     = `NT SERVICE\` + serviceName // Windows makes it with the service; it has no password
	displayName = "grab: Expressway log collector"
	description = "Takes the logs of Expressways before they rotate away, when RTMT reports partially registered phones."

	stateLimit = time.Minute // for a start or a stop
)

// Report is the JSON of `grab service`.
type Report struct {
	Service string `json:"service"`
	State   string `json:"state"` // absent, stopped, starting, running, stopping
	Account string `json:"account,omitempty"`
	Start   string `json:"start,omitempty"`   // automatic, manual, disabled
	Command string `json:"command,omitempty"` // what the service manager runs
	PID     uint32 `json:"pid,omitempty"`
	Logs    string `json:"logs"`
}

// Running reports whether the service runs.
func (r Report) Running() bool { return r.State == stateRunning.String() }

// A folder of the service, with its access list.
type folder struct{ dir, list string }

// folders are the service's folders below root, root first. In root lie the
// configuration and its secrets: the service reads them and can change none; store
// and logs are its to write.
func folders(root string) []folder {
	sid := access.ServiceSID(serviceName)
	const read, modify = "0x1200a9;", "0x1301bf;"
	return []folder{
		{root, "O:BA" + access.Closed(read+sid)},
		{filepath.Join(root, "store"), "O:BA" + access.Closed(modify+sid)},
		{logsIn(root), "O:BA" + access.Closed(modify+sid)},
	}
}

func logsIn(root string) string { return filepath.Join(root, "logs") }

// commandLine is how the service manager runs the program.
func commandLine(path string) []string { return []string{"watch", "--service", "--config", path} }

// accessHints says what else the service's account must be let to, for files outside of
// root.
func accessHints(root string, cfg *config.Config) []string {
	var out []string
	outside := func(path string) bool {
		rel, err := filepath.Rel(root, path)
		return err != nil || !filepath.IsLocal(rel)
	}
	if dir := filepath.Dir(cfg.Path); outside(cfg.Path) {
		out = append(out, fmt.Sprintf(`let the service read the configuration and the files it names: icacls "%s" /grant "%s:(OI)(CI)RX"`, dir, account))
	}
	if outside(cfg.Store) {
		out = append(out, fmt.Sprintf(`let the service write the store: icacls "%s" /grant "%s:(OI)(CI)M"`, cfg.Store, account))
	}
	return out
}
