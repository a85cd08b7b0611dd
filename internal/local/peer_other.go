//go:build !linux && !darwin

package local

import "net"

func peerOf(net.Conn) Peer { return Peer{} }
