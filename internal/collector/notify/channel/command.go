package channel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"rtmtgrab/internal/redact"
	"strings"
	"time"
)

// A Command starts a program for each notice, which gets the notice as JSON on its
// standard input. Its arguments are those of the configuration and no others, no
// shell is between, and it sees only a few variables of the environment, for others
// may hold secrets. When the time is over it is killed, with its children where the
// system can do that (not on Windows).
type Command struct {
	Args []string
	Log  *slog.Logger // its output, at debug; nil: nothing
}

const (
	maxOutput = 16 << 10
	farewell  = 2 * time.Second // for what a child may still hold open
)

// inherited are the variables that a command sees.
var inherited = []string{"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "TEMP", "TMP", "SystemRoot", "SystemDrive", "ComSpec", "PATHEXT", "windir"}

// Send runs the program; exit code 0 is success.
func (c *Command) Send(ctx context.Context, n Notice) error {
	doc, err := json.Marshal(n)
	if err != nil {
		return &Refusal{err}
	}
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Env = []string{}
	for _, name := range inherited {
		if v, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	cmd.Stdin = bytes.NewReader(append(doc, '\n'))
	out := &limited{}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = farewell
	ownGroup(cmd)
	err = cmd.Run()
	if said := strings.TrimSpace(string(out.b)); c.Log != nil && said != "" {
		c.Log.Debug("notification command", "said", redact.Foreign(said, 2000))
	}
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // it left a child behind that holds its output
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s was killed: %w", c.Args[0], context.Cause(ctx))
	}
	return fmt.Errorf("%s: %w", c.Args[0], err)
}

// limited keeps the beginning of what is written.
type limited struct{ b []byte }

func (l *limited) Write(p []byte) (int, error) {
	l.b = append(l.b, p[:min(len(p), maxOutput-len(l.b))]...)
	return len(p), nil
}
