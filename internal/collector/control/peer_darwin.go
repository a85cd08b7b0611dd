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
		if cred, err := unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED); err == nil {
			p = Peer{Known: true, UID: int(cred.Uid)}
		}
	})
	return p
}
