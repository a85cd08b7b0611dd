package sshdial

import (
	"context"
	"io"
	"os"

	"golang.org/x/sys/windows"
)

const defaultAgent = `\\.\pipe\openssh-ssh-agent`

// dialAgent opens a named pipe. Overlapped, so that Close ends a Read that waits.
func dialAgent(_ context.Context, pipe string) (io.ReadWriteCloser, error) {
	return os.OpenFile(pipe, os.O_RDWR|windows.FILE_FLAG_OVERLAPPED, 0)
}
