package wiring

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/config"
)

// After a long absence, or a leap of the clock, nothing is removed for its age at once.
func TestPolicyAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sign := filepath.Join(t.TempDir(), "sign")
		conf := config.Default()
		cfg := &conf
		cfg.Keep.Age = 30 * 24 * time.Hour
		now := func() time.Duration {
			return PolicyAfter(sign, func() *config.Config { return cfg }, slog.New(slog.DiscardHandler))().Keep
		}
		if keep := now(); keep != cfg.Keep.Age {
			t.Errorf("without a sign: %v", keep)
		}
		if err := os.WriteFile(sign, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		for away, want := range map[time.Duration]time.Duration{time.Minute: cfg.Keep.Age, -time.Hour: cfg.Keep.Age, 40 * 24 * time.Hour: 0} {
			last := time.Now().Add(-away)
			if err := os.Chtimes(sign, last, last); err != nil {
				t.Fatal(err)
			}
			policy := PolicyAfter(sign, func() *config.Config { return cfg }, slog.New(slog.DiscardHandler))
			if keep := policy().Keep; keep != want {
				t.Errorf("away for %v: %v", away, keep)
			}
			time.Sleep(time.Hour)
			if keep := policy().Keep; keep != cfg.Keep.Age {
				t.Errorf("an hour later, away for %v: %v", away, keep)
			}
		}
	})
}
