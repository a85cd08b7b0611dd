package sshdial

import (
	"errors"
	"io"

	"golang.org/x/crypto/ssh"
)

// ErrSubsystem is why a channel is not opened on a connection that is well: the server does not
// offer what is asked for.
var ErrSubsystem = errors.New("the server does not offer this subsystem")

// Subsystem opens a channel to a subsystem of the server (RFC 4254, section 6.5), such as sftp.
func (c *Client) Subsystem(name string) (io.ReadWriteCloser, error) {
	ch, requests, err := c.Client.OpenChannel("session", nil)
	if err != nil {
		return nil, err
	}
	go ssh.DiscardRequests(requests) // both end with the channel
	go io.Copy(io.Discard, ch.Stderr())

	granted, err := ch.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{name}))
	if err == nil && !granted {
		err = ErrSubsystem
	}
	if err != nil {
		ch.Close()
		return nil, err
	}
	return ch, nil
}
