//go:build !linux && !darwin

package control

import "net"

func peerOf(net.Conn) Peer { return Peer{} }
