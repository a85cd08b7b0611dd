package winservice

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
)

// home is the folder of all that is the service's.
func home() string { return filepath.Dir(config.SystemPlace()) }

// Uninstall stops the service and takes it away, with its source in the Event Log; its folders stay.
func Uninstall(ctx context.Context, say func(string, ...any)) (Report, error) {
	s, err := openService(windows.SERVICE_STOP | windows.SERVICE_QUERY_STATUS | windows.SERVICE_QUERY_CONFIG | windows.DELETE)
	if err != nil {
		return Report{}, err
	}
	defer s.Close()

	if err := stopService(ctx, s); err != nil {
		return Report{}, err
	}
	if err := s.Delete(); err != nil {
		return Report{}, managerError("remove the service", err)
	}

	if err := eventlog.Remove(serviceName); err != nil && !errors.Is(err, registry.ErrNotExist) {
		return Report{}, fmt.Errorf("the service was removed, its Event Log source was not: %w", err)
	}

	say("configuration, store and logs stay in %s", home())
	return absent(), nil
}

// Start starts the service and waits until it runs.
func Start(ctx context.Context) (Report, error) {
	s, err := openService(windows.SERVICE_START | windows.SERVICE_QUERY_STATUS | windows.SERVICE_QUERY_CONFIG)
	if err != nil {
		return Report{}, err
	}
	defer s.Close()

	err = s.Start()
	switch {
	case errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING):
	case err != nil:
		return Report{}, managerError("start the service", err)
	}

	if err := awaitState(ctx, stateRunning, stateOf(s)); err != nil {
		return Report{}, advice.WithHint(err, "the Event Log (Application, source grab) and "+logsIn(home())+" say why; `grab check` finds most causes")
	}
	return reportOf(s)
}

// Stop stops the service and waits until it has.
func Stop(ctx context.Context) (Report, error) {
	s, err := openService(windows.SERVICE_STOP | windows.SERVICE_QUERY_STATUS | windows.SERVICE_QUERY_CONFIG)
	if err != nil {
		return Report{}, err
	}
	defer s.Close()

	if err := stopService(ctx, s); err != nil {
		return Report{}, err
	}
	return reportOf(s)
}

func stopService(ctx context.Context, s *mgr.Service) error {
	_, err := s.Control(svc.Stop)
	switch {
	case errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE):
		return nil
	case errors.Is(err, windows.ERROR_SERVICE_CANNOT_ACCEPT_CTRL): // it is stopping
	case err != nil:
		return managerError("stop the service", err)
	}
	return awaitState(ctx, stateStopped, stateOf(s))
}

// Reload has the service read its configuration again; its log says what came of it.
func Reload(say func(string, ...any)) (Report, error) {
	s, err := openService(windows.SERVICE_PAUSE_CONTINUE | windows.SERVICE_QUERY_STATUS | windows.SERVICE_QUERY_CONFIG)
	if err != nil {
		return Report{}, err
	}
	defer s.Close()

	if _, err := s.Control(svc.ParamChange); err != nil {
		return Report{}, managerError("reload the service", err)
	}
	say("reload requested; the result is in the Event Log (Application, source grab) and in %s", logsIn(home()))
	return reportOf(s)
}

// Status says what the service is; one that is not installed is no error.
func Status() (Report, error) {
	s, err := openService(windows.SERVICE_QUERY_STATUS | windows.SERVICE_QUERY_CONFIG)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return absent(), nil
	}
	if err != nil {
		return Report{}, err
	}
	defer s.Close()

	return reportOf(s)
}

// openService opens it with no more rights than are asked for.
func openService(rights uint32) (*mgr.Service, error) {
	m, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return nil, managerError("open the service manager", err)
	}
	defer windows.CloseServiceHandle(m)

	name, err := windows.UTF16PtrFromString(serviceName)
	if err != nil {
		return nil, err
	}
	h, err := windows.OpenService(m, name, rights)
	if err != nil {
		return nil, managerError("open the service "+serviceName, err)
	}
	return &mgr.Service{Name: serviceName, Handle: h}, nil
}

func stateOf(s *mgr.Service) func() (state, error) {
	return func() (state, error) {
		st, err := s.Query()
		return state(st.State), err
	}
}

func absent() Report {
	return Report{Service: serviceName, State: "absent", Logs: logsIn(home())}
}

// reportOf says what the service is now.
func reportOf(s *mgr.Service) (Report, error) {
	st, err := s.Query()
	if err != nil {
		return Report{}, managerError("query the service", err)
	}

	r := Report{Service: serviceName, State: state(st.State).String(), PID: st.ProcessId, Logs: logsIn(home())}
	if c, err := s.Config(); err == nil {
		r.Account, r.Command = c.ServiceStartName, c.BinaryPathName
		r.Start = map[uint32]string{mgr.StartAutomatic: "automatic", mgr.StartManual: "manual", mgr.StartDisabled: "disabled"}[c.StartType]
	}
	return r, nil
}

// managerError adds the next move to an error of the service manager.
func managerError(doing string, err error) error {
	hint := ""
	switch {
	case errors.Is(err, windows.ERROR_ACCESS_DENIED):
		hint = "run this in a prompt that was opened with \"Run as administrator\""
	case errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST):
		hint = "`grab service install` installs it"
	case errors.Is(err, windows.ERROR_SERVICE_EXISTS):
		hint = "to reinstall: `grab service uninstall`, then install again"
	case errors.Is(err, windows.ERROR_SERVICE_MARKED_FOR_DELETE):
		hint = "it is being removed: close the Services window and Task Manager, then try again"
	case errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE):
		hint = "it is not running: `grab service start`"
	}
	return advice.WithHint(fmt.Errorf("%s: %w", doing, err), hint)
}
