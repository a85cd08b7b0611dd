package main

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"

	"golang.org/x/term"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/terminal"
)

// asker is nil if there is nobody to ask: standard input is no terminal.
func (a *app) asker() *terminal.Asker {
	f, ok := a.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return &terminal.Asker{In: bufio.NewReader(f), Out: a.err, Interrupted: a.interrupted, Terminal: f}
}

// find is the path of the configuration.
func (a *app) find() (string, error) {
	path, err := config.Find(a.config)
	if errors.Is(err, fs.ErrNotExist) {
		err = advice.WithHint(err, "write one with `grab init`, or name another with --config")
	}
	if err != nil {
		err = advice.Usage(err)
	}
	return path, err
}

// load finds and reads the configuration.
func (a *app) load(o config.Options) (*config.Config, error) {
	path, err := a.find()
	if err != nil {
		return nil, err
	}
	cfg, err := o.Load(path)
	if err != nil {
		return nil, advice.Usage(err)
	}
	return cfg, nil
}

// context ends with the first signal.
func (a *app) context(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	go func() {
		select {
		case <-a.interrupted:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// ended reports whether the first signal has come.
func (a *app) ended() bool {
	select {
	case <-a.interrupted:
		return true
	default:
		return false
	}
}
