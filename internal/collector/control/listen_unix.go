//go:build !windows

package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const pipes = false

// fits is ErrLong of a path that does not fit into a socket's address on every Unix.
func fits(path string) error {
	if len(path) > 103 {
		return fmt.Errorf("socket %s: %w", path, ErrLong)
	}
	return nil
}

func inStore(store string) string { return filepath.Join(store, socketName) }

// Listen makes the socket: for this user alone (mode 0600), or with a group's name or
// number for its members too (0660). The folder must be there, and others must not be
// able to write to it, or they could put a socket of their own in its place. A socket
// that nobody answers on is replaced; ErrTaken if somebody does.
func Listen(path, group string) (net.Listener, error) {
	gid, err := groupID(group)
	if err != nil {
		return nil, err
	}
	if err := fits(path); err != nil {
		return nil, err
	}
	if err := closedFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	// The mode is set before there is a name, where the system knows how (Linux).
	private := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { unix.Fchmod(int(fd), 0o600) })
	}}
	l, err := private.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	if err := admit(path, gid); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// admit sets the socket's mode and group.
func admit(path string, gid int) error {
	if gid < 0 {
		return os.Chmod(path, 0o600)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Gid) != gid { // a service whose own group it is may not be allowed to chown
		if err := os.Lchown(path, -1, gid); err != nil {
			return fmt.Errorf("set the group of the socket: %w", err)
		}
	}
	return os.Chmod(path, 0o660)
}

// groupID is -1 for no group.
func groupID(group string) (int, error) {
	if group == "" {
		return -1, nil
	}
	if n, err := strconv.ParseUint(group, 10, 31); err == nil {
		return int(n), nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return 0, fmt.Errorf("group of the socket: %w", err)
	}
	return strconv.Atoi(g.Gid)
}

func closedFolder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("folder of the socket: %w", err)
	}
	if mode := info.Mode(); mode.Perm()&0o022 != 0 {
		return fmt.Errorf("folder of the socket %s is writable by others (mode %04o)", dir, mode.Perm())
	}
	return nil
}

// removeStale removes a socket on which nobody answers, and nothing else.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s exists and is not a socket", path)
	}
	conn, err := net.Dial("unix", path)
	switch {
	case err == nil:
		conn.Close()
		return fmt.Errorf("%w: %s", ErrTaken, path)
	case !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w: %w", ErrTaken, err) // full, or not ours: it may be alive
	}
	return os.Remove(path)
}

// dial connects to the socket at path.
func dial(ctx context.Context, path string) (net.Conn, error) {
	if err := fits(path); err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ENOTSOCK):
		return nil, fmt.Errorf("%w on %s", ErrNone, path)
	case errors.Is(err, fs.ErrPermission):
		return nil, denied(path, err)
	case errors.Is(err, syscall.EAGAIN): // many wait to be taken
		return nil, fmt.Errorf("%w on %s", ErrSilent, path)
	}
	return conn, err
}
