package winservice

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"

	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/redact"
)

const (
	logFileSize = 10 << 20 // of one file
	logFiles    = 5
)

// Managed is an error unless the service manager runs this program.
func Managed() error {
	is, err := svc.IsWindowsService()
	if err != nil {
		return err
	}
	if !is {
		return advice.Usage(advice.WithHint(errors.New("--service is only for the Windows service manager"), "`grab service start` starts the service; `grab watch` without --service runs here"))
	}
	return nil
}

// Run runs the watch until the service manager stops it. failed makes the exit code
// of the watch's error, and writes the error to out, the service's log.
func Run(watch func(context.Context, *slog.Logger, *Host) error, failed func(err error, out io.Writer) int) error {
	return svc.Run(serviceName, handler{watch, failed})
}

type handler struct {
	watch  func(context.Context, *slog.Logger, *Host) error
	failed func(err error, out io.Writer) int
}

var requestOf = map[svc.Cmd]request{svc.Stop: askStop, svc.Shutdown: askStop, svc.ParamChange: askReload, svc.Interrogate: askState}

// Execute is svc.Handler's.
func (m handler) Execute(_ []string, asked <-chan svc.ChangeRequest, told chan<- svc.Status) (specific bool, code uint32) {
	log, out, done := openLog(logsIn(home()))
	defer done()

	requests, ended := make(chan request), make(chan struct{})
	defer close(ended)
	go forward(asked, requests, ended)

	h := newHost()
	tell := func(p progress) { told <- statusOf(p) }
	err := h.serve(requests, tell, func(ctx context.Context) error { return m.watch(ctx, log, h) })
	if err == nil {
		return false, 0
	}
	log.Error("service stopping", "err", err, "hint", advice.For(err))
	return true, uint32(m.failed(err, out))
}

// forward passes the manager's requests on until ended is closed.
func forward(asked <-chan svc.ChangeRequest, requests chan<- request, ended <-chan struct{}) {
	for {
		select {
		case r := <-asked:
			select {
			case requests <- requestOf[r.Cmd]:
			case <-ended:
				return
			}
		case <-ended:
			return
		}
	}
}

// statusOf is a progress as Windows has it, with what the service takes meanwhile.
func statusOf(p progress) svc.Status {
	s := svc.Status{State: svc.State(p.state), CheckPoint: p.check, WaitHint: uint32(p.hint.Milliseconds())}
	switch p.state {
	case stateRunning:
		s.Accepts = svc.AcceptStop | svc.AcceptShutdown | svc.AcceptParamChange
	case stateStarting:
		s.Accepts = svc.AcceptStop | svc.AcceptShutdown
	}
	return s
}

// openLog is the log of the service: everything goes to files in dir, what matters to
// the Event Log too. Each does without the other. What is no record can be written to out.
func openLog(dir string) (log *slog.Logger, out io.Writer, done func()) {
	var handlers []slog.Handler
	var closers []io.Closer

	events, eventsErr := eventlog.Open(serviceName)
	if eventsErr == nil {
		handlers, closers = append(handlers, newEventHandler(events)), append(closers, events)
	}

	out = io.Discard
	file, err := openLogFile(dir, "grab", logFileSize, logFiles)
	if err == nil {
		handlers, closers = append(handlers, slog.NewTextHandler(file, nil)), append(closers, file)
		out = file
		keepCrashes(filepath.Join(dir, "crash.txt"))
	}

	log = slog.New(redact.Handler(slog.NewMultiHandler(handlers...)))
	if err != nil {
		log.Error("cannot write the log file: only the Event Log has warnings and errors", "err", err)
	}
	if eventsErr != nil {
		log.Error("cannot write to the Event Log", "err", eventsErr)
	}

	return log, out, func() {
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
