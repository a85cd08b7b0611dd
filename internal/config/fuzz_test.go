package config

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever the contents: no panic, a Config or Faults, never both, and each fault
// is one line of print that points into the file.
func FuzzLoad(f *testing.F) {
	dir := folder(f)
	for _, c := range faultCases {
		if len(c.text) < 2000 {
			f.Add([]byte(c.text))
		}
	}
	f.Add([]byte(strings.ReplaceAll(example(f), "/etc/grab/", "")))
	abs := filepath.Join(dir, "grab.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := Options{}.parse("f", abs, data)
		if err == nil {
			if cfg == nil || len(cfg.Sites) == 0 || len(cfg.Sites[0].Hosts) == 0 {
				t.Fatalf("no fault and nothing to grab: %+v", cfg)
			}
			for _, h := range cfg.Sites[0].Hosts {
				if h.SSH.Key.IsZero() == h.SSH.Password.IsZero() {
					t.Fatalf("not one login: %+v", h)
				}
			}
			return
		}
		var faults Faults
		if cfg != nil || !errors.As(err, &faults) || len(faults) == 0 {
			t.Fatalf("%v, %v", cfg, err)
		}
		lines := 1 + strings.Count(string(data), "\n") + strings.Count(string(data), "\r")
		for _, x := range faults {
			if x.Line < 1 || x.Line > lines || x.What == "" || strings.ContainsFunc(x.Path+x.What, isControl) {
				t.Fatalf("fault %q of %d lines", x, lines)
			}
		}
	})
}

// FuzzAddress: what is accepted stays as it is when it is read again.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"10.0.30.2:22", "[::1]:22", "::1", "host", "fe80::1%a", "[h]:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseAddress(s, 22)
		if err != nil {
			return
		}
		if b, err := parseAddress(a, 99); b != a || err != nil {
			t.Fatalf("%q -> %q -> %q, %v", s, a, b, err)
		}
		if strings.ContainsAny(a, " \n\r\x00/@") {
			t.Fatalf("%q -> %q", s, a)
		}
	})
}
