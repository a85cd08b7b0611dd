package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rtmtgrab/internal/incident"
)

// eachCommand calls do for every command that people see.
func eachCommand(cmd *cobra.Command, do func(*cobra.Command)) {
	if cmd.Hidden || cmd.Name() == "help" {
		return
	}
	do(cmd)
	for _, c := range cmd.Commands() {
		eachCommand(c, do)
	}
}

// words are those of a line as a shell takes them, which may stand in single quotes.
func words(line string) (list []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			list = append(list, part)
		} else {
			list = append(list, strings.Fields(part)...)
		}
	}
	if i := slices.IndexFunc(list, func(w string) bool { return strings.HasPrefix(w, ">") }); i >= 0 {
		list = list[:i] // where its output goes
	}
	return list
}

// Every command has at least three examples, of itself or what is below it, and each is
// taken by the parser of the command that it names.
func TestExamples(t *testing.T) {
	t.Parallel()
	seen := 0
	eachCommand((&app{}).root(), func(c *cobra.Command) {
		seen++
		if c.Parent() == c.Root() && c.Parent() != nil && c.GroupID == "" {
			t.Errorf("%s is in no group of `grab help`", c.CommandPath())
		}
		lines := strings.Split(strings.TrimSpace(c.Example), "\n")
		if len(lines) < 3 || lines[0] == "" {
			t.Errorf("%s has %d examples, want 3: put them into examples.txt", c.CommandPath(), len(lines))
			return
		}
		if slices.Sort(lines); len(slices.Compact(lines)) < 3 {
			t.Errorf("%s has the same example twice", c.CommandPath())
		}
		for _, line := range lines {
			args := words(line)
			if len(args) < 2 || args[0] != "grab" {
				t.Errorf("%s: %q is not a command", c.CommandPath(), line)
				continue
			}
			cmd, rest, err := (&app{}).root().Find(args[1:])
			if err == nil && cmd != cmd.Root() && cmd.CommandPath() != c.CommandPath() && !strings.HasPrefix(cmd.CommandPath(), c.CommandPath()+" ") {
				t.Errorf("%s: %q is an example of %s", c.CommandPath(), line, cmd.CommandPath())
			}
			if err == nil {
				err = cmd.ParseFlags(rest)
			}
			if err == pflag.ErrHelp {
				continue
			}
			if err == nil {
				err = cmd.ValidateArgs(cmd.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s: %q: %v", c.CommandPath(), line, err)
			}
		}
	})
	if seen < 20 {
		t.Errorf("only %d commands", seen)
	}
}

func TestDidYouMean(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "site.zip"), nil)
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"satus"}, 2, "did you mean `grab status`?"},
		{[]string{"quarantine", "relase", "3fa2c1"}, 2, "did you mean `grab quarantine release`?"},
		{[]string{"now", "--pateince", "3s"}, 2, "did you mean --patience?"},
		{[]string{"status", "--jsn"}, 2, "did you mean --json?"},
		{[]string{"zzzzzz"}, 2, "`grab --help` lists the commands"},
		{[]string{"now", "--zzzzzz"}, 2, "`grab now --help` lists the flags"},
		{[]string{"show"}, 2, "`grab show --help` shows examples"},
		{[]string{"verify", filepath.Join(dir, "stie.zip")}, 1, "did you mean site.zip?"},
		{[]string{"report", filepath.Join(dir, "gone", "x.zip")}, 1, "there is no folder"},
		{[]string{"-c", filepath.Join(dir, "gone.yaml"), "check"}, 2, "write one with `grab init`"},
	} {
		r := runGrab(tt.args...)
		if r.code != tt.code || !strings.Contains(r.err, "grab: hint: ") || !strings.Contains(r.err, tt.want) {
			t.Errorf("%v: want %d and %q: %s", tt.args, tt.code, tt.want, r)
		}
	}
}

func TestVersionFlag(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"--json"}} {
		flag, cmd := runGrab(append(args, "--version")...), runGrab(append(args, "version")...)
		if flag != cmd || flag.code != 0 || flag.out == "" {
			t.Errorf("%s\n%s", flag, cmd)
		}
	}
}

// A shell is offered hosts, sites and incidents. Nobody is asked for them: nothing answers
// at the hosts' addresses, no watch runs, and no file of a secret is there.
func TestCompletion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "grab.yaml")
	writeFile(t, path, []byte(`store: store
ssh: {key: {file: none}, known_hosts: none}
sites:
  - {name: hq, hosts: [{name: expc01, role: C, address: "192.0.2.1"}, {name: expe01, role: E, address: "192.0.2.2"}]}
  - {name: lab, clusters: [Lab], hosts: [{name: labc, role: C, address: "192.0.2.3"}]}
`))
	const id = "20260302T141407Z-hq-3fa2c1"
	if err := os.MkdirAll(filepath.Join(dir, "store", "incidents", id), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args string
		want []string
		not  string
	}{
		{"now ", []string{"expc01\tC 192.0.2.1:22", "expe01", "labc", ":4"}, id},
		{"now expc01 ", []string{"expe01"}, "expc01\t"},
		{"check ", []string{"labc"}, id},
		{"trust ", []string{"labc"}, id},
		{"now --site ", []string{"hq\texpc01, expe01", "lab", ":4"}, "expc01\tC"},
		{"pause --site ", []string{"hq"}, id},
		{"resume --site ", []string{"lab"}, id},
		{"list --site ", []string{"lab", ":4"}, id},
		{"list --verdict ", []string{"came_back_by_keepalive", ":4"}, id},
		{"show ", []string{"@last", id, ":0"}, "expc01"},
		{"verify ", []string{"@last", id, ":0"}, "expc01"},
		{"report ", []string{"@last", id, ":0"}, "expc01"},
		{"export ", []string{"@last", id, ":0"}, "expc01"},
		{"drill ", []string{"hq\texpc01, expe01", ":4"}, id},
		{"retry ", []string{"@last", id, ":4"}, "expc01"},
		{"stat", []string{"status"}, id},
	} {
		r := runGrab(append([]string{"__complete", "-c", path}, strings.Split(tt.args, " ")...)...)
		for _, want := range tt.want {
			if !strings.Contains(r.out, want) {
				t.Errorf("%q: no %q in %s", tt.args, want, r)
			}
		}
		if r.code != 0 || strings.Contains(r.out, tt.not) {
			t.Errorf("%q: %q in %s", tt.args, tt.not, r)
		}
	}
	if r := runGrab("__complete", "now", "-c", filepath.Join(dir, "gone"), ""); r.code != 0 || !strings.Contains(r.out, ":4") {
		t.Errorf("without a configuration: %s", r)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if r := runGrab("completion", shell); r.code != 0 || !strings.Contains(r.out, "__complete") {
			t.Errorf("%s: exit %d", shell, r.code)
		}
	}
}

// What the examples of `grab pause` name is all that it wants.
func TestPauseExamples(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := filepath.Join(dir, "grab.yaml")
	if err := os.WriteFile(cfg, []byte("store: store\nssh: {password: {env: NONE}}\nsites: [{name: hq, hosts: [{name: expc01, role: C, address: 127.0.0.1}]}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := incident.OpenStore(filepath.Join(dir, "store")); err != nil {
		t.Fatal(err)
	}
	pause, _, err := (&app{}).root().Find([]string{"pause"})
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(pause.Example) {
		if r := runGrab(append([]string{"-c", cfg}, words(strings.TrimSpace(line))[1:]...)...); r.code != 0 {
			t.Errorf("%s: %d %s", strings.TrimSpace(line), r.code, r.err)
		}
	}
}
