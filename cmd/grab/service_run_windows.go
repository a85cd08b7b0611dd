package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/servicelog"
)

const (
	serviceLogSize  = 10 << 20 // of one file
	serviceLogFiles = 5
)

// watchManaged is `grab watch` under the service manager.
func (a *app) watchManaged() error {
	is, err := svc.IsWindowsService()
	if err != nil {
		return err
	}
	if !is {
		return advice.Usage(advice.WithHint(errors.New("--service is for Windows' service manager alone"), "`grab service start` starts the service; `grab watch` without it runs here"))
	}
	// The console's signals are not for a service: one comes whenever somebody logs off.
	signal.Reset(os.Interrupt, syscall.SIGTERM)
	return svc.Run(serviceName, managed{a})
}

type managed struct{ app *app }

var serviceRequests = map[svc.Cmd]serviceRequest{svc.Stop: askStop, svc.Shutdown: askStop, svc.ParamChange: askReload, svc.Interrogate: askState}

// Execute runs the watch until the manager stops it. Its exit code is that of the
// command.
func (m managed) Execute(_ []string, asked <-chan svc.ChangeRequest, told chan<- svc.Status) (specific bool, code uint32) {
	log, done := m.app.serviceLog(logsIn(serviceRoot()))
	defer done()
	m.app.service = newServiceHost(log)
	requests, ended := make(chan serviceRequest), make(chan struct{})
	defer close(ended)
	go func() {
		for {
			select {
			case r := <-asked:
				select {
				case requests <- serviceRequests[r.Cmd]:
				case <-ended:
					return
				}
			case <-ended:
				return
			}
		}
	}()
	tell := func(p serviceProgress) {
		s := svc.Status{State: svc.State(p.state), CheckPoint: p.check, WaitHint: uint32(p.hint.Milliseconds())}
		switch p.state {
		case serviceRunning:
			s.Accepts = svc.AcceptStop | svc.AcceptShutdown | svc.AcceptParamChange
		case serviceStarting:
			s.Accepts = svc.AcceptStop | svc.AcceptShutdown
		}
		told <- s
	}
	err := m.app.service.serve(requests, tell, func(ctx context.Context) error { return m.app.watch(ctx) })
	if err == nil {
		return false, 0
	}
	log.Error("the service ends", "err", err, "hint", advice.For(err))
	return true, uint32(m.app.fail(err))
}

// serviceLog is the log of the service: everything goes to files in dir, what matters to
// the Event Log too. Each does without the other.
func (a *app) serviceLog(dir string) (log *slog.Logger, done func()) {
	var handlers []slog.Handler
	var closers []io.Closer
	events, eventsErr := eventlog.Open(serviceName)
	if eventsErr == nil {
		handlers, closers = append(handlers, servicelog.NewEvents(events)), append(closers, events)
	}
	a.out, a.err = io.Discard, io.Discard
	file, err := servicelog.Open(dir, "grab", serviceLogSize, serviceLogFiles)
	if err == nil {
		handlers, closers = append(handlers, slog.NewTextHandler(file, nil)), append(closers, file)
		a.out, a.err = file, file
		keepCrashes(filepath.Join(dir, "crash.txt"))
	}
	log = slog.New(slog.NewMultiHandler(handlers...))
	if err != nil {
		log.Error("the log file cannot be written: only the Event Log has warnings and errors", "err", err)
	}
	if eventsErr != nil {
		log.Error("the Event Log cannot be written", "err", eventsErr)
	}
	return log, func() {
		for _, c := range closers {
			c.Close()
		}
	}
}

// keepCrashes has what the program says when it crashes written to a file: a service has
// no standard error. Past 1 MiB it begins anew.
func keepCrashes(name string) {
	flag := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if info, err := os.Stat(name); err == nil && info.Size() > 1<<20 {
		flag |= os.O_TRUNC
	}
	f, err := os.OpenFile(name, flag, 0o600)
	if err != nil {
		return
	}
	defer f.Close() // SetCrashOutput keeps a handle of its own
	debug.SetCrashOutput(f, debug.CrashOptions{})
}
