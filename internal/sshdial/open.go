package sshdial

import (
	"errors"

	"golang.org/x/crypto/ssh"
)

// errEnded is of a channel that was asked for when the connection was over.
var errEnded = errors.New("the connection has ended")

// An opener is an ssh.Conn of which no channel is waited for beyond its end: package ssh
// waits for ever for one that is asked for while the connection ends, after it has
// closed the channels that it knows.
type opener struct {
	ssh.Conn
	ended <-chan struct{}
}

// OpenChannel is ssh.Conn's. A call of package ssh that never returns stays behind with
// the connection that is over; it holds nothing else.
func (o *opener) OpenChannel(name string, data []byte) (ssh.Channel, <-chan *ssh.Request, error) {
	type opened struct {
		ch       ssh.Channel
		requests <-chan *ssh.Request
		err      error
	}
	select {
	case <-o.ended:
		return nil, nil, errEnded
	default:
	}
	answer := make(chan opened, 1)
	go func() {
		ch, requests, err := o.Conn.OpenChannel(name, data)
		answer <- opened{ch, requests, err}
	}()
	select {
	case a := <-answer:
		return a.ch, a.requests, a.err
	case <-o.ended:
		return nil, nil, errEnded
	}
}

// Algorithms are those in use, as ssh.AlgorithmsConnMetadata has it.
func (o *opener) Algorithms() ssh.NegotiatedAlgorithms {
	if meta, ok := o.Conn.(ssh.AlgorithmsConnMetadata); ok {
		return meta.Algorithms()
	}
	return ssh.NegotiatedAlgorithms{}
}
