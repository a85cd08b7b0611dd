package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"rtmtgrab/internal/access"
)

// exposed says that the access list of a secret's file lets others at it, or "". It is
// for Windows: elsewhere modes say so.
func exposed(name string) string {
	who, err := access.Exposed(name)
	if err != nil {
		return err.Error()
	}
	if who == nil {
		return ""
	}
	return openTo(name, who)
}

// openTo is the fault of a file that the groups of who can read or change, with what to
// do: the list that comes from above is made the file's own, then the groups go.
func openTo(name string, who []string) string {
	return fmt.Sprintf(`%s can be read or changed by %s: run icacls "%s" /inheritance:d and icacls "%s" /remove:g *S-1-1-0 *S-1-5-11 *S-1-5-32-545, or move it into %%ProgramData%%\grab`,
		name, strings.Join(who, ", "), name, name)
}

// vouched refuses a configuration at the system's usual place that somebody else than
// an administrator or this user may have put there.
func vouched(name string) error {
	if err := access.Vouched(name); err != nil {
		return fmt.Errorf("find configuration: %w; if it is yours name it with --config", err)
	}
	return nil
}

// trusted refuses a store, files of host keys and of recipients that others can change:
// what stands there decides whom grab trusts, what it does next, and who reads bundles.
func trusted(cfg *Config) error {
	if err := access.Trusted(cfg.Store, true); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	var pins, recipients []string
	for _, s := range cfg.Sites {
		for _, h := range s.Hosts {
			pins = append(pins, pinned(h.HostKey, h.SSH.KnownHosts, h.SSH.Jump)...)
		}
	}
	for i := range cfg.Handover {
		h := &cfg.Handover[i]
		if s := h.SFTP; s != nil {
			pins = append(pins, pinned(s.HostKey, s.KnownHosts, s.Jump)...)
		}
		for _, site := range cfg.sealed(h) {
			recipients = append(recipients, slices.DeleteFunc(h.Recipients(site), isRecipient)...)
		}
	}
	return errors.Join(firstUntrusted("known_hosts", pins), firstUntrusted("recipients", recipients))
}

// firstUntrusted is the fault of the first file that others can change.
func firstUntrusted(what string, files []string) error {
	seen := map[string]bool{"": true}
	for _, file := range files {
		if seen[file] {
			continue
		}
		seen[file] = true
		if err := access.Trusted(file, false); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// pinned are the files that say which keys a host and the hops before it have.
func pinned(hostKey, knownHosts string, jumps []Jump) (files []string) {
	if hostKey == "" {
		files = append(files, knownHosts)
	}
	for _, j := range jumps {
		if j.HostKey == "" {
			files = append(files, j.KnownHosts)
		}
	}
	return files
}
