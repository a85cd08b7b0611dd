package setup

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/terminal"
)

// trustOne compares a host's keys with what is pinned, and pins what is confirmed.
func trustOne(h mark, s scan, prints []string, ask *terminal.Asker) TrustHost {
	t := TrustHost{Host: h.Name, Hop: h.hop, Address: h.Address, State: TrustNot, Keys: []trustKey{}, Pinned: []string{}, Before: []string{}}
	for _, k := range s.keys {
		t.Keys = append(t.Keys, trustKey{k.Type(), ssh.FingerprintSHA256(k)})
	}
	switch {
	case s.err != nil:
		return t.not(s.err.Error(), advice.For(s.err))
	case h.HostKey != "":
		return t.compare(h.Host)
	}
	t.KnownHosts = h.SSH.KnownHosts
	pinned, err := PinnedKeys(t.KnownHosts, h.Address)
	if err != nil {
		return t.not(err.Error(), "fix the line, or move the file away and pin again")
	}
	t.Before, t.Pinned = Fingerprints(pinned), Fingerprints(pinned)
	if stands(pinned, s.keys) {
		t.State = TrustPinned
		return t
	}
	add, why, hint := confirm(h, pinned, s.keys, prints, ask)
	if len(add) == 0 {
		return t.not(why, hint)
	}
	if err := pinKeys(t.KnownHosts, h.Address, add, s.keys); err != nil {
		return t.not(err.Error(), advice.For(err))
	}
	if pinned, err = PinnedKeys(t.KnownHosts, h.Address); err != nil {
		return t.not(err.Error(), "")
	}
	t.Pinned, t.State = Fingerprints(pinned), TrustAdded
	if len(t.Before) > 0 {
		t.State = TrustReplaced
	}
	return t
}

func (t TrustHost) not(why, hint string) TrustHost {
	t.State, t.Error, t.Hint = TrustNot, why, hint
	return t
}

// compare is for a host whose key stands in the configuration, which nobody but
// a person changes.
func (t TrustHost) compare(h *config.Host) TrustHost {
	t.Before, t.Pinned = []string{h.HostKey}, []string{h.HostKey}
	var lines []string
	for _, k := range t.Keys {
		if k.Fingerprint == h.HostKey {
			t.State = TrustPinned
			return t
		}
		lines = append(lines, fmt.Sprintf("host_key: %q", k.Fingerprint))
	}
	return t.not("host_key in the configuration is "+h.HostKey+", the host has another key",
		"compare it on the peer's console; if the new key is right set in the configuration "+strings.Join(lines, " or "))
}

// stands reports whether a login would find a pinned key: one that is shown is
// pinned, and no type is pinned with another key.
func stands(pinned, shown []ssh.PublicKey) bool {
	good := false
	for _, p := range pinned {
		if hasKey(shown, p) {
			good = true
		} else if slices.ContainsFunc(shown, func(k ssh.PublicKey) bool { return k.Type() == p.Type() }) {
			return false
		}
	}
	return good
}

// confirm finds the keys to pin: those whose fingerprint is given, else the
// preferred one, or the one whose fingerprint is typed.
func confirm(h mark, pinned, shown []ssh.PublicKey, prints []string, ask *terminal.Asker) (add []ssh.PublicKey, why, hint string) {
	changed := ""
	if len(pinned) > 0 {
		changed = "the key has changed: pinned is " + strings.Join(Fingerprints(pinned), " ") + ", it shows " + strings.Join(Fingerprints(shown), " ")
	}
	fresh := slices.DeleteFunc(slices.Clone(shown), func(k ssh.PublicKey) bool { return hasKey(pinned, k) })
	if len(fresh) == 0 { // only stale lines are in the way
		fresh = shown
	}
	out := "compare the fingerprint on the peer's console with `" + onConsole(h.Address) + "`, then "
	switch {
	case len(prints) > 0:
		add = ofPrints(shown, prints)
		return add, orText(changed+"; ", changed) + "none of its keys has the given fingerprint", out + "give it with --fingerprint"
	case ask == nil:
		return nil, orText(changed+"; ", changed) + "no terminal to ask on", out + "`grab trust --fingerprint " + ssh.FingerprintSHA256(fresh[0]) + " " + h.Name + "`"
	case changed != "":
		fmt.Fprintf(ask.Out, "%s: %s\nThis happens after a factory reset, with new keys, or if somebody is in between.\n", h.label(), changed)
	}
	line, ok := ask.Ask("%s shows %s (%s). Compare it on the peer's console with `%s`. Pin it? [yes/no/fingerprint]", h.label(), ssh.FingerprintSHA256(fresh[0]), fresh[0].Type(), onConsole(h.Address))
	switch answer := strings.ToLower(line); {
	case !ok:
		return nil, "no answer", ""
	case answer == "yes" || answer == "y":
		return fresh[:1], "", ""
	case strings.HasPrefix(line, "SHA256:"):
		print, err := sshdial.ParseFingerprint(line)
		if err == nil {
			add = ofPrints(shown, []string{print})
			err = errors.New("none of its keys has the fingerprint you typed")
		}
		return add, err.Error(), "do not pin it: find out which machine answers at " + h.Address
	}
	return nil, "the answer was no", ""
}

// onConsole is the command with which the machine at an address shows its own keys.
func onConsole(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		port = "22"
	}
	return "ssh-keyscan -p " + port + " 127.0.0.1 | ssh-keygen -lf -"
}

func ofPrints(keys []ssh.PublicKey, prints []string) []ssh.PublicKey {
	return slices.DeleteFunc(slices.Clone(keys), func(k ssh.PublicKey) bool { return !slices.Contains(prints, ssh.FingerprintSHA256(k)) })
}

// orText is text unless the condition is empty.
func orText(text, condition string) string {
	if condition == "" {
		return ""
	}
	return text
}
