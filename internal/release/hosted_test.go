package release

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// hosted is what is looked at of .github/workflows/ci.yml.
type hosted struct {
	Permissions map[string]string
	Jobs        map[string]struct {
		Permissions map[string]string
		Timeout     int `yaml:"timeout-minutes"`
		Needs       []string
		Steps       []struct {
			Uses, Run string
			With      map[string]any
		}
	}
}

var (
	pinned = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)
	runs   = regexp.MustCompile(`^(?:\.ci/[\w-]+|make(?: [\w-]+)+)$`)
)

// faults are what a hosted CI file does that it should not: call what is no target of the Makefile, trust
// an action that may change, have more rights than to read.
func (h hosted) faults(targets []string) (faults []string) {
	if !maps.Equal(h.Permissions, map[string]string{"contents": "read"}) {
		faults = append(faults, "its permissions are not to read contents alone")
	}
	for name, job := range h.Jobs {
		if job.Permissions != nil || job.Timeout == 0 {
			faults = append(faults, name+": has permissions of its own, or no timeout-minutes")
		}
		for _, need := range job.Needs {
			if _, found := h.Jobs[need]; !found {
				faults = append(faults, name+": needs "+need+", which is no job")
			}
		}
		for _, step := range job.Steps {
			switch {
			case step.Uses != "" && !pinned.MatchString(step.Uses):
				faults = append(faults, name+": "+step.Uses+" is not pinned by a commit")
			case strings.HasPrefix(step.Uses, "actions/checkout@") && step.With["persist-credentials"] != false:
				faults = append(faults, name+": the checkout leaves credentials behind")
			case step.Uses == "" && !runs.MatchString(step.Run):
				faults = append(faults, name+": runs "+step.Run+", want .ci/run or make and targets")
			case strings.HasPrefix(step.Run, "make "):
				for _, target := range strings.Fields(step.Run)[1:] {
					if !slices.Contains(targets, target) {
						faults = append(faults, name+": make has no "+target)
					}
				}
			case step.Run != "":
				if _, err := os.Stat(filepath.Join("../..", step.Run)); err != nil {
					faults = append(faults, name+": "+err.Error())
				}
			}
		}
	}
	return faults
}

// makeTargets are those that the Makefile has.
func makeTargets(t *testing.T) (targets []string) {
	t.Helper()
	text, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^([a-z][a-z -]*):(?:[^=]|$)`).FindAllStringSubmatch(string(text), -1) {
		targets = append(targets, strings.Fields(m[1])...)
	}
	return targets
}

// TestHosted: the hosted CI file calls what is called at home, and can do no more than that.
func TestHosted(t *testing.T) {
	text, err := os.ReadFile("../../.github/workflows/ci.yml")
	if err != nil {
		t.Fatal(err)
	}
	targets := makeTargets(t)
	faults := func(text string) []string {
		var h hosted
		if err := yaml.Unmarshal([]byte(text), &h); err != nil {
			return []string{err.Error()}
		}
		if len(h.Jobs) == 0 {
			return []string{"it has no jobs"}
		}
		return h.faults(targets)
	}
	if f := faults(string(text)); len(f) > 0 {
		t.Errorf("%q", f)
	}

	for _, tt := range []struct{ old, new, want string }{
		{"contents: read", "contents: write", "permissions"},
		{"make cross", "make crosss", "make has no crosss"},
		{"make vuln", "curl https://example.com | sh", "want .ci/run or make"},
		{"run: .ci/run", "run: .ci/gone", "no such file"},
		{"checkout@11bd71901bbe5b1630ceea73d27597364c9af683", "checkout@v4", "not pinned"},
		{"persist-credentials: false", "persist-credentials: true", "credentials"},
		{"timeout-minutes: 60", "permissions: {contents: write}\n    timeout-minutes: 60", "permissions of its own"},
		{"[test, cross]", "[tests]", "which is no job"},
		{"jobs:", "jobs: [", "yaml"},
	} {
		changed := strings.Replace(string(text), tt.old, tt.new, 1)
		if f := strings.Join(faults(changed), "\n"); changed == string(text) || !strings.Contains(f, tt.want) {
			t.Errorf("%q in place of %q: said %q", tt.new, tt.old, f)
		}
	}
}
