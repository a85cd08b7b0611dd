package control

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerOf asks the system who is at the other end.
func peerOf(c net.Conn) (p Peer) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return p
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return p
	}
	raw.Control(func(fd uintptr) { // an error leaves it unknown
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			p = Peer{Known: true, UID: int(cred.Uid), PID: int(cred.Pid)}
		}
	})
	return p
}
