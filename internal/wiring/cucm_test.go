package wiring

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/lab/cucmlab"
)

// TestEntriesOfOnePublisher: two entries of cucm: with one publisher are one account to it: a
// password that is wrong is sent once, and once more when a person has both tried.
func TestEntriesOfOnePublisher(t *testing.T) {
	lab, err := cucmlab.New(t.Context(), cucmlab.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer lab.Close()
	dir := t.TempDir()
	user, addr := lab.Account(cucmlab.RoleRealtime).User, lab.Nodes()[0].Addr()
	row := "  - {cluster: %s, publisher: %q, user: %s, password: {file: pw}, ca_file: ca.pem, proxy: none}\n"
	for name, text := range map[string]string{"pw": "quartz-lantern", "known_hosts": "", "ca.pem": string(lab.CAPEM()),
		"grab.yaml": "store: store\nssh: {password: {file: pw}}\ncucm:\n" + fmt.Sprintf(row, "Main", addr, user) + fmt.Sprintf(row, "Renamed", addr, user) + "sites:\n  - {name: hq, hosts: [{name: c1, address: x}]}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load(filepath.Join(dir, "grab.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for i, override := range []bool{false, true} {
		var all []*cucm.Cluster
		for n := range cfg.CUCM {
			c, err := CUCM(cfg, &cfg.CUCM[n], override)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, c)
		}
		for _, c := range all {
			_, err := c.Phones(t.Context(), cucm.Query{Once: true})
			if e, ok := errors.AsType[*cucm.Error](err); !ok || e.Cluster != c.Name() || e.Kind != cucm.KindRefused && e.Kind != cucm.KindBlocked {
				t.Errorf("%v", err)
			}
		}
		if lab.Failed(user) != i+1 {
			t.Errorf("%d logins were refused, a person tried: %v", lab.Failed(user), override)
		}
	}
}
