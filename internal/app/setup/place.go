package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/config/schema"
)

// NewConfig is where a configuration is written if nobody says otherwise: in the present
// folder, on Windows where the service looks for it.
func NewConfig(goos string) string {
	if goos == "windows" {
		return config.SystemPlace()
	}
	return "grab.yaml"
}

// configDir makes a folder for a configuration. A group may read both, for neither holds
// a secret: members of socket.group find the watcher by it.
func configDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := atomicfile.MkdirAll(dir); err != nil {
		return err
	}
	return os.Chmod(dir, 0o750)
}

// placeSchema writes what the first line of the configuration names, for editors.
func placeSchema(dir string) error {
	text, err := schema.JSON()
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(dir, schema.FileName), text)
}

// PlaceConfig writes the file, which must be new, and takes it away again if it
// does not load.
func PlaceConfig(path string, text []byte) (*config.Config, error) {
	if err := configDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	_, err = out.Write(text)
	if err = errors.Join(err, out.Sync(), out.Close()); err == nil {
		err = atomicfile.SyncDir(filepath.Dir(path))
	}
	var cfg *config.Config
	if err == nil {
		cfg, err = config.Options{MissingKnownHosts: true}.Load(path)
	}
	if err == nil {
		return cfg, nil
	}
	if rm := os.Remove(path); rm != nil && !errors.Is(rm, fs.ErrNotExist) {
		err = errors.Join(err, rm)
	}
	faults, ok := errors.AsType[config.Faults](err)
	if !ok {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	var lines []string
	for _, f := range faults { // without line numbers: the file is gone
		lines = append(lines, f.Path+": "+f.What)
	}
	return nil, advice.Usage(advice.WithHint(errors.New(strings.Join(lines, "\n")), "nothing was written; correct the answers and run `grab init` again"))
}
