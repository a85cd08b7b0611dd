package hostconn

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/sshdial"
)

// What an error asks for before the next attempt.
func TestKeeperWaits(t *testing.T) {
	refused := &sshdial.Error{Kind: sshdial.KindLoginRefused, Stage: sshdial.StageLogin}
	for name, c := range map[string]struct {
		err  error
		want []time.Duration
	}{
		"unreachable": {&sshdial.Error{Kind: sshdial.KindTimeout, Stage: sshdial.StageConnect}, []time.Duration{5, 10, 20, 40, 80, 160, 300, 300}},
		"refused":     {refused, []time.Duration{300, 300}},
		"blocked":     {&sshdial.Error{Kind: sshdial.KindLoginBlocked}, []time.Duration{300, 300}},
		"host key":    {&sshdial.Error{Kind: sshdial.KindHostKeyChanged, Stage: sshdial.StageExchange}, []time.Duration{300, 300}},
		"no outcome":  {&sshdial.Error{Kind: sshdial.KindLost, Stage: sshdial.StageLogin}, []time.Duration{660, 660}},
		"no SFTP":     {&Fault{Err: fmt.Errorf("x: %w", ErrNoSFTP), Stop: true}, []time.Duration{3600, 3600}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				var log bytes.Buffer
				var got []time.Duration
				k := &Keeper{Pool: &Pool{}, Name: "h", Log: slog.New(slog.NewTextHandler(&log, nil)),
					Dial: func(context.Context) (*sshdial.Client, error) { return nil, c.err }}
				k.wait = func(d time.Duration) time.Duration {
					if got = append(got, d/time.Second); len(got) == len(c.want) {
						cancel()
					}
					return d
				}
				k.Run(ctx)
				if fmt.Sprint(got) != fmt.Sprint(c.want) || strings.Count(log.String(), "session lost") != 1 || len(k.Pool.slots) != 0 {
					t.Errorf("it waits %v, want %v; it logs\n%s", got, c.want, log.String())
				}
			})
		})
	}
}

// A clock that was measured earlier is in doubt by more than it was then.
func TestRememberedClock(t *testing.T) {
	m, s, now := &memory{}, &Session{}, time.Now()
	if _, _, ok := m.clock(s, now); ok {
		t.Error("a clock that nobody measured")
	}
	m.setClock(s, now, time.Minute, time.Millisecond)
	if offset, doubt, ok := m.clock(s, now.Add(2*time.Minute)); !ok || offset != time.Minute || doubt != 25*time.Millisecond {
		t.Errorf("%v %v %v", offset, doubt, ok)
	}
	if _, _, ok := m.clock(s, now.Add(3*time.Minute)); ok {
		t.Error("an old clock")
	}
	if _, _, ok := m.clock(&Session{}, now); ok {
		t.Error("another session's clock")
	}
}
