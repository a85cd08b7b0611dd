//go:build !windows

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// hangups supervises a watch by SIGHUP, which asks it to reload.
type hangups struct{}

func (hangups) Ready() {}

// OnReload passes SIGHUP on to c, until stop is called.
func (hangups) OnReload(c chan<- struct{}) (stop func()) {
	hups := make(chan os.Signal, 1)
	signal.Notify(hups, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-hups:
				select {
				case c <- struct{}{}:
				default:
				}
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(hups)
		close(done)
	}
}
