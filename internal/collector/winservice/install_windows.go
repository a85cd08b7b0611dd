package winservice

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"

	"rtmtgrab/internal/access"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
)

const failureReset = 24 * time.Hour // after which earlier failures are forgotten

// restartDelays are those before the service is started again after a failure; the last
// one holds for all further failures.
var restartDelays = []time.Duration{10 * time.Second, 30 * time.Second, time.Minute}

// Install has the service run with a configuration, "" for that of the system.
func Install(given string, say func(string, ...any)) (Report, error) {
	path, exe, err := configAndProgram(given)
	if err != nil {
		return Report{}, err
	}

	m, err := mgr.Connect()
	if err != nil {
		return Report{}, managerError("open the service manager", err)
	}
	defer m.Disconnect()

	for _, p := range folders(home()) {
		if err := closeFolder(p); err != nil {
			return Report{}, err
		}
	}

	s, err := m.CreateService(serviceName, exe, mgr.Config{
		StartType: mgr.StartAutomatic, DelayedAutoStart: true, ErrorControl: mgr.ErrorNormal,
		ServiceStartName: account, SidType: windows.SERVICE_SID_TYPE_UNRESTRICTED,
		DisplayName: displayName, Description: description,
	}, commandLine(path)...)
	if err != nil {
		return Report{}, managerError("create the service", err)
	}
	defer s.Close()
	if err := errors.Join(recovery(s), fewPrivileges(s), eventSource()); err != nil {
		return Report{}, errors.Join(managerError("configure the service", err), s.Delete())
	}

	sayNextSteps(path, say)
	return reportOf(s)
}

// configAndProgram are the configuration, which need not be there yet, and the program. An
// error says why the service could not use them, or should not.
func configAndProgram(given string) (path, exe string, err error) {
	if path, err = filepath.Abs(cmp.Or(given, config.SystemPlace())); err != nil {
		return "", "", err
	}
	if err := access.Vouched(path); err != nil && !errors.Is(err, fs.ErrNotExist) && filepath.Dir(path) != home() {
		return "", "", err
	}

	if exe, err = os.Executable(); err != nil {
		return "", "", err
	}
	const hint = `copy grab.exe to C:\Program Files\grab and run it from there`
	if err := access.Vouched(exe); err != nil {
		return "", "", advice.WithHint(err, hint)
	}
	list, err := access.Of(exe)
	if err == nil && !list.ServiceMay(serviceName, access.ReadData|access.Execute) {
		err = advice.WithHint(fmt.Errorf("the service account %s may not run %s", account, exe), hint)
	}
	return path, exe, err
}

// closeFolder makes a folder of the service, or gives the one that is there its list. It
// refuses one that, or in which something, was put there by no administrator: anybody can
// make folders in %ProgramData%.
func closeFolder(p folder) error {
	err := access.MkdirList(p.dir, p.list)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}

	me, err := access.Me()
	if err != nil {
		return err
	}
	names, err := filepath.Glob(filepath.Join(p.dir, "*"))
	if err != nil {
		return err
	}
	for _, name := range append(names, p.dir) {
		l, err := access.Of(name)
		if err != nil {
			return err
		}
		if l.ForeignOwner(me, access.ServiceSID(serviceName)) {
			return advice.WithHint(fmt.Errorf("%s belongs to %s, who is not an administrator", name, l.Owner), "check what it is; remove it, or make the Administrators its owner: icacls \""+name+"\" /setowner *S-1-5-32-544")
		}
	}

	return access.Set(p.dir, p.list)
}

// recovery has the service started again after 10 s, 30 s and then always 60 s, whether it
// crashed or ended with an error.
func recovery(s *mgr.Service) error {
	var actions []mgr.RecoveryAction
	for _, d := range restartDelays {
		actions = append(actions, mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: d})
	}
	if err := s.SetRecoveryActions(actions, uint32(failureReset.Seconds())); err != nil {
		return err
	}
	return s.SetRecoveryActionsOnNonCrashFailures(true)
}

// fewPrivileges leaves the service nothing but to walk through folders: above all not to
// act in the place of others.
func fewPrivileges(s *mgr.Service) error {
	list, err := windows.UTF16FromString("SeChangeNotifyPrivilege")
	if err != nil {
		return err
	}
	list = append(list, 0) // ends the list of texts
	info := struct{ privileges *uint16 }{&list[0]}
	return windows.ChangeServiceConfig2(s.Handle, windows.SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO, (*byte)(unsafe.Pointer(&info)))
}

// eventSource names the service in the Application log, unless an earlier one left that.
func eventSource() error {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, `SYSTEM\CurrentControlSet\Services\EventLog\Application\`+serviceName, registry.QUERY_VALUE)
	if err == nil {
		return k.Close()
	}
	return eventlog.InstallAsEventCreate(serviceName, eventlog.Info|eventlog.Warning|eventlog.Error)
}

// sayNextSteps says what is to be done after the installation.
func sayNextSteps(path string, say func(string, ...any)) {
	cfg, err := config.Options{MissingKnownHosts: true, MissingSecrets: true}.Load(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		say("grab: hint: put the secret files into %s, write the configuration with `grab init`, then `grab service start`", filepath.Dir(path))
	case err != nil:
		say("grab: hint: %s has errors: `grab check --offline`; then `grab service start`", path)
	default:
		for _, hint := range accessHints(home(), cfg) {
			say("grab: hint: %s", hint)
		}
		say("grab: hint: `grab check`, then `grab service start`")
	}
}
