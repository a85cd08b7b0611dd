package main

import (
	"strings"
	"testing"

	"rtmtgrab/internal/advice"
)

// What is typed wrongly is said in the words of the command, not of the libraries.
func TestWrongUsage(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"list --last x":             `--last "x": want a number`,
		"list --last 0":             "--last 0: want 1 or more",
		"now --patience x":          `--patience "x": want a duration such as 90s, 20m or 2h`,
		"now --at":                  "--at wants a value",
		"now -x":                    "unknown flag: -x",
		"verify":                    "missing BUNDLE\n",
		"export --pcapng f":         "missing BUNDLE|DIR|FILE\n",
		"reset":                     "missing INCIDENT\n",
		"case":                      "missing INCIDENT\n",
		"case a b c":                `grab case takes INCIDENT and NUMBER: "c" is too much`,
		"send a b --to x":           `grab send takes one BUNDLE: "b" is too much`,
		"retry a b":                 `grab retry takes one INCIDENT: "b" is too much`,
		"drill a b":                 `grab drill takes one SITE: "b" is too much`,
		"status extra":              `grab status takes no arguments: "extra"`,
		"status --fleet --check":    "--check and --fleet do not go together\n",
		"list --fleet --alerts":     "--alerts and --fleet do not go together\n",
		"completion foo":            `unknown command "foo" for "grab completion"`,
		"help lst":                  "did you mean `grab list`?",
		"help quarantine releas":    "did you mean `grab quarantine release`?",
		"show @last -c nosuch.yaml": "nosuch.yaml",
	} {
		r := runGrab(strings.Fields(line)...)
		if r.code != advice.BadUsage || !strings.Contains(r.err, want) || strings.Contains(r.err, "strconv") || strings.Contains(r.err, "arg(s)") || strings.Contains(r.err, "stat @last") {
			t.Errorf("%s: want %q: %s", line, want, r)
		}
	}
	if r := runGrab("help", "list"); r.code != advice.OK || !strings.Contains(r.out, "--verdict") {
		t.Errorf("%s", r)
	}
}
