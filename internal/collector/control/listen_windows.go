package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/Microsoft/go-winio"
)

const pipes = true

// A member of the group may read and write the pipe but not make another instance of
// it: these are FILE_GENERIC_READ and FILE_GENERIC_WRITE without
// FILE_CREATE_PIPE_INSTANCE.
const memberAccess = 0x12019b

// inStore is a name that each store has for itself.
func inStore(store string) string {
	if abs, err := filepath.Abs(store); err == nil {
		store = abs
	}
	sum := sha256.Sum256([]byte(strings.ToLower(store)))
	return `\\.\pipe\grab-` + hex.EncodeToString(sum[:8])
}

// Listen makes the named pipe: for SYSTEM, the Administrators, this user and, if one
// is given, a group. Nobody else can open it, and nobody from another machine.
func Listen(path, group string) (net.Listener, error) {
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	sddl := "D:P(D;;GA;;;NU)(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;" + me.Uid + ")"
	if group != "" {
		sid, err := winio.LookupSidByName(group)
		if err != nil {
			return nil, fmt.Errorf("group of the socket: %w", err)
		}
		sddl += fmt.Sprintf("(A;;%#x;;;%s)", memberAccess, sid)
	}
	l, err := winio.ListenPipe(path, &winio.PipeConfig{SecurityDescriptor: sddl, InputBufferSize: 64 << 10, OutputBufferSize: 64 << 10})
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w: %w", ErrTaken, err)
	}
	return l, err
}

// dial connects to the pipe at path.
func dial(ctx context.Context, path string) (net.Conn, error) {
	conn, err := winio.DialPipeAccess(ctx, path, memberAccess)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w on %s", ErrNone, path)
	case errors.Is(err, fs.ErrPermission):
		return nil, denied(path, err)
	}
	return conn, err
}
