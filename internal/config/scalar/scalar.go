// Package scalar reads the single values of grab.yaml as people write them: durations,
// sizes, addresses, patterns, zones.
//
// It guarantees that an error quotes at most a piece of the value, and none that may hold
// a password, and says how it is written. It does not know keys.
package scalar

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
)

const day = 24 * time.Hour

const maxDuration = 3650 * day

var daysRE = regexp.MustCompile(`^([0-9]{1,6}(?:\.[0-9]{1,6})?)d(.*)$`)

// Quote shows a value of the file in a fault.
func Quote(s string) string { return strconv.Quote(evidence.Printable(s, 60)) }

// Duration reads Go's durations, and days in front: 30d, 1d12h.
func Duration(s string) (time.Duration, error) {
	bad := fmt.Errorf("%s is not a duration: write 2s, 15m, 1h30m or 30d", Quote(s))
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
		return 0, fmt.Errorf("must not be negative; got %s", Quote(s))
	case d > maxDuration || days*float64(day) > float64(maxDuration-d):
		return 0, fmt.Errorf("%s is longer than ten years", Quote(s))
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

// Text is a single value of the configuration as one writes it into the file; ok is false
// if v is none, or nil. opt is the option of its key: a clock is a time of day.
func Text(v any, opt string) (text string, ok bool) {
	switch x := v.(type) {
	case time.Duration:
		if opt == "clock" {
			return fmt.Sprintf("%02d:%02d", int(x.Hours()), int(x.Minutes())%60), true
		}
		return Written(x), true
	case time.Weekday:
		return strings.ToLower(x.String()[:3]), true
	case *regexp.Regexp:
		if x != nil {
			return strings.TrimPrefix(x.String(), "(?i)"), true
		}
	case *time.Location:
		if x != nil {
			return x.String(), true
		}
	case int64:
		return writtenSize(x), true
	}
	return "", false
}

// writtenSize is a number of bytes as one writes it into the file, exactly: 64MiB, 1GiB, 0.
func writtenSize(n int64) string {
	for _, u := range []struct {
		name string
		of   int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.of && n%u.of == 0 {
			return strconv.FormatInt(n/u.of, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

var sizeRE = regexp.MustCompile(`^([0-9]{1,18}) ?(B|KiB|MiB|GiB)?$`)

// Size reads a number of bytes: 65536, 512KiB, 64MiB, 1GiB.
func Size(s string) (int64, error) {
	m := sizeRE.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%s is not a size: write 64MiB or 1GiB", Quote(s))
	}
	n, _ := strconv.ParseInt(m[1], 10, 64)
	unit := map[string]int64{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[m[2]]
	if n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%s is too large", Quote(s))
	}
	return n * unit, nil
}

// Pattern compiles a regular expression that does not regard case.
func Pattern(s string) (*regexp.Regexp, error) {
	if s == "" || len(s) > 1000 {
		return nil, errors.New("a pattern must have 1 to 1000 characters")
	}
	if _, err := regexp.Compile(s); err != nil {
		why := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		return nil, fmt.Errorf("%s is not a valid regular expression: %s", Quote(s), evidence.Printable(why, 100))
	}
	re, err := regexp.Compile("(?i)" + s)
	if err != nil {
		return nil, fmt.Errorf("%s is not a valid regular expression", Quote(s))
	}
	return re, nil
}

// Zone reads an IANA name.
func Zone(s string) (*time.Location, error) {
	if s == "" || s == "Local" {
		return nil, fmt.Errorf("%s is not a time zone: write an IANA name such as America/New_York", Quote(s))
	}
	z, err := time.LoadLocation(s)
	if err != nil {
		return nil, fmt.Errorf("%s is not a known time zone: write an IANA name such as America/New_York", Quote(s))
	}
	return z, nil
}

// Labels is what a name of a host or a domain looks like.
var Labels = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?\.?$`)

// Address reads host, host:port, v6, [v6] and [v6]:port, and returns
// host:port in lower case, IPv6 in brackets.
func Address(s string, port int) (string, error) {
	shown := Quote(s)
	if strings.Contains(s, "@") { // there may be a password in it
		shown = "this"
	}
	bad := fmt.Errorf("%s is not an address: write name, name:port, 10.0.0.1:22 or \"[2001:db8::1]:22\"", shown)
	host := s
	if a, ok := IP(s); ok && a.Is6() {
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
			return "", fmt.Errorf("%s: the port must be a number from 1 to 65535", Quote(s))
		}
		host, port = h, int(n)
	}
	if a, ok := IP(host); ok && a.Is6() == strings.HasPrefix(s, "[") {
		return net.JoinHostPort(a.String(), strconv.Itoa(port)), nil
	}
	if strings.HasPrefix(s, "[") || !Labels.MatchString(host) || Digits(host) {
		return "", bad
	}
	return net.JoinHostPort(strings.ToLower(host), strconv.Itoa(port)), nil
}

var zoneRE = regexp.MustCompile(`^[A-Za-z0-9._-]*$`)

// IP is netip.ParseAddr, less the zones that it takes with any characters.
func IP(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	return a, err == nil && zoneRE.MatchString(a.Zone())
}

// Digits finds addresses such as 10.0.30 and 10.0.30.256 that are no names.
func Digits(host string) bool { return strings.Trim(host, "0123456789.") == "" }

// Fingerprint reports whether s is "SHA256:" and 32 bytes as OpenSSH prints them.
func Fingerprint(s string) bool {
	b, err := base64.RawStdEncoding.Strict().DecodeString(strings.TrimPrefix(s, "SHA256:"))
	return err == nil && len(b) == 32 && strings.HasPrefix(s, "SHA256:")
}

var countRE = regexp.MustCompile(`^[0-9]{1,9}$`)

// Count reads a whole number.
func Count(s string) (int, error) {
	if !countRE.MatchString(s) {
		return 0, fmt.Errorf("%s is not a whole number", Quote(s))
	}
	return strconv.Atoi(s)
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// Weekday reads the first three letters of a day of the week.
func Weekday(s string) (time.Weekday, error) {
	i := slices.Index(weekdays, strings.ToLower(s))
	if i < 0 {
		return 0, fmt.Errorf("must be one of %s; got %s", strings.Join(weekdays, ", "), Quote(s))
	}
	return time.Weekday(i), nil
}

var clockRE = regexp.MustCompile(`^([0-9]{2}):([0-9]{2})$`)

// Clock reads a time of day, 00:00 to 24:00, as what has passed since midnight.
func Clock(s string) (time.Duration, error) {
	m := clockRE.FindStringSubmatch(s)
	bad := fmt.Errorf("%s is not a time of day: write \"22:00\", in quotes", Quote(s))
	if m == nil {
		return 0, bad
	}
	d, err := time.ParseDuration(m[1] + "h" + m[2] + "m")
	if err != nil || d > day || m[2] > "59" {
		return 0, bad
	}
	return d, nil
}
