package sshdial

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"
)

// Fixed returns what tells that a person has fixed what keeps dialing c from a
// session: `grab check` has logged in, or the secret is another one; `grab trust` has
// changed known_hosts. nil: a dial alone can tell. It sends nothing to the host.
func Fixed(ctx context.Context, c Config, err error) func() bool {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return nil
	}
	switch e.Kind {
	case KindLoginRefused, KindLoginBlocked:
		if Blocked(ctx, c) == nil {
			return nil
		}
		return func() bool { return Blocked(ctx, c) == nil }
	case KindHostKeyChanged, KindHostKeyUnknown:
		was := knownAt(c)
		return func() bool { return knownAt(c).After(was) }
	}
	return nil
}

// knownAt is when the known_hosts of a host and of the hops to it were last written.
func knownAt(c Config) (at time.Time) {
	for _, leg := range slices.Concat(c.Jump, []Config{c}) {
		if st, err := os.Stat(leg.KnownHosts); err == nil && st.ModTime().After(at) {
			at = st.ModTime()
		}
	}
	return at
}
