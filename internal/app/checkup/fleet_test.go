package checkup

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/config/fleetconf"
	"rtmtgrab/internal/config/secret"
	"rtmtgrab/internal/fleet/hubinit"
	"rtmtgrab/internal/testserver"
)

// TestFleet: `grab check` says of the hub what is wrong, and nothing where there is no fleet.
func TestFleet(t *testing.T) {
	if found := tryFleet(t.Context(), &config.Config{}, 0, false); found != nil {
		t.Errorf("%+v", found)
	}
	dir := t.TempDir()
	s := hubinit.Server{Host: "127.0.0.1", Port: testserver.FreePort(t), Websocket: testserver.FreePort(t)}
	if _, err := hubinit.Make(dir, hubinit.Wish{Servers: []hubinit.Server{s}, Tenant: "acme", Collectors: []string{"dmz-a"}}); err != nil {
		t.Fatal(err)
	}
	cfg := &config.Config{Fleet: &fleetconf.Fleet{Servers: []string{s.WebsocketURL(), s.URL()}, Tenant: "acme", Name: "dmz-a", Creds: secret.File(filepath.Join(dir, hubinit.CredsFile("acme", "dmz-a"))),
		CAFile: filepath.Join(dir, hubinit.CAFile), Proxy: secret.Proxy{Secret: secret.Text("none")}}}
	at := fmt.Sprintf("fleet/127.0.0.1:%d", s.Port)
	said := func() string {
		var b strings.Builder
		for _, f := range tryFleet(t.Context(), cfg, 0, false) {
			fmt.Fprintf(&b, "%s %s %s | %s\n", f.Status, f.What, f.Detail, f.Hint)
		}
		return b.String()
	}
	if got := said(); !strings.Contains(got, StatusFail+" "+at+" unreachable") || !strings.Contains(got, "firewall") {
		t.Errorf("no server runs:\n%s", got)
	}
	testserver.StartNATSIn(t, filepath.Join(dir, hubinit.ServerDir("127.0.0.1")), s.Port, s.Websocket)
	if err := hubinit.Apply(t.Context(), dir, func(string) {}); err != nil {
		t.Fatal(err)
	}
	if got := said(); strings.Count(got, StatusOK+" fleet/") != 5 || strings.Contains(got, StatusFail) || strings.Contains(got, StatusWarn) {
		t.Errorf("all is well:\n%s", got)
	}
	cfg.Fleet.CAFile = filepath.Join(t.TempDir(), "none.pem")
	if got := said(); !strings.HasPrefix(got, StatusFail+" fleet ") {
		t.Errorf("no authority:\n%s", got)
	}
}
