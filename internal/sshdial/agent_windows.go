package sshdial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/Microsoft/go-winio"
)

// defaultAgent is the pipe of the OpenSSH that comes with Windows. Pageant, which speaks
// by windows of the desktop, is not asked; its newer versions offer a pipe too, which
// SSH_AUTH_SOCK can name.
const defaultAgent = `\\.\pipe\openssh-ssh-agent`

// busy is for how long an agent may be busy with others.
const busy = 5 * time.Second

// dialAgent connects to a named pipe, as anonymous: whoever listens there can not act in
// this user's place, as it could if the pipe were opened like a file.
func dialAgent(ctx context.Context, pipe string) (io.ReadWriteCloser, error) {
	ctx, cancel := context.WithTimeout(ctx, busy)
	defer cancel()
	conn, err := winio.DialPipeContext(ctx, pipe)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no SSH agent on %s (on Windows the service ssh-agent): %w", pipe, err)
	}
	return conn, err
}
