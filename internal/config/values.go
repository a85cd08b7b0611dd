package config

import (
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"

	"rtmtgrab/internal/config/scalar"
)

func (d *decoder) path(s string) string {
	if filepath.IsAbs(s) {
		return filepath.Clean(s)
	}
	return filepath.Join(d.base, s)
}

// once compiles an expression when it is first asked for: one that counts to hundreds takes a
// millisecond, and most programs that start have no use for it.
func once(re string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(re) })
}

var envRE = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// secret decodes {file: NAME} or {env: NAME}.
func (d *decoder) secret(n *yaml.Node, path string) Secret {
	return d.key(n, path, "{file: NAME} or {env: NAME}", "file", "env").Secret
}

// key decodes the one key and value that say where a secret is. It quotes nothing of
// them: the secret itself may stand there.
func (d *decoder) key(n *yaml.Node, path, forms string, keys ...string) (k Key) {
	switch {
	case n.Kind != yaml.MappingNode:
		d.bad(path, "the secret itself must not be here: write %s", forms)
		return k
	case len(n.Content) != 2:
		d.bad(path, "write exactly one of %s", forms)
		return k
	case !slices.Contains(keys, n.Content[0].Value) || marked(n.Content[0]):
		d.badAt(n.Content[0].Line, path, "unknown key (not shown, as it may be a secret): write %s", forms)
		return k
	}

	form, value := n.Content[0], ""
	at := join(path, form.Value)
	d.lines[at] = form.Line
	d.value(n.Content[1], at, reflect.ValueOf(&value).Elem(), "")
	switch {
	case !d.sound(at):
	case strings.TrimSpace(value) == "":
		d.bad(at, "the value is empty")
	case form.Value == "file":
		k.Secret = SecretFile(d.path(value))
	case form.Value == "env" && envRE.MatchString(value):
		k.Secret = SecretEnv(value)
	case form.Value == "env":
		d.bad(at, "this is not the name of an environment variable (not shown, as it may be a secret)")
	case scalar.Fingerprint(value):
		k.Agent = value
	case strings.HasPrefix(value, "SHA256:"):
		d.bad(at, "this is not a fingerprint: copy it from `ssh-add -l`")
	default:
		k.Agent = d.path(value)
	}
	return k
}
