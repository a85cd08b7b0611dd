package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// manifests are what winget and scoop read, by their schemas in testdata.
var manifests = map[string]string{
	"winget/rtmtgrab.grab.yaml":              "winget.version",
	"winget/rtmtgrab.grab.installer.yaml":    "winget.installer",
	"winget/rtmtgrab.grab.locale.en-US.yaml": "winget.locale.en-US",
	"scoop/grab.json":                        "scoop",
}

// manifestFaults are what is wrong with the manifests in a folder of a release.
func manifestFaults(t *testing.T, dist, version string) (faults []string) {
	t.Helper()
	for name, schema := range manifests {
		text, err := os.ReadFile(filepath.Join(dist, name))
		if err != nil {
			faults = append(faults, err.Error())
			continue
		}
		doc, err := document(text)
		if err != nil {
			faults = append(faults, fmt.Sprintf("%s: %v", name, err))
			continue
		}
		if err := jsonSchema(t, schema).Validate(doc); err != nil {
			faults = append(faults, fmt.Sprintf("%s: %v", name, err))
			continue
		}
		for _, fault := range named(dist, version, doc) {
			faults = append(faults, name+": "+fault)
		}
	}
	return faults
}

// document is YAML or JSON as JSON has it.
func document(text []byte) (any, error) {
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		return nil, err
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(data))
}

func jsonSchema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile("testdata/" + name + ".schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// named are faults in what a document names, wherever it names it: another version, a file that the
// release has not, a sum that is not the file's.
func named(dist, version string, v any) (faults []string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			faults = append(faults, named(dist, version, e)...)
		}
	case map[string]any:
		for _, key := range []string{"version", "PackageVersion"} {
			if got, ok := v[key].(string); ok && got != version {
				faults = append(faults, fmt.Sprintf("%s is %s, want %s", key, got, version))
			}
		}
		for url, sum := range map[string]string{"url": "hash", "InstallerUrl": "InstallerSha256"} {
			if at, ok := v[url].(string); ok {
				faults = append(faults, sumFaults(dist, version, at, fmt.Sprint(v[sum]))...)
			}
		}
		for _, e := range v {
			faults = append(faults, named(dist, version, e)...)
		}
	}
	return faults
}

func sumFaults(dist, version, url, sum string) []string {
	name := path.Base(url)
	data, err := os.ReadFile(filepath.Join(dist, name))
	if err != nil {
		return []string{err.Error()}
	}
	got := sha256.Sum256(data)
	if hex.EncodeToString(got[:]) != strings.ToLower(sum) {
		return []string{fmt.Sprintf("the sum of %s is %s, and it has %x", name, sum, got)}
	}
	if !strings.Contains(url, "v"+version+"/") {
		return []string{url + " is not of version " + version}
	}
	return nil
}

// TestManifests: what a release writes for winget and scoop is what they take, and agrees with the
// release. `make release-test` gives it the folder of one.
func TestManifests(t *testing.T) {
	if dist := os.Getenv("GRAB_DIST"); dist != "" {
		for _, fault := range manifestFaults(t, dist, os.Getenv("GRAB_VERSION")) {
			t.Error(fault)
		}
		return
	}

	dist, version := t.TempDir(), "1.2.3"
	for _, name := range []string{"windows_amd64.msi", "windows_amd64.zip", "windows_arm64.zip"} {
		if err := os.WriteFile(filepath.Join(dist, "grab_"+version+"_"+name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("./manifests", dist, "https://example.com/grab/v"+version, "{01234567-89AB-5CDE-8F01-23456789ABCD}")
	cmd.Env = append(os.Environ(), "GRAB_VERSION="+version, "GRAB_DATE=2026-03-02T14:14:07Z", "GRAB_HOME_URL=https://example.com/grab", "SOURCE_DATE_EPOCH=1772460847")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if faults := manifestFaults(t, dist, version); len(faults) > 0 {
		t.Fatalf("%q", faults)
	}

	for _, tt := range []struct{ name, old, new, want string }{
		{"scoop/grab.json", `"hash": "`, `"hash": "0`, "scoop/grab.json"},
		{"scoop/grab.json", `"version": "1.2.3"`, `"version": "1.2.4"`, "want 1.2.3"},
		{"winget/rtmtgrab.grab.installer.yaml", "windows_amd64.msi", "windows_arm64.zip", "the sum of grab_1.2.3_windows_arm64.zip is"},
		{"winget/rtmtgrab.grab.installer.yaml", "/v1.2.3/", "/v1.2.2/", "not of version"},
		{"winget/rtmtgrab.grab.installer.yaml", "Scope: machine", "Scope: everywhere", "Scope"},
		{"winget/rtmtgrab.grab.locale.en-US.yaml", "License: Apache-2.0\n", "", "License"},
		{"winget/rtmtgrab.grab.yaml", "1.12.0\n", "1.12.0\nMore: 1\n", "More"},
	} {
		file := filepath.Join(dist, tt.name)
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, bytes.Replace(whole, []byte(tt.old), []byte(tt.new), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		if faults := manifestFaults(t, dist, version); len(faults) == 0 || !strings.Contains(strings.Join(faults, "\n"), tt.want) {
			t.Errorf("%s with %q in place of %q: said %q", tt.name, tt.new, tt.old, faults)
		}
		if err := os.WriteFile(file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
