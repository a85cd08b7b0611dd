package sshdial

import (
	"errors"
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
