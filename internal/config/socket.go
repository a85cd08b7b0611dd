package config

import (
	"errors"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"

	"rtmtgrab/internal/config/scalar"
)

// SocketNone is the Socket.Path of a watch that answers nobody.
const SocketNone = "none"

// Socket is where a running grab watch answers the other commands of its machine.
type Socket struct {
	Path  string `yaml:"path"`  // absolute, or SocketNone; empty: see local.Path
	Group string `yaml:"group"` // whose members may use it, by name or number; empty: the watcher's user alone
}

func checkSocket(c *checker) {
	s := c.cfg.Socket
	if s.Path == "" || s.Path == SocketNone || !c.sound("socket.path") {
		return
	}
	if pipe := strings.HasPrefix(s.Path, `\\.\pipe\`); runtime.GOOS == "windows" && !pipe {
		c.bad("socket.path", `%s is not a named pipe: write \\.\pipe\NAME, or none`, scalar.Quote(s.Path))
	} else if !pipe && !filepath.IsAbs(s.Path) {
		c.bad("socket.path", "%s is not an absolute path: write one, such as /run/grab/grab.sock, or none", scalar.Quote(s.Path))
	}
}

// A Glance is what of a configuration tells where its watcher is to be found.
type Glance struct {
	Path   string // the file, absolute
	Store  string `yaml:"store,path"`
	Socket Socket `yaml:"socket"`
}

// Look reads as much of the file at path as Glance holds and judges nothing: whoever
// may not read what else it names can still ask the watcher that runs by it.
func Look(path string) (Glance, error) {
	abs, data, err := read(path)
	g := Glance{Path: abs, Store: defaultStore()}
	if err != nil {
		return g, err
	}
	d := &decoder{book: newBook(abs), base: filepath.Dir(abs)}
	root := parseTree(&d.book, data)
	if root == nil {
		return g, errors.New("read configuration: invalid YAML")
	}
	d.value(root, "", reflect.ValueOf(&g).Elem(), "") // its faults are for Load to find
	return g, nil
}
