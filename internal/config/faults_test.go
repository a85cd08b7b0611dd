package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const site = "sites: [{name: hq, clusters: [A], hosts: [{name: c1, address: 10.0.0.1}]}]\n"

// hosts is a file whose hosts begin in line 4.
func hosts(lines ...string) string {
	return "ssh: {key: {file: id_ecdsa}}\nsites:\n- {name: hq, clusters: [A], hosts: [\n  " + strings.Join(lines, ",\n  ") + "]}\n"
}

func mailbox(lines string) string {
	return minimal + "mail:\n  user: u\n  password: {file: imap.secret}\n" + lines
}

// Each case is a file and its faults, all of them: "line path: part of the text".
var faultCases = []struct {
	name, text string
	want       []string
}{
	{"unknown keys", minimal + "stor: x\nlogs:\n  famlies: [a]\nuser: root\nxyzzy: 1\n", []string{
		"3 stor: did you mean store?", "5 logs.famlies: did you mean families?", "6 user: did you mean mail.user?", "7 xyzzy: unknown key"}},
	{"unknown key of a host", hosts("{name: c1,\n adress: x, address: y, user: root}"), []string{
		"5 sites[0].hosts[0].adress: did you mean address?", "5 sites[0].hosts[0].user: did you mean ssh.user?"}},
	{"everything at once", "store: [a]\nsettle: soon\npatience: -1s\nalerts:\n  match: ['(']\nbundle: {format: rar}\nring:\n  enabled: 7\nsettle: 1s\n", []string{
		"1 store: expected a single value", "1 ssh: no", "1 sites: no sites", "2 settle: \"soon\" is not a duration", "3 patience: must not be negative",
		"5 alerts.match[0]: is not a valid regular expression: missing closing )", "6 bundle.format: must be one of zip, tar.zst, tar.gz; got \"rar\"", "8 ring.enabled: expected true or false", "9 settle: duplicate key, first given in line 2"}},
	{"empty", "", []string{"1 : the file is empty"}},
	{"only comments", "# a\n# b\n", []string{"1 : the file is empty"}},
	{"a list", "- a\n", []string{"1 : expected a mapping, got a list"}},
	{"two documents", minimal + "---\nstore: x\n", []string{"4 : a second YAML document"}},
	{"alias", "store: &a x\n" + minimal + "alerts: {from: [*a]}\n<<: {a: b}\n", []string{
		"1 store: not allowed", "4 alerts.from[0]: not allowed", "5 <<: unknown key"}},
	{"anchor in a secret", "ssh: {key: {&a file: id_ecdsa}}\n" + site, []string{"1 ssh.key: unknown key (not shown"}},
	{"alias to nothing", "store: *x\nsettle: soon\n" + minimal, []string{"1 store: not allowed", "2 settle: not a duration"}},
	{"directive", "%YAML 1.2\n---\n" + minimal, []string{"1 : directives"}},
	{"tag", "store: !!str x\n" + minimal, []string{"1 store: not allowed"}},
	{"tag without a name", "store: ! x\n" + minimal, []string{"1 store: not allowed"}},
	{"complex key", minimal + "? {a: b}\n: c\n", []string{"3 : must be plain text"}},
	{"tab", minimal + "\tstore: x\n", []string{"3 : a tab in the indentation: use blanks"}},
	{"broken quotes", minimal + "store: \"x\n", []string{"3 : invalid YAML"}},
	{"windows line ends", "store: x\r\nsettle: soon\r\n" + minimal, []string{"2 settle: not a duration"}},
	{"not UTF-8", "store: x\n# \xff\n" + minimal, []string{"2 : not UTF-8"}},
	{"control character", "store: x\n# \x1b[2J\n" + minimal, []string{"2 : control character"}},
	{"line break that is none", "store: x\n# a\u2028logs: 1\n" + minimal, []string{"2 : invisible"}},
	{"byte order mark in the file", "store: x\n\ufeffsettle: 1s\n" + minimal, []string{"2 : invisible"}},
	{"no values", "store:\nmail:\nlogs: {families: }\n" + minimal, []string{"1 store: has no value", "2 mail: has no value", "3 logs.families: has no value"}},
	{"kinds", "store: {a: b}\nsettle: [1s]\nssh: {key: {file: id_ecdsa}, commands: yes}\nlogs: {families: network_log}\nwindow: 5m\nalerts:\n  from:\n  - true\n  - {}\n" + site, []string{
		"1 store: expected a single value, got a mapping", "2 settle: got a list", "3 ssh.commands: expected true or false, got text",
		"4 logs.families: expected a list, got text", "5 window: expected a mapping, got text", "8 alerts.from[0]: expected text", "9 alerts.from[1]: expected a single value"}},

	{"no sites", "ssh: {key: {file: id_ecdsa}}\n", []string{"1 sites: no sites: add"}},
	{"sites empty", "ssh: {key: {file: id_ecdsa}}\nsites: []\n", []string{"2 sites: no sites: add"}},
	{"sites null", "ssh: {key: {file: id_ecdsa}}\nsites:\n", []string{"2 sites: has no value"}},
	{"sites of another kind", "ssh: {key: {file: id_ecdsa}}\nsites: [x, {name: a, clusters: [A], hosts: [y]}]\n", []string{"2 sites[0]: expected a mapping", "2 sites[1].hosts[0]: expected a mapping"}},
	{"sites", "ssh: {key: {file: id_ecdsa}}\nsites:\n- clusters: [A, '', a]\n- name: .x\n  nodes: [b]\n  hosts: []\n- {name: a, hosts: [{name: c1, address: x}]}\n- {name: A, time_zone: EST5,\n   hosts: [{name: c2, address: y}]}\n", []string{
		"3 sites[0].name: missing", "3 sites[0].clusters[1]: empty", "3 sites[0].clusters[2]: \"a\" is used twice", "3 sites[0].hosts: has no hosts",
		"4 sites[1].name: starts with a letter", "6 sites[1].hosts: has no hosts", "8 sites[3].name: used twice (case is ignored), first at sites[2].name in line 7",
		"8 sites[3].time_zone: IANA", "8 sites[3]: only one site can be without clusters and nodes"}},
	{"zones", "ssh: {key: {file: id_ecdsa}}\nsites:\n- {name: a, time_zone: Local,\n   nodes: [b], hosts: [{name: c1, address: x}]}\n- {name: b, time_zone: ../x,\n   nodes: [b], hosts: [{name: c2, address: x}]}\n", []string{
		"3 sites[0].time_zone: IANA", "5 sites[1].time_zone: IANA"}},

	{"hosts", hosts("{name: con, address: a}", "{name: c2, role: c, address: b}", "{name: c3}", "{address: d}", "{name: c5, address: ''}", "{name: c6, address: e, host_key: 'MD5:x'}"), []string{
		"4 sites[0].hosts[0].name: reserved", "5 sites[0].hosts[1].role: one of C, E, \"\"; got", "6 sites[0].hosts[2].address: missing", "7 sites[0].hosts[3].name: missing",
		"8 sites[0].hosts[4].address: empty", "9 sites[0].hosts[5].host_key: not a fingerprint"}},
	{"addresses", hosts("{name: a, address: '10.0.0.1:0'}", "{name: b, address: 'h:ssh'}", "{name: c, address: '[::1'}", "{name: d, address: 'user@h'}", "{name: e, address: 10.0.30}", "{name: f, address: '[10.0.0.1]:22'}", "{name: g, address: '::1:99999'}"), []string{
		"4 sites[0].hosts[0].address: the port must be", "5 sites[0].hosts[1].address: the port must be", "6 sites[0].hosts[2].address: not an address", "7 sites[0].hosts[3].address: not an address",
		"8 sites[0].hosts[4].address: not an address", "9 sites[0].hosts[5].address: not an address", "10 sites[0].hosts[6].address: not an address"}},
	{"address without quotes", "ssh: {key: {file: id_ecdsa}}\nsites:\n- name: hq\n  nodes: [a]\n  hosts:\n  - name: c1\n    address: [::1]\n", []string{"7 sites[0].hosts[0].address: text that starts with [ or { needs quotes"}},
	{"address without quotes in braces", hosts("{name: h, address: [::1]}"), []string{"4 sites[0].hosts[0].address: needs quotes"}},
	{"host twice in a site", hosts("{name: c1, address: a}", "{name: C1, address: a}"), []string{"5 sites[0].hosts[1].name: used twice (case is ignored), first at sites[0].hosts[0].name in line 4"}},
	{"host means two things", "ssh: {key: {file: id_ecdsa}}\nsites:\n- {name: a, nodes: [a], hosts: [{name: c1, address: x}]}\n- {name: b, nodes: [b], hosts: [{name: c1, address: y}]}\n- {name: c, nodes: [c], hosts: [{name: c1, address: x, role: E}]}\n- {name: d, nodes: [d], hosts: [{name: C1, address: x}]}\n", []string{
		"4 sites[1].hosts[0].address: \"c1\" is y:22 here and x:22 in line 3", "5 sites[2].hosts[0]: other settings here than in line 3", "6 sites[3].hosts[0].name: is written \"c1\" in line 3"}},

	{"no login", site, []string{"1 ssh: no login"}},
	{"no login of one host", "sites:\n- {name: hq, nodes: [a], hosts: [\n {name: c1, address: x},\n {name: c2, address: y, ssh: {key: {file: id_ecdsa}}}]}\n", []string{"3 sites[0].hosts[0]: no login"}},
	{"two methods", "ssh:\n  key: {file: id_ecdsa}\n  password: {file: imap.secret}\n" + site, []string{"3 ssh.password: set key or password"}},
	{"two methods of a host", hosts("{name: c1, address: x, ssh: {key: {file: id_ecdsa},\n password: {file: imap.secret}}}"), []string{"5 sites[0].hosts[0].ssh.password: set key or password"}},
	{"passphrases", "ssh:\n  password: {file: imap.secret}\n  passphrase: {file: imap.secret}\n" + site + "patience: 0s\n", []string{"3 ssh.passphrase: without key", "5 patience: longer than 0"}},
	{"passphrase of an agent's key", "ssh:\n  key: {agent: id_ecdsa.pub}\n  passphrase: {file: imap.secret}\n" + site, []string{"3 ssh.passphrase: needs no passphrase"}},
	{"compress", hosts("{name: c1, address: x, ssh: {compress: zstd}}"), []string{"4 sites[0].hosts[0].ssh.compress: one of none, gzip; got \"zstd\""}},
	{"login", hosts("{name: c1, address: x, ssh: {login: kbd, user: ''}}"), []string{"4 sites[0].hosts[0].ssh.login: one of auto, password, keyboard-interactive", "4 sites[0].hosts[0].ssh.user: empty"}},
	{"compat and bandwidth", "ssh:\n  key: {file: id_ecdsa}\n  compat: sha1\n  bandwidth: 2MB\n" + site + "patience: 0s\n", []string{"3 ssh.compat: one of none, legacy; got \"sha1\"", "4 ssh.bandwidth: is not a size", "6 patience: longer"}},
	{"bandwidth of a host", hosts("{name: c1, address: x, ssh: {bandwidth: 0}}", "{name: c2, address: y, ssh: {bandwidth: 16383}}"), []string{"5 sites[0].hosts[1].ssh.bandwidth: at least 16KiB"}},
	{"jump", "ssh:\n  key: {file: id_ecdsa}\n  jump:\n  - {address: 'a:0', user: u, key: {file: gone}}\n  - {address: b, key: {file: id_ecdsa}, password: {file: imap.secret}}\n  - user: u\n    usr: v\n    passphrase: {file: imap.secret}\n  - x\n  - {address: c, user: u, login: kbd,\n     compat: old, password: {file: imap.secret}, host_key: 'MD5:x'}\n" +
		site, []string{"4 ssh.jump[0].address: the port must be", "4 ssh.jump[0].key: gone does not exist", "5 ssh.jump[1].user: missing", "5 ssh.jump[1].password: set key or password", "6 ssh.jump[2]: no login",
		"6 ssh.jump[2].address: missing", "7 ssh.jump[2].usr: did you mean user?", "9 ssh.jump[3]: expected a mapping", "10 ssh.jump[4].login: must be one of", "11 ssh.jump[4].compat: one of none, legacy", "11 ssh.jump[4].host_key: not a fingerprint"}},
	{"jump of a host", hosts("{name: c1, address: x, ssh: {jump: y}}", "{name: c2, address: y, ssh: {jump: [\n{address: j, user: u, key: {agent: id_ecdsa.pub}, passphrase: {file: imap.secret}}]}}", "{name: c3, address: z, ssh: {jump: [{address: j, user: u, key: {file: id_ecdsa},\nknown_hosts: gone}]}}"), []string{
		"4 sites[0].hosts[0].ssh.jump: expected a list", "6 sites[0].hosts[1].ssh.jump[0].passphrase: needs no passphrase", "8 sites[0].hosts[2].ssh.jump[0].known_hosts: gone does not exist"}},
	{"many jumps", "ssh:\n  key: {file: id_ecdsa}\n  jump: [" + strings.Repeat("{address: a, user: u, key: {file: id_ecdsa}}, ", 9) + "]\n" + site, []string{"3 ssh.jump: more than 8 jump hosts"}},
	{"secrets", "ssh:\n  key: {file: gone}\n  passphrase: {env: GRAB_NO_SUCH}\nmail:\n  server: h\n  user: u\n  password: {file: empty.secret}\n" + site, []string{
		"2 ssh.key: gone does not exist", "3 ssh.passphrase: variable GRAB_NO_SUCH is not set", "7 mail.password: empty.secret is empty"}},
	{"secrets' forms", hosts("{name: c1, address: x, ssh: {key: {}}}", "{name: c2, address: y, ssh: {password: {file: a, env: B}}}", "{name: c3, address: z, ssh: {password: {agent: x}}}",
		"{name: c4, address: w, ssh: {key: {agent: 'SHA256:x'}}}", "{name: c5, address: v, ssh: {key: {agent: gone.pub}}}", "{name: c6, address: u, ssh: {password: {file: .}}}", "{name: c7, address: t, ssh: {password: {file: ''}}}"), []string{
		"4 sites[0].hosts[0].ssh.key: exactly one of", "5 sites[0].hosts[1].ssh.password: exactly one of", "6 sites[0].hosts[2].ssh.password: unknown key (not shown",
		"7 sites[0].hosts[3].ssh.key.agent: not a fingerprint", "8 sites[0].hosts[4].ssh.key: gone.pub does not exist", "9 sites[0].hosts[5].ssh.password: is not a file", "10 sites[0].hosts[6].ssh.password.file: empty"}},
	{"known_hosts", "ssh: {key: {file: id_ecdsa}}\nsites:\n- {name: hq, nodes: [a], hosts: [\n {name: c1, address: x, ssh: {known_hosts: gone}},\n {name: c2, address: y, host_key: '" + print1 + "', ssh: {known_hosts: gone}}, {name: c3, address: z, ssh: {known_hosts: gone}}]}\n", []string{
		"4 sites[0].hosts[0].ssh.known_hosts: `grab trust`"}},

	{"mail", "mail: {tls: ssl, login: x, mark: y, mailbox: '', poll: 0s, max_age: 0, ca_file: gone}\n" + minimal, []string{
		"1 mail.server: missing", "1 mail.user: missing", "1 mail.password: missing", "1 mail.tls: one of implicit, starttls, none", "1 mail.login: must be one of", "1 mail.mark: must be one of",
		"1 mail.mailbox: empty", "1 mail.poll: longer than 0", "1 mail.max_age: longer than 0", "1 mail.ca_file: gone does not exist"}},
	{"mail in the clear", mailbox("  server: 10.0.0.9\n  tls: none\n"), []string{"7 mail.tls: \"none\" would send the password unencrypted to 10.0.0.9:143"}},
	{"mail server", mailbox("  server: 'imaps://h'\n  ca_file: notes.pem\n"), []string{"6 mail.server: not an address", "7 mail.ca_file: contains no certificate"}},
	{"mail of another kind", minimal + "mail: imap.example.com\n", []string{"3 mail: expected a mapping"}},
	{"smtp", minimal + "smtp:\n  server: 10.0.0.9\n  tls: none\n  user: u\n  from: 'Grab <a@b>'\n  ca_file: gone\n", []string{
		"5 smtp.tls: \"none\" would send notifications unencrypted to 10.0.0.9:25", "6 smtp.user: user needs a password", "7 smtp.from: not an address", "8 smtp.ca_file: gone does not exist"}},
	{"smtp of another kind", minimal + "smtp: {server: 'a:b', tls: ssl, password: {file: imap.secret}}\n", []string{"3 smtp.tls: must be one of", "3 smtp.from: missing", "3 smtp.server: the port must be", "3 smtp.user: missing"}},
	{"canary", mailbox("  server: h\n  canary: {every: 5s,\n    late: 1s, to: x}\n"), []string{"7 mail.canary: add smtp:", "7 mail.canary.every: at least 1m", "8 mail.canary.late: at least 10s", "8 mail.canary.to: not an address"}},
	{"canary without an address", mailbox("  server: h\n  canary: {every: 1m}\n") + "smtp: {server: h, from: a@b.c}\n", []string{"7 mail.canary: every (1m) is shorter than late (5m)", "7 mail.canary: set to:"}},
	{"drill", minimal + "mail: {server: h, user: u, password: {file: imap.secret}}\ndrill:\n  every: 1h\n  at: '24:00'\n  to: x\n  from: ''\n", []string{
		"5 drill.every: at least 1d", "6 drill.at: write 00:00", "7 drill.to: not an address", "8 drill.from: the value is empty"}},
	{"drill to nobody", mailbox("  server: h\n") + "drill: {every: 7d}\n", []string{"7 drill: user \"u\" of the first mailbox is not an address"}},
	{"drill without a mailbox", minimal + "drill: {every: 7d}\n", []string{"3 drill.every: add mail:"}},
	{"notify nobody", minimal + "notify: {after: 1m, on: []}\n", []string{"3 notify: no recipients", "3 notify.on: the list is empty"}},
	{"notify", minimal + "notify:\n  mail: {to: ['a@b', x]}\n  webhooks:\n  - {url: 'http://example.com/s3cret'}\n  - {url: {file: gone}, template: irc}\n  - {url: 'ftp://x'}\n  - {url: 'https://u:p@x'}\n  - {template: json}\n  command: [tell]\n  on: [mails]\n", []string{
		"4 notify.mail: need smtp:", "4 notify.mail.to[1]: not an address", "6 notify.webhooks[0].url: unencrypted", "7 notify.webhooks[1].template: one of json, teams, slack", "7 notify.webhooks[1].url: gone does not exist",
		"8 notify.webhooks[2].url: not a URL", "9 notify.webhooks[3].url: a user or password", "10 notify.webhooks[4].url: missing", "11 notify.command: absolute path", "12 notify.on[0]: one of problems, incidents"}},
	{"heartbeats", minimal + "heartbeats:\n- {name: a, match: x}\n- {name: A, match: '('}\n- {match: x, every: 0s}\n- {name: b}\n- x\n", []string{
		"5 heartbeats[1].name: used twice", "5 heartbeats[1].match: not a valid regular expression", "6 heartbeats[2].name: missing", "6 heartbeats[2].every: longer than 0", "7 heartbeats[3].match: missing", "8 heartbeats[4]: expected a mapping"}},

	{"alerts", "alerts:\n  match: []\n  from: [x, '@', 'a b@c', '<a@b>', '']\n" + minimal, []string{
		"2 alerts.match: no mail would", "3 alerts.from[0]: not an address", "3 alerts.from[1]: not an address", "3 alerts.from[2]: not an address", "3 alerts.from[3]: not an address", "3 alerts.from[4]: empty"}},

	{"window", minimal + "window:\n  before: 40m\n  after: 30m\n", []string{"3 window: before (40m) and after (30m) together are longer than max (1h)"}},
	{"window max", minimal + "window:\n  before: 0s\n  max: 10m\ncooldown: 5\nagain: 1y\nkeep: {age: 99999d}\n", []string{
		"4 window.before: longer than 0", "6 cooldown: not a duration", "7 again: not a duration", "8 keep.age: ten years"}},
	{"logs", "logs:\n  dir: log\n  families: [a, A, 'b/c']\n" + minimal, []string{"2 logs.dir: absolute path", "3 logs.families[1]: used twice", "3 logs.families[2]: starts with"}},
	{"logs of a host", hosts("{name: c1, address: x, logs: {dir: /a/../b, families: []}}"), []string{"4 sites[0].hosts[0].logs.dir: absolute path", "4 sites[0].hosts[0].logs.families: nothing would"}},
	{"ring", minimal + "ring:\n  every: 0s\n  max_size: 1GB\n", []string{"4 ring.every: at least 1s", "5 ring.max_size: not a size"}},
	{"ring of a host", hosts("{name: c1, address: x, ring: {enabled: true, keep: 1s, max_size: 0}}"), []string{
		"4 sites[0].hosts[0].ring: shorter than every", "4 sites[0].hosts[0].ring.max_size: at least 16MiB"}},
	{"the file's faults are not the hosts'", "ssh: {key: {file: id_ecdsa}, user: ''}\nlogs: {families: []}\nring: {keep: 0s}\n" + site, []string{"1 ssh.user: empty", "2 logs.families: nothing", "3 ring.keep: longer than 0"}},
	{"deep", strings.Repeat("[", 5000), []string{"1 : invalid YAML"}},
	{"deeper", strings.Repeat("[", 20000), []string{"1 : exceeded max depth"}},
	{"deep at a key", minimal + "store: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "\nx: 1\n", []string{"3 store: expected a single value", "4 x: unknown key"}},
	{"deep lists", "a: x\n" + strings.Repeat("- ", 5000), []string{"2 : invalid YAML"}},
	{"long key", minimal + strings.Repeat("k", 200) + ": 1\n", []string{"3 " + strings.Repeat("k", 40) + "...: unknown key"}},
	{"long value", minimal + "store: " + strings.Repeat("k", 5000) + "\n", []string{"3 store: longer than 4096"}},
	{"indented", minimal + "ring:\n" + strings.Repeat(" ", 300) + "every: 0s\n", []string{"4 ring.every: at least 1s"}},
	{"many words", strings.Repeat("- a\n", 40000), []string{"1 : expected a mapping, got a list"}},
	{"many lines", minimal + "store: |\n" + strings.Repeat("\n", 1_000_000), []string{"3 store: the value is empty"}},
	{"large", strings.Repeat("#", maxFile+1), []string{"1 : larger than 1 MiB"}},
}

func TestFaults(t *testing.T) {
	dir := folder(t)
	for _, c := range faultCases {
		t.Run(c.name, func(t *testing.T) {
			file := put(t, dir, "grab.yaml", c.text)
			cfg, err := Load(file)
			var faults Faults
			if !errors.As(err, &faults) || cfg != nil {
				t.Fatalf("Load: %v, %v", cfg, err)
			}
			matchFaults(t, faults, c.want)
			lines := slices.DeleteFunc(strings.Split(err.Error(), "\n"), func(line string) bool { return strings.HasPrefix(line, "  ") })
			for i, line := range lines { // but for the excerpts
				if want := fmt.Sprintf("%s:%d: ", file, faults[i].Line); !strings.HasPrefix(line, want) {
					t.Errorf("%q does not begin with %q", line, want)
				}
			}
		})
	}
}

// matchFaults wants each fault of want once and no other, in the order of lines.
func matchFaults(t *testing.T, faults Faults, want []string) {
	t.Helper()
	left := append(Faults(nil), faults...)
	for _, w := range want {
		where, what, _ := strings.Cut(w, ": ")
		found := false
		for i, f := range left {
			if fmt.Sprintf("%d %s", f.Line, f.Path) == where && strings.Contains(f.What, what) {
				left = append(left[:i], left[i+1:]...)
				found = true
				break
			}
		}
		if !found {
			t.Errorf("lacks %q", w)
		}
	}
	for _, f := range left {
		t.Errorf("not expected: %d %s: %s", f.Line, f.Path, f.What)
	}
	for i := 1; i < len(faults); i++ {
		if faults[i].Line < faults[i-1].Line {
			t.Errorf("line %d after line %d", faults[i].Line, faults[i-1].Line)
		}
	}
}

func TestOpenSecret(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // access lists there
	}
	_, err := load(t, "ssh:\n  key: {file: open.secret}\n"+site)
	if err == nil || !strings.Contains(err.Error(), "grab.yaml:2: ssh.key: ") || !strings.Contains(err.Error(), "open.secret can be read by others (mode 0644): chmod 600 ") {
		t.Errorf("a secret that others can read: %v", err)
	}
}

// systemd's credentials may look group-readable, for their access list does.
func TestCredentials(t *testing.T) {
	dir := folder(t)
	key := filepath.Join(dir, "id_ecdsa")
	file := put(t, dir, "grab.yaml", minimal)
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	for mode, ok := range map[os.FileMode]bool{0o400: true, 0o440: true, 0o600: true, 0o444: runtime.GOOS == "windows", 0o460: runtime.GOOS == "windows"} {
		if err := os.Chmod(key, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(file); (err == nil) != ok {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

// What stands where a secret does not belong is never repeated.
func TestFaultsHideSecrets(t *testing.T) {
	for _, text := range []string{
		"ssh: {password: hunter2}", "ssh: {password: [hunter2]}", "ssh: {password: {hunter2}}", "ssh: {password: {hunter2: file}}", "ssh: {password: {env: hunter-2, file: {hunter2: hunter2}}}",
		"ssh: {password: {env: 'hunter2 '}}", "ssh: {password: !hunter2 x}", "ssh: {password: *hunter2}", "ssh: {password: hunter2: x}", "ssh: {password: \"hunter2}", "ssh: {password: 'hunter2}",
		"ssh: {key: {agent: 'SHA256:hunter2'}}", "ssh:\n  password: |\n    hunter2\n", "ssh:\n  password:\n    hunter2: \n  - x\n", "ssh: {password: {? hunter2 : x}}", "ssh: {password: {file: [hunter2]}}", "ssh: {password: {hunter2: 1, hunter2: 2}}", "ssh:\n  password: @hunter2",
	} {
		_, err := load(t, text+"\n"+site)
		if err == nil || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
