package config

import (
	"errors"
	"fmt"
	"slices"

	"rtmtgrab/internal/access"
)

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
