package config

import (
	"net/url"
	"strings"

	"go.yaml.in/yaml/v4"

	"rtmtgrab/internal/config/secret"
)

// A Value is text, or a Secret. It is printed like a Secret.
type Value struct{ Secret }

// value decodes text, or a Secret.
func (d *decoder) textOrSecret(n *yaml.Node, path string, to *Value) {
	if n.Kind == yaml.MappingNode {
		to.Secret = d.secret(n, path)
		return
	}
	var s string
	d.string(n, path, &s, "")
	switch {
	case !d.sound(path):
	case strings.TrimSpace(s) == "":
		d.bad(path, "the value is empty")
	default:
		to.Secret = NewSecret(s)
	}
}

// A Proxy is the HTTP proxy by which a server is reached.
type Proxy = secret.Proxy

// NoProxy is the text for the direct way, whatever the environment says.
const NoProxy = "none"

func (d *decoder) proxy(n *yaml.Node, path string, to *Proxy) {
	if n.Kind == yaml.MappingNode {
		to.Secret = d.secret(n, path)
		return
	}
	s, ok := d.scalar(n, path)
	if !ok {
		return
	}
	if what := CheckProxy(s); what != "" {
		d.bad(path, "%s", what)
	} else if u, err := url.Parse(s); err == nil && u.User != nil {
		d.bad(path, "the password of a proxy must not be here: write {file: NAME} or {env: NAME} with the whole URL in it")
	}
	to.Secret = secret.Text(s)
}

// CheckProxy says why a text is not a proxy, or "". It quotes nothing of it.
func CheckProxy(s string) string {
	if s == NoProxy {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5" || hostPort(u) == "" || strings.Trim(u.Path, "/") != "" {
		return "this is not a proxy: write http://HOST:PORT, https://HOST:PORT, socks5://HOST:PORT, or none"
	}
	return ""
}
