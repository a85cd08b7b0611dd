package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"rtmtgrab/internal/access"
	"rtmtgrab/internal/config/secret"
	"runtime"
	"strings"
)

// Options leave out faults that do not concern a command. The zero value leaves
// out none.
type Options struct {
	// MissingKnownHosts accepts that known_hosts files are not there yet: for
	// the commands that write them (trust, init).
	MissingKnownHosts bool
	// MissingSecrets accepts that secrets and agent key files are missing,
	// unreadable or open to others: for commands that log in nowhere.
	MissingSecrets bool
	// Reading accepts besides that the configuration, the store and known_hosts belong to
	// another user, and that this one may not read what it names: for commands that show
	// something, log in nowhere and change nothing.
	Reading bool
}

// Load reads and judges the file at path. What is wrong with its contents comes
// as Faults; a file that cannot be read as another error.
func Load(path string) (*Config, error) { return Options{}.Load(path) }

// Load is Load with some faults left out.
func (o Options) Load(path string) (*Config, error) {
	abs, data, err := read(path)
	if err != nil {
		return nil, err
	}
	if o.Reading {
		return o.reading().parse(path, abs, data)
	}
	if err := access.Trusted(abs, false); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	cfg, err := o.parse(path, abs, data)
	if err != nil {
		return nil, err
	}
	if err := trusted(cfg); err != nil {
		return nil, err
	}
	return cfg, nil
}

// reading is o with what somebody who only reads need not have.
func (o Options) reading() Options {
	o.MissingKnownHosts, o.MissingSecrets = true, true
	return o
}

// Explain is Load for reading, with the line of each key that the file gives, by its path,
// such as sites[0].hosts[1].address.
func Explain(path string) (*Config, map[string]int, error) {
	abs, data, err := read(path)
	if err != nil {
		return nil, nil, err
	}
	return Options{Reading: true}.reading().explain(path, abs, data)
}

// Parse judges what would be the file at path. Relative paths in it are relative to its folder.
func (o Options) Parse(path string, data []byte) (*Config, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return o.parse(path, abs, data)
}

// read is the absolute path and the contents of a file, as far as parseTree looks at them.
func read(path string) (abs string, data []byte, err error) {
	if abs, err = filepath.Abs(path); err != nil {
		return "", nil, fmt.Errorf("read configuration: %w", err)
	}
	f, err := secret.OpenRegular(abs)
	if err != nil {
		return abs, nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	if data, err = io.ReadAll(io.LimitReader(f, maxFile+1)); err != nil {
		return abs, nil, fmt.Errorf("read configuration: %w", err)
	}
	return abs, data, nil
}

// parse is explain without the lines.
func (o Options) parse(file, abs string, data []byte) (*Config, error) {
	cfg, _, err := o.explain(file, abs, data)
	return cfg, err
}

// explain is Explain of contents. file is the name for faults; relative paths are
// relative to the folder of abs.
func (o Options) explain(file, abs string, data []byte) (*Config, map[string]int, error) {
	cfg := defaults(filepath.Dir(abs))
	cfg.Path = abs
	d := &decoder{book: newBook(file), base: filepath.Dir(abs), cfg: &cfg}
	root := parseTree(&d.book, data)
	if root == nil {
		return nil, nil, d.sorted()
	}
	d.value(root, "", reflect.ValueOf(&cfg).Elem(), "")
	inheritLogins(&d.book, &cfg)
	c := &checker{book: &d.book, opts: o, cfg: &cfg}
	checkAll(c)
	if err := d.sorted(); err != nil {
		return nil, nil, err
	}
	return &cfg, d.lines, nil
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
		return named(env, " (named by $GRAB_CONFIG)")
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
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err
		}
		return "", fmt.Errorf("configuration %s%s: %w", path, by, err)
	}
	return path, nil
}
