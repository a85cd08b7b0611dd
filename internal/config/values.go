package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"rtmtgrab/internal/evidence"
)

const maxDuration = 3650 * day

var daysRE = regexp.MustCompile(`^([0-9]{1,6}(?:\.[0-9]{1,6})?)d(.*)$`)

// quote shows a value of the file in a fault.
func quote(s string) string { return strconv.Quote(evidence.Printable(s, 60)) }

// ParseDuration reads Go's durations, and days in front: 30d, 1d12h.
func ParseDuration(s string) (time.Duration, error) {
	bad := fmt.Errorf("%s is not a duration: write 2s, 15m, 1h30m or 30d", quote(s))
	var days float64
	rest := s
	if m := daysRE.FindStringSubmatch(s); m != nil {
		days, _ = strconv.ParseFloat(m[1], 64)
		if rest = m[2]; rest == "" {
			rest = "0"
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || rest != s && strings.ContainsAny(rest, "+-") {
		return 0, bad
	}
	switch {
	case d < 0:
		return 0, fmt.Errorf("must not be negative; got %s", quote(s))
	case d > maxDuration || days*float64(day) > float64(maxDuration-d):
		return 0, fmt.Errorf("%s is longer than ten years", quote(s))
	}
	return d + time.Duration(days*float64(day)), nil
}

// Written is a duration as one writes it into the file: 1h30m, not 1h30m0s; 30d, not 720h.
func Written(d time.Duration) string {
	if d >= 2*day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

var sizeRE = regexp.MustCompile(`^([0-9]{1,18}) ?(B|KiB|MiB|GiB)?$`)

// parseSize reads a number of bytes: 65536, 512KiB, 64MiB, 1GiB.
func parseSize(s string) (int64, error) {
	m := sizeRE.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%s is not a size: write 64MiB or 1GiB", quote(s))
	}
	n, _ := strconv.ParseInt(m[1], 10, 64)
	unit := map[string]int64{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[m[2]]
	if n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%s is too large", quote(s))
	}
	return n * unit, nil
}

// parsePattern compiles a regular expression that does not regard case.
func parsePattern(s string) (*regexp.Regexp, error) {
	if s == "" || len(s) > 1000 {
		return nil, errors.New("a pattern must have 1 to 1000 characters")
	}
	if _, err := regexp.Compile(s); err != nil {
		why := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		return nil, fmt.Errorf("%s is not a valid regular expression: %s", quote(s), evidence.Printable(why, 100))
	}
	re, err := regexp.Compile("(?i)" + s)
	if err != nil {
		return nil, fmt.Errorf("%s is not a valid regular expression", quote(s))
	}
	return re, nil
}

func parseZone(s string) (*time.Location, error) {
	if s == "" || s == "Local" {
		return nil, fmt.Errorf("%s is not a time zone: write an IANA name such as America/New_York", quote(s))
	}
	z, err := time.LoadLocation(s)
	if err != nil {
		return nil, fmt.Errorf("%s is not a known time zone: write an IANA name such as America/New_York", quote(s))
	}
	return z, nil
}

var labelsRE = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?\.?$`)

// parseAddress reads host, host:port, v6, [v6] and [v6]:port, and returns
// host:port in lower case, IPv6 in brackets.
func parseAddress(s string, port int) (string, error) {
	shown := quote(s)
	if strings.Contains(s, "@") { // there may be a password in it
		shown = "this"
	}
	bad := fmt.Errorf("%s is not an address: write name, name:port, 10.0.0.1:22 or \"[2001:db8::1]:22\"", shown)
	host := s
	if a, ok := parseIP(s); ok && a.Is6() {
		return net.JoinHostPort(a.String(), strconv.Itoa(port)), nil
	}
	if in, found := strings.CutPrefix(s, "["); found && strings.HasSuffix(in, "]") {
		host = strings.TrimSuffix(in, "]")
	} else if strings.Contains(s, ":") {
		h, p, err := net.SplitHostPort(s)
		if err != nil || strings.Contains(p, "/") {
			return "", bad
		}
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return "", fmt.Errorf("%s: the port must be a number from 1 to 65535", quote(s))
		}
		host, port = h, int(n)
	}
	if a, ok := parseIP(host); ok && a.Is6() == strings.HasPrefix(s, "[") {
		return net.JoinHostPort(a.String(), strconv.Itoa(port)), nil
	}
	if strings.HasPrefix(s, "[") || !labelsRE.MatchString(host) || allDigits(host) {
		return "", bad
	}
	return net.JoinHostPort(strings.ToLower(host), strconv.Itoa(port)), nil
}

var zoneRE = regexp.MustCompile(`^[A-Za-z0-9._-]*$`)

// parseIP is netip.ParseAddr, less the zones that it takes with any characters.
func parseIP(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	return a, err == nil && zoneRE.MatchString(a.Zone())
}

// allDigits finds addresses such as 10.0.30 and 10.0.30.256 that are no names.
func allDigits(host string) bool { return strings.Trim(host, "0123456789.") == "" }

// fingerprint reports whether s is "SHA256:" and 32 bytes as OpenSSH prints them.
func fingerprint(s string) bool {
	b, err := base64.RawStdEncoding.Strict().DecodeString(strings.TrimPrefix(s, "SHA256:"))
	return err == nil && len(b) == 32 && strings.HasPrefix(s, "SHA256:")
}

func (d *decoder) path(s string) string {
	if filepath.IsAbs(s) {
		return filepath.Clean(s)
	}
	return filepath.Join(d.base, s)
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
	case fingerprint(value):
		k.Agent = value
	case strings.HasPrefix(value, "SHA256:"):
		d.bad(at, "this is not a fingerprint: copy it from `ssh-add -l`")
	default:
		k.Agent = d.path(value)
	}
	return k
}
