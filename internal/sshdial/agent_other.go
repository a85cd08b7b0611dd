//go:build !windows

package sshdial

import (
	"context"
	"io"
	"net"
)

const defaultAgent = ""

func dialAgent(ctx context.Context, socket string) (io.ReadWriteCloser, error) {
	return new(net.Dialer).DialContext(ctx, "unix", socket)
}
