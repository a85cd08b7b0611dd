package sshdial

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"
)

// forgetful opens no channel and says nothing, as package ssh does while a connection ends.
type forgetful struct {
	ssh.Conn
	over chan struct{}
}

func (f forgetful) OpenChannel(string, []byte) (ssh.Channel, <-chan *ssh.Request, error) {
	<-f.over
	return nil, nil, errors.New("over")
}

// A channel that is asked for while the connection ends is not waited for.
func TestOpenWhileEnding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, ended := forgetful{over: make(chan struct{})}, make(chan struct{})
		defer close(f.over)
		client := &ssh.Client{Conn: &opener{f, ended}}
		time.AfterFunc(time.Second, func() { close(ended) })
		for range 2 { // while it ends, and after that
			if s, err := client.NewSession(); s != nil || !errors.Is(err, errEnded) {
				t.Error(s, err)
			}
		}
	})
}

// Who waits to ask, behind one that is not answered, waits as long as the connection stands.
func TestRequestTurn(t *testing.T) {
	c := &Client{turn: make(chan struct{}, 1), done: make(chan struct{})}
	c.turn <- struct{}{}
	close(c.done)
	if _, _, err := c.SendRequest("keepalive@openssh.com", true, nil); err != io.EOF {
		t.Error(err)
	}
}
