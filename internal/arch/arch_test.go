package arch

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "rtmtgrab"

// rules say who may not import what, in the program itself. A pattern ends in
// "/" for everything below it.
var rules = []struct {
	what   string
	except []string // packages that may; empty if only is set
	only   []string // packages that may not; empty if except is set
	below  string   // all packages below it may, besides except
}{
	{what: module + "/mailwatch", only: []string{"fetch", "bundle", "internal/incident", "internal/incident/triage", "internal/incident/runner"}},
	{what: module + "/fetch", only: []string{"mailwatch", "bundle", "internal/incident", "internal/incident/triage", "internal/incident/runner"}},
	{what: module + "/bundle", only: []string{"mailwatch", "fetch", "internal/incident", "internal/incident/triage", "internal/incident/runner"}},
	{what: module + "/internal/incident", only: []string{"mailwatch", "fetch", "bundle"}},
	{what: module + "/internal/incident/", only: []string{"mailwatch", "fetch", "bundle", "internal/incident", "internal/collector/notify/channel", "internal/proof"}},
	{what: module + "/internal/incident/triage", only: []string{"internal/incident/runner"}},
	{what: module + "/internal/incident/runner", only: []string{"internal/incident/triage"}},
	{what: module + "/internal/incident/incidenttest", except: []string{}},
	{what: module + "/internal/config", only: []string{"mailwatch", "fetch", "bundle", "internal/incident", "internal/incident/triage", "internal/incident/runner"}},
	{what: module + "/internal/oauth", only: []string{"mailwatch", "fetch", "bundle", "internal/incident", "internal/incident/triage", "internal/incident/runner", "internal/config"}},
	{what: "golang.org/x/oauth2", except: []string{"internal/oauth"}},
	{what: "golang.org/x/oauth2/", except: []string{"internal/oauth"}},
	{what: "github.com/golang-jwt/", except: []string{"internal/oauth"}},
	{what: "net", only: []string{"internal/collector/health/status", "bundle", "bundle/custody", "bundle/seal", "bundle/seal/envelope", "internal/mailauth", "internal/expressway", "internal/registration", "internal/registration/logs", "internal/registration/wire", "internal/registration/phone", "internal/registration/judge", "internal/registration/hear", "internal/registration/cucmlog", "internal/cucmtrace", "internal/evidence", "internal/export"}},
	{what: "net/http", only: []string{"bundle", "bundle/custody", "bundle/seal", "bundle/seal/envelope", "internal/expressway", "internal/registration", "internal/registration/logs", "internal/registration/wire", "internal/registration/phone", "internal/registration/judge", "internal/registration/hear", "internal/registration/cucmlog", "internal/cucmtrace", "internal/evidence", "internal/export"}},
	{what: "filippo.io/age", except: []string{"bundle/seal/envelope"}},
	{what: "filippo.io/age/", except: []string{"bundle/seal/envelope"}},
	{what: "github.com/emersion/go-imap/", except: []string{"mailwatch", "internal/lab", "internal/lab/rtmt"}},
	{what: "github.com/emersion/go-msgauth/", except: []string{"internal/mailauth"}},
	{what: "github.com/emersion/go-smtp", except: []string{"internal/smtpout"}},
	{what: module + "/internal/config", only: []string{"internal/smtpout", "internal/collector/notify/channel", "internal/proof"}},
	{what: module + "/internal/incident", only: []string{"internal/collector/notify/channel", "internal/proof"}},
	{what: "golang.org/x/crypto/ssh", except: []string{"bundle/seal/envelope", "internal/sshdial", "fetch/hostconn", "internal/lab", "internal/testserver", "internal/app/oneshot", "internal/app/setup", "cmd/grab"}},
	{what: "github.com/pkg/sftp", except: []string{"fetch/hostconn", "internal/lab", "internal/handover/sink/sftp"}},
	{what: "github.com/minio/", except: []string{"internal/handover/sink/s3"}},
	{what: module + "/internal/config", only: []string{"internal/handover/sink", "internal/handover/sink/web", "internal/handover/sink/https", "internal/handover/sink/cxd", "internal/handover/sink/s3", "internal/handover/sink/sftp", "internal/handover/sink/mail"}},
	{what: "github.com/nats-io/", except: []string{"internal/testserver"}, below: "internal/fleet/"},
	{what: "github.com/nats-io/nats-server/", except: []string{"internal/fleet/hubserver"}},
	{what: "github.com/gopacket/", except: []string{"internal/export"}},
	{what: module + "/internal/registration/", except: []string{"internal/registration", "internal/registration/wire", "internal/registration/phone", "internal/registration/judge", "internal/registration/hear", "internal/registration/cucmlog"}},
	{what: module + "/internal/registration/phone", except: []string{"internal/registration", "internal/registration/judge", "internal/registration/hear"}},
	{what: module + "/internal/registration/judge", except: []string{"internal/registration", "internal/registration/hear"}},
	{what: module + "/internal/expressway", only: []string{"internal/registration", "internal/registration/judge", "internal/registration/hear"}},
	{what: module + "/internal/export", except: []string{"internal/app/exporting", "internal/analysis"}},
	{what: module + "/bundle", only: []string{"internal/export"}},
	{what: module + "/internal/sources", only: []string{"internal/export"}},
	{what: "go.yaml.in/yaml/", except: []string{"internal/config", "internal/config/effective"}},
	{what: "github.com/spf13/", except: []string{"cmd/grab", "internal/app/hubcmd", "internal/app/usage", "internal/release/manual"}},
	{what: "github.com/prometheus/", except: []string{"internal/collector/health", "internal/fleet/sight"}},
	{what: "golang.org/x/sys/windows/svc", except: []string{"internal/collector/winservice"}},
	{what: "golang.org/x/sys/windows/svc/", except: []string{"internal/collector/winservice"}},
	{what: module + "/internal/collector/winservice", except: []string{"cmd/grab"}},
	{what: module + "/internal/collector", only: []string{"internal/collector/winservice"}},
	{what: "os/signal", except: []string{"cmd/grab"}},
	{what: module + "/internal/collector/control", except: []string{"cmd/grab", "internal/collector", "internal/app/remote", "internal/advice"}},
	{what: module + "/internal/lab", except: []string{"internal/app/demo", "internal/lab/mra", "internal/lab/scenario", "internal/testsite", "fetch/internal/fetchtest"}},
	{what: module + "/internal/lab/timeline", except: []string{"internal/lab", "internal/lab/mra"}},
	{what: module + "/internal/lab/mra", except: []string{"internal/app/demo", "internal/lab/cucmlab", "internal/lab/rtmt", "internal/lab/scenario"}},
	{what: module + "/internal/lab/cucmlab", except: []string{"internal/app/demo"}},
	{what: module + "/internal/lab/prtlab", except: []string{"internal/app/demo"}},
	{what: module + "/internal/lab/scenario", except: []string{}},
	{what: module + "/internal/lab/rtmt", except: []string{"internal/app/demo", "internal/testserver", "internal/testsite"}},
	{what: module + "/fetch/internal/", except: []string{}},
	{what: module + "/fetch/hostconn/hostcmd", except: []string{"fetch/hostconn", "internal/lab"}},
	{what: module + "/internal/testserver", except: []string{"internal/testsite"}},
	{what: module + "/internal/testsite", except: []string{}},
	{what: module + "/cmd/", except: []string{}},
	{what: "testing", except: []string{"internal/testrace", "internal/testserver", "internal/testsite", "internal/incident/incidenttest", "fetch/internal/fetchtest", "fetch/internal/grabtest"}},
	{what: "C", except: []string{}},
}

// imports maps each package of the program, by its folder, to what it imports.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	root := filepath.Join("..", "..")
	all := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if _, err := os.Stat(filepath.Join(path, "go.mod")); d.IsDir() && path != root && err == nil {
			return fs.SkipDir // another module is no part of the program
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(rel)
		for _, i := range f.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			all[pkg] = append(all[pkg], name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestImports(t *testing.T) {
	all := imports(t)
	if len(all) < 10 {
		t.Fatalf("only %d packages were found", len(all))
	}
	for pkg, names := range all {
		for _, name := range names {
			for _, r := range rules {
				if name != r.what && !(strings.HasSuffix(r.what, "/") && strings.HasPrefix(name, r.what)) {
					continue
				}
				if slices.Contains(r.only, pkg) || r.only == nil && !(r.below != "" && strings.HasPrefix(pkg, r.below)) && !slices.Contains(r.except, pkg) && module+"/"+pkg != r.what {
					t.Errorf("%s imports %s", pkg, name)
				}
			}
		}
	}
}

// TestExit: only cmd ends the program.
func TestExit(t *testing.T) {
	root := filepath.Join("..", "..")
	for pkg := range imports(t) {
		if strings.HasPrefix(pkg, "cmd/") {
			continue
		}
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pkg), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(f, "_test.go") && (strings.Contains(string(b), "os.Exit(") || strings.Contains(string(b), "log.Fatal")) {
				t.Errorf("%s ends the program", f)
			}
		}
	}
}
