package control

import (
	"context"
	"fmt"
	"net"
	"os/user"
	"strconv"
)

// A Peer is the process at the other end, as the system vouches for it.
type Peer struct {
	Known bool // the system said who it is
	UID   int
	PID   int // 0: not known
}

// String names the user, for logs and manifests.
func (p Peer) String() string {
	if !p.Known {
		return "an unknown user"
	}
	uid := strconv.Itoa(p.UID)
	if u, err := user.LookupId(uid); err == nil {
		return fmt.Sprintf("%s (uid %s)", u.Username, uid)
	}
	return "uid " + uid
}

type peerKey struct{}

// PeerOf is who sent the request with this context.
func PeerOf(ctx context.Context) Peer {
	p, _ := ctx.Value(peerKey{}).(Peer)
	return p
}

// withPeer is http.Server's ConnContext.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	if l, ok := c.(*counted); ok {
		return context.WithValue(ctx, peerKey{}, l.peer)
	}
	return ctx
}
