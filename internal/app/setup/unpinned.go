package setup

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/terminal"
	"rtmtgrab/internal/wiring"
)

// PinUnknown has those of the machines pinned of which known_hosts has no key yet, as
// Trust does: hosts that are given by their address. It is an error only if none of all the machines
// is left that could be logged in to: what some have is worth having. One
// that does not answer may answer later. ask may be nil.
func PinUnknown(ctx context.Context, w io.Writer, machines []sshdial.Config, prints []string, ask *terminal.Asker) error {
	given, err := ParsePrints(prints)
	if err != nil {
		return err
	}
	if len(machines) == 0 && len(given) > 0 {
		return advice.Usage(advice.WithHint(errors.New("--fingerprint works with user@address, not with configured names"), "`grab trust` pins their keys"))
	}
	var unknown []*config.Host
	for _, m := range machines {
		pinned, err := PinnedKeys(m.KnownHosts, m.Address)
		if err != nil {
			return err
		}
		if len(pinned) == 0 {
			unknown = append(unknown, &config.Host{Name: m.Name, Address: m.Address, SSH: config.SSH{Account: config.Account{KnownHosts: m.KnownHosts}}})
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	if ask == nil && len(given) == 0 {
		sayUnknown(ctx, w, unknown)
		return nil
	}
	rep, lost := Trust(ctx, w, unknown, nil, given, ask), 0
	var why []error
	for _, h := range rep.Hosts {
		if h.State == TrustNot && len(h.Keys) > 0 {
			why, lost = append(why, fmt.Errorf("%s (%s) is not pinned: %s", h.Host, h.Address, h.Error)), lost+1
		}
	}
	if lost < len(machines) {
		return nil
	}
	return advice.WithHint(errors.Join(why...), "no login was made; find out which key is the right one, then run this again")
}

// sayUnknown says of machines that nobody can be asked about what would be asked, and the
// next move. Their logins will not be made, and their rows say why.
func sayUnknown(ctx context.Context, w io.Writer, unknown []*config.Host) {
	var marks []mark
	for _, round := range rounds(unknown, nil) {
		marks = append(marks, round...)
	}
	scans := scanAll(ctx, marks)
	for _, m := range marks {
		keys := scans[wiring.Route(m.dial)].keys
		if len(keys) == 0 {
			continue
		}
		print := ssh.FingerprintSHA256(keys[0])
		fmt.Fprintf(w, "%s is not in %s and shows %s (%s); compare it on the peer's console with `%s`; pin it?\n", m.Address, m.SSH.KnownHosts, print, keys[0].Type(), onConsole(m.Address))
		fmt.Fprintf(w, "  hint: no login is made; run this on a terminal, where it asks, or give it --fingerprint %s\n", print)
	}
}
