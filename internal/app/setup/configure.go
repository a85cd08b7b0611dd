package setup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
)

// Configure writes the configuration, which must be new, and loads it. What no flag
// answers is asked for; without a terminal (Ask is nil) it is an error. path may be empty: where a
// new configuration usually lies.
func (i *Interview) Configure(ctx context.Context, path string, say func(format string, args ...any)) (*config.Config, error) {
	if i.Path = path; path == "" {
		i.Path = NewConfig(runtime.GOOS)
	}
	if _, err := os.Lstat(i.Path); err == nil {
		return nil, advice.Usage(advice.WithHint(fmt.Errorf("%s already exists", i.Path), "edit it, or name another file with --config; `grab check` says whether it is right"))
	}
	if missing := i.Answers.Missing(); len(missing) > 0 {
		if i.Ask == nil {
			return nil, advice.Usage(advice.WithHint(fmt.Errorf("missing answers: %s", strings.Join(missing, ", ")), "give them as flags, or run `grab init` on a terminal, where it asks"))
		}
		if err := i.Run(ctx); err != nil {
			return nil, err
		}
	}
	text, err := i.Answers.Render()
	if err != nil {
		return nil, advice.Usage(err)
	}
	cfg, err := PlaceConfig(i.Path, text)
	if err != nil {
		return nil, err
	}
	if err := i.forget(); err != nil {
		say("grab: warning: %v", err)
	}
	if doubt := i.Answers.Doubt(); doubt != "" {
		say("grab: warning: %s", doubt)
	}
	say("written: %s", cfg.Path)
	if err := placeSchema(filepath.Dir(cfg.Path)); err != nil {
		say("grab: warning: editors get no help with the configuration: %v", err)
	}
	if err := makeKey(cfg.Store); err != nil {
		say("grab: warning: the key that signs bundles is made later: %v", err)
	}
	return cfg, nil
}
