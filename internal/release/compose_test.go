package release

import (
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// composeFaults are what configs/compose.yaml gives away that grab does not need. Whether compose reads
// it is looked at by `make release-test`.
func composeFaults(text string) (faults []string) {
	var file struct {
		Services map[string]struct {
			User        string
			ReadOnly    bool     `yaml:"read_only"`
			CapDrop     []string `yaml:"cap_drop"`
			CapAdd      []string `yaml:"cap_add"`
			SecurityOpt []string `yaml:"security_opt"`
			Privileged  bool
			Volumes     []any
			Secrets     []string
			Healthcheck struct{ Test []string }
		}
	}
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		return []string{err.Error()}
	}
	s := file.Services["grab"]
	for what, ok := range map[string]bool{
		"the root can be written":     s.ReadOnly,
		"capabilities are left":       slices.Equal(s.CapDrop, []string{"ALL"}) && s.CapAdd == nil && !s.Privileged,
		"privileges can be gained":    slices.Contains(s.SecurityOpt, "no-new-privileges:true"),
		"it is not the image's user":  s.User == "65532:65532",
		"the store is no volume":      slices.Contains(s.Volumes, any("store:/var/lib/grab")),
		"no secrets":                  len(s.Secrets) > 0,
		"the health check is another": slices.Equal(s.Healthcheck.Test, []string{"CMD", "/usr/bin/grab", "status", "--check"}),
	} {
		if !ok {
			faults = append(faults, what)
		}
	}
	return faults
}

func TestCompose(t *testing.T) {
	text, err := os.ReadFile("../../configs/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if faults := composeFaults(string(text)); len(faults) > 0 {
		t.Errorf("%q", faults)
	}
	for _, tt := range []struct{ old, new, want string }{
		{"read_only: true\n    cap", "read_only: false\n    cap", "the root can be written"},
		{"cap_drop: [ALL]", "cap_drop: [ALL]\n    cap_add: [NET_ADMIN]", "capabilities are left"},
		{"no-new-privileges:true", "no-new-privileges:false", "privileges can be gained"},
		{`user: "65532:65532"`, `user: "0"`, "it is not the image's user"},
		{"store:/var/lib/grab", "store:/data", "the store is no volume"},
		{"/usr/bin/grab, status", "grab, status", "the health check is another"},
	} {
		changed := strings.Replace(string(text), tt.old, tt.new, 1)
		if faults := composeFaults(changed); changed == string(text) || !slices.Equal(faults, []string{tt.want}) {
			t.Errorf("%q in place of %q: said %q", tt.new, tt.old, faults)
		}
	}
}
