package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"time"
)

const maxFile = 1 << 20

// Options leave out faults that do not concern a command. The zero value leaves
// out none.
type Options struct {
	// MissingKnownHosts accepts that known_hosts files are not there yet: for
	// the commands that write them (trust, init).
	MissingKnownHosts bool
	// MissingSecrets accepts that secrets and agent key files are missing,
	// unreadable or open to others: for commands that log in nowhere.
	MissingSecrets bool
}

// Load reads and judges the file at path. What is wrong with its contents comes
// as Faults; a file that cannot be read as another error.
func Load(path string) (*Config, error) { return Options{}.Load(path) }

// Load is Load with some faults left out.
func (o Options) Load(path string) (*Config, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	f, err := openRegular(abs)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return o.parse(path, abs, data)
}

// parse is Load of contents. file is the name for faults; relative paths are
// relative to the folder of abs.
func (o Options) parse(file, abs string, data []byte) (*Config, error) {
	base := filepath.Dir(abs)
	d := &decoder{
		book: book{file: file, lines: map[string]int{}, failed: map[string]bool{}, misfit: map[string]bool{}},
		base: base,
		blank: map[reflect.Type]reflect.Value{
			reflect.TypeFor[Mail]():  reflect.ValueOf(defaultMail()),
			reflect.TypeFor[Jump]():  reflect.ValueOf(defaultJump()),
			reflect.TypeFor[Quiet](): reflect.ValueOf(defaultQuiet()),
			reflect.TypeFor[SMTP]():  reflect.ValueOf(SMTP{TLS: TLSImplicit}), reflect.TypeFor[Canary](): reflect.ValueOf(defaultCanary()), reflect.TypeFor[Notify](): reflect.ValueOf(defaultNotify()),
			reflect.TypeFor[Webhook](): reflect.ValueOf(Webhook{Template: "json"}), reflect.TypeFor[Heartbeat](): reflect.ValueOf(Heartbeat{Every: 25 * time.Hour}),
		},
	}
	cfg := defaults(base)
	cfg.Path = abs
	root, ok := d.tree(data)
	if !ok {
		return nil, d.sorted()
	}
	d.value(root, "", reflect.ValueOf(&cfg).Elem(), "")
	d.sites(&cfg)
	c := &checker{book: &d.book, opts: o, cfg: &cfg}
	c.all()
	if err := d.sorted(); err != nil {
		return nil, err
	}
	return &cfg, nil
}

// ErrNotFound says that no configuration file lies at any of the usual places.
var ErrNotFound = errors.New("no configuration file")

// Find is the path of the configuration: explicit if it is not empty, else
// $GRAB_CONFIG, ./grab.yaml, /etc/grab/grab.yaml (on Windows
// %ProgramData%\grab\grab.yaml). Its error names every place looked at; it is
// ErrNotFound unless the file was named.
func Find(explicit string) (string, error) {
	if explicit != "" {
		return named(explicit, "")
	}
	if env := os.Getenv("GRAB_CONFIG"); env != "" {
		return named(env, " (named by GRAB_CONFIG)")
	}
	system := SystemPlace()
	places := []string{"grab.yaml", system}
	for _, p := range places {
		switch _, err := os.Stat(p); {
		case err == nil && p == system:
			return p, vouched(p)
		case err == nil:
			return p, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("find configuration: %w", err)
		}
	}
	wd, _ := os.Getwd()
	places[0] = filepath.Join(wd, places[0])
	return "", fmt.Errorf("%w: looked at $GRAB_CONFIG (not set), %s", ErrNotFound, strings.Join(places, ", "))
}

// SystemPlace is where the configuration of a service lies: /etc/grab/grab.yaml, on
// Windows %ProgramData%\grab\grab.yaml.
func SystemPlace() string {
	if runtime.GOOS == "windows" {
		return filepath.Join(programData(), "grab", "grab.yaml")
	}
	return "/etc/grab/grab.yaml"
}

func named(path, by string) (string, error) {
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("find configuration%s: %w", by, err)
	}
	return path, nil
}

// lineOf is the line, from 1, in which the byte at offset lies.
func lineOf(data []byte, offset int) int { return 1 + bytes.Count(data[:offset], []byte("\n")) }
