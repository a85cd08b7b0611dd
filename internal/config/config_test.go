package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

func example(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("../../configs/grab.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestExampleLoads(t *testing.T) {
	cfg := mustLoad(t, strings.ReplaceAll(example(t), "/etc/grab/", ""))
	base := filepath.Dir(cfg.Path)
	m := &cfg.Mails[0]
	if m.Server != "imap.example.com:993" || m.CAFile != filepath.Join(base, "ca.pem") || m.Poll != time.Minute || m.MaxAge != 24*time.Hour || m.CatchUp != time.Hour {
		t.Errorf("mail: %+v", *m)
	}
	if roots, err := m.Roots(); err != nil || roots == nil {
		t.Errorf("Roots: %v, %v", roots, err)
	}
	if cfg.Keep.Age != 30*24*time.Hour || cfg.Ring.MaxSize != 1<<30 || cfg.Window != (Window{15 * time.Minute, 5 * time.Minute, time.Hour}) {
		t.Errorf("keep %v, ring %v, window %v", cfg.Keep.Age, cfg.Ring.MaxSize, cfg.Window)
	}
	if !cfg.Alerts.Match[0].MatchString("3 ENCRYPTEDpartiallyregisteredphones") {
		t.Error("the pattern regards case")
	}
	s := cfg.Site("HQ")
	if s.TimeZone.String() != "America/New_York" || s.CatchAll() {
		t.Errorf("site: %+v", s)
	}
	c, e := cfg.Host("expc01"), cfg.Host("EXPE01")
	if c.Address != "10.0.30.2:22" || c.SSH.Key.Secret.Source() != "file "+filepath.Join(base, "id_ecdsa") || !c.SSH.Password.IsZero() || !c.SSH.Commands || c.HostKey != "" {
		t.Errorf("expc01: %+v", c)
	}
	if e.Address != "10.0.40.5:5022" || !e.SSH.Key.IsZero() || e.SSH.Commands || e.SSH.User != "root" || e.HostKey != print1 {
		t.Errorf("expe01: %+v", e)
	}
	if p, err := e.SSH.Password.Read(); p != "hunter3" || err != nil {
		t.Errorf("password %q, %v", p, err)
	}
	if want := []string{"network_log", "messages"}; !reflect.DeepEqual(e.Logs.Families, want) || e.Logs.Dir != "/mnt/harddisk/log" || len(c.Logs.Families) != 3 {
		t.Errorf("logs: %v, %v", c.Logs, e.Logs)
	}
	if e.Ring.Keep != 40*time.Minute || e.Ring.Every != 5*time.Second {
		t.Errorf("ring: %v", e.Ring)
	}
}

// What the example shows is what holds without it, but for the names and places.
func TestExampleShowsDefaults(t *testing.T) {
	shown := mustLoad(t, strings.ReplaceAll(example(t), "/etc/grab/", ""))
	bare := mustLoad(t, "mail: {server: imap.example.com, user: rtmt@example.com, password: {file: imap.secret}}\n"+minimal)
	bare.Path, bare.Sites, shown.Sites = shown.Path, nil, nil
	bare.Mails[0].CAFile, bare.Mails[0].ca, bare.Mails[0].Password = shown.Mails[0].CAFile, shown.Mails[0].ca, shown.Mails[0].Password
	bare.SSH.Key, bare.SSH.KnownHosts = shown.SSH.Key, shown.SSH.KnownHosts
	if runtime.GOOS == "windows" {
		bare.Store = shown.Store
	}
	for i := range bare.Alerts.Match {
		if bare.Alerts.Match[i].String() != shown.Alerts.Match[i].String() {
			t.Errorf("match %v, default %v", shown.Alerts.Match, bare.Alerts.Match)
		}
	}
	bare.Alerts, shown.Alerts = Alerts{}, Alerts{}
	if !reflect.DeepEqual(bare, shown) {
		t.Errorf("shown %+v %+v\ndefault %+v %+v", shown, shown.Mails, bare, bare.Mails)
	}
}

func TestExampleHasEveryKey(t *testing.T) {
	text := example(t)
	for _, k := range []string{"file", "env", "agent"} {
		if !strings.Contains(text, "{"+k+":") {
			t.Errorf("the example lacks %s", k)
		}
	}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for f := range Fields(typ) {
			if !regexp.MustCompile(`(?m)[\s{]` + f.Key + `:`).MatchString(text) {
				t.Errorf("the example lacks %s of %s", f.Key, typ)
			}
			e := f.Type
			for e.Kind() == reflect.Slice || e.Kind() == reflect.Pointer {
				e = e.Elem()
			}
			if e.Kind() == reflect.Struct {
				walk(e)
			}
		}
	}
	walk(reflect.TypeFor[Config]())
}

func TestByteOrderMarkAndWindowsLines(t *testing.T) {
	if cfg := mustLoad(t, "\ufeffpatience: 3m\r\n"+strings.ReplaceAll(minimal, "\n", "\r\n")); cfg.Patience != 3*time.Minute {
		t.Errorf("patience %v", cfg.Patience)
	}
}

func TestWithoutMail(t *testing.T) {
	if cfg := mustLoad(t, minimal); len(cfg.Mails) != 0 {
		t.Errorf("mail %+v", cfg.Mails)
	}
}

// One method per host: what a host says of its login replaces the file's.
func TestLoginIsWholeOrInherited(t *testing.T) {
	hosts := `
sites:
  - name: hq
    nodes: [n]
    hosts:
      - {name: inherits, address: a}
      - {name: password, address: b, ssh: {password: {env: GRAB_TEST}}}
      - {name: agent, address: c, ssh: {key: {agent: id_ecdsa.pub}, user: admin}}
      - {name: print, address: d, ssh: {key: {agent: "` + print1 + `"}}}
`
	t.Setenv("GRAB_TEST", "hunter5")
	cfg := mustLoad(t, "ssh: {key: {file: id_ecdsa}, passphrase: {file: imap.secret}}"+hosts)
	base := "file " + filepath.Dir(cfg.Path) + string(filepath.Separator)
	for _, c := range []struct{ host, key, agent, passphrase, password, user string }{
		{"inherits", base + "id_ecdsa", "", base + "imap.secret", "", "root"},
		{"password", "", "", "", "environment variable GRAB_TEST", "root"},
		{"agent", "", filepath.Join(filepath.Dir(cfg.Path), "id_ecdsa.pub"), "", "", "admin"},
		{"print", "", print1, "", "", "root"},
	} {
		s := cfg.Host(c.host).SSH
		if s.Key.Secret.Source() != c.key || s.Key.Agent != c.agent || s.Passphrase.Source() != c.passphrase || s.Password.Source() != c.password || s.User != c.user {
			t.Errorf("%s: key %q %q, passphrase %q, password %q, user %q", c.host, s.Key.Secret.Source(), s.Key.Agent, s.Passphrase.Source(), s.Password.Source(), s.User)
		}
	}
	cfg = mustLoad(t, "ssh: {password: {file: imap.secret}}"+hosts)
	if s := cfg.Host("agent").SSH; !s.Password.IsZero() || s.Key.Agent == "" {
		t.Errorf("a key did not end the file's password: %+v", s)
	}
	if s := cfg.Host("inherits").SSH; s.Password.IsZero() || !s.Key.IsZero() {
		t.Errorf("the password was not inherited: %+v", s)
	}
}

// A host's own jump: stands in place of the file's; hops inherit nothing but
// known_hosts.
func TestReachingAHost(t *testing.T) {
	cfg := mustLoad(t, `ssh:
  key: {file: id_ecdsa}
  compat: legacy
  bandwidth: 2MiB
  jump:
  - {address: Bastion, user: grab, password: {file: imap.secret}}
  - {address: "fe80::1%eth0", user: b, key: {file: id_ecdsa}, host_key: "`+print1+`", compat: legacy}
sites:
  - name: hq
    nodes: [n]
    hosts:
      - {name: inherits, address: "[2001:DB8::2]:5022"}
      - {name: direct, address: b, ssh: {jump: [], compat: none, bandwidth: 0}}
      - {name: own, address: c, ssh: {known_hosts: id_ecdsa.pub, jump: [{address: "J:2022", user: u, key: {agent: "`+print1+`"}}], bandwidth: 16KiB}}
`)
	base := filepath.Dir(cfg.Path)
	s := cfg.Host("inherits").SSH
	if s.Compat != CompatLegacy || s.Bandwidth != 2<<20 || len(s.Jump) != 2 || cfg.Host("inherits").Address != "[2001:db8::2]:5022" {
		t.Fatalf("inherits: %+v", s)
	}
	a, b := s.Jump[0], s.Jump[1]
	if a.Address != "bastion:22" || a.User != "grab" || a.Password.IsZero() || !a.Key.IsZero() || a.Compat != CompatNone || a.Login != "auto" || a.KnownHosts != filepath.Join(base, "known_hosts") {
		t.Errorf("first hop: %+v", a)
	}
	if b.Address != "[fe80::1%eth0]:22" || b.HostKey != print1 || b.Compat != CompatLegacy || b.Key.IsZero() {
		t.Errorf("second hop: %+v", b)
	}
	if s := cfg.Host("direct").SSH; len(s.Jump) != 0 || s.Compat != CompatNone || s.Bandwidth != 0 {
		t.Errorf("direct: %+v", s)
	}
	if s := cfg.Host("own").SSH; len(s.Jump) != 1 || s.Jump[0].Address != "j:2022" || s.Jump[0].Key.Agent != print1 || s.Jump[0].KnownHosts != filepath.Join(base, "id_ecdsa.pub") || s.Bandwidth != 16<<10 {
		t.Errorf("own: %+v", s)
	}
	if len(cfg.SSH.Jump) != 2 || cfg.SSH.Jump[0].Address != "bastion:22" {
		t.Errorf("file's: %+v", cfg.SSH.Jump)
	}
}

// A machine that only looks at a fleet has no site, and is not told to choose one.
func TestNoSite(t *testing.T) {
	if _, _, err := (&Config{}).Select(""); err == nil || err.Error() != "no site is configured (sites:)" {
		t.Error(err)
	}
}

func TestHostInSeveralSites(t *testing.T) {
	cfg := mustLoad(t, `ssh: {key: {file: id_ecdsa}}
sites:
  - {name: a, clusters: [A], hosts: [{name: c1, address: "10.0.0.1:22"}, {name: c2, address: 10.0.0.2}]}
  - {name: b, clusters: [B], hosts: [{name: c1, address: 10.0.0.1}, {name: c3, address: 10.0.0.3}]}
`)
	if s := cfg.SitesOf("C1"); len(s) != 2 || s[0].Name != "a" || s[1].Name != "b" {
		t.Errorf("SitesOf: %v", s)
	}
	all, err := cfg.HostsOf()
	if err != nil || len(all) != 3 {
		t.Errorf("HostsOf() = %v, %v", all, err)
	}
	for _, c := range []struct{ site, names, want string }{
		{"", "c2", "a: c2"},
		{"", "c3,c1,c3", "b: c3 c1"},
		{"B", "", "b: c1 c3"},
		{"b", "C1", "b: c1"},
		{"", "c1", "the hosts are in several sites: choose one with --site (a, b)"},
		{"", "c2,c3", "the hosts are in different sites: a grab is for one site"},
		{"", "", "there are several sites: choose one with --site (a, b), or name hosts"},
		{"a", "c3", `host "c3" is not in site a`},
		{"x", "", `unknown site "x"; configured are a, b`},
		{"", "c9", `unknown host "c9" (did you mean c1?); configured are c1, c2, c3`},
	} {
		var names []string
		if c.names != "" {
			names = strings.Split(c.names, ",")
		}
		s, hosts, err := cfg.Select(c.site, names...)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = s.Name + ":"
			for _, h := range hosts {
				got += " " + h.Name
			}
		}
		if got != c.want {
			t.Errorf("Select(%q, %q) = %s, want %s", c.site, c.names, got, c.want)
		}
	}
}

func TestOptions(t *testing.T) {
	text := "ssh: {key: {file: gone}, known_hosts: gone_too}\n" + minimal[strings.Index(minimal, "\n")+1:]
	path := put(t, folder(t), "grab.yaml", text)
	for _, c := range []struct {
		o    Options
		want int
	}{{Options{}, 2}, {Options{MissingKnownHosts: true}, 1}, {Options{MissingSecrets: true}, 1}, {Options{MissingKnownHosts: true, MissingSecrets: true}, 0}, {Options{Reading: true}, 0}} {
		_, err := c.o.Load(path)
		var faults Faults
		errors.As(err, &faults)
		if len(faults) != c.want || (err == nil) != (c.want == 0) {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("GRAB_CONFIG", "")
	if _, err := os.Stat(SystemPlace()); err != nil {
		_, err := Find("")
		if !errors.Is(err, ErrNotFound) {
			t.Fatalf("nothing there: %v", err)
		}
		for _, place := range []string{"GRAB_CONFIG", filepath.Join(dir, "grab.yaml"), filepath.Join("grab", "grab.yaml")} {
			if !strings.Contains(err.Error(), place) {
				t.Errorf("%v does not name %s", err, place)
			}
		}
	}
	put(t, dir, "grab.yaml", "")
	other := put(t, dir, "other.yaml", "")
	for _, c := range []struct{ explicit, env, want string }{
		{"", "", "grab.yaml"}, {"", other, other}, {"other.yaml", "gone.yaml", "other.yaml"},
	} {
		t.Setenv("GRAB_CONFIG", c.env)
		if got, err := Find(c.explicit); got != c.want || err != nil {
			t.Errorf("Find(%q) with %q = %q, %v", c.explicit, c.env, got, err)
		}
	}
	t.Setenv("GRAB_CONFIG", "gone.yaml")
	if _, err := Find(""); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNotFound) {
		t.Errorf("GRAB_CONFIG that is not there: %v", err)
	}
	if _, err := Find("nowhere.yaml"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("explicit file that is not there: %v", err)
	}
	if _, err := Load("nowhere.yaml"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load of nothing: %v", err)
	}
}
