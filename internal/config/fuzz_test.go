package config

import (
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"rtmtgrab/internal/config/scalar"
)

// Whatever the contents: no panic, a Config or Faults, never both; each fault is one
// line of print that names a line of the file; what is accepted means the same when
// it is written anew.
func FuzzLoad(f *testing.F) {
	dir := folder(f)
	for _, c := range slices.Concat(faultCases, mailFaultCases, oauthFaultCases, handoverFaultCases) {
		if len(c.text) < 2000 {
			f.Add([]byte(c.text))
		}
	}
	f.Add([]byte(strings.ReplaceAll(example(f), "/etc/grab/", "")))
	f.Add([]byte("socket: {group: 'a: b'}\nbundle: {pcapng: True}\n" + minimal))
	abs := filepath.Join(dir, "grab.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := Options{}.parse("f", abs, data)
		if err != nil {
			if cfg != nil {
				t.Fatal("a Config and faults")
			}
			checkFaults(t, data, err)
			return
		}
		if cfg == nil || len(cfg.Sites) == 0 || len(cfg.Sites[0].Hosts) == 0 {
			t.Fatalf("no fault and nothing to grab: %+v", cfg)
		}
		for _, h := range cfg.Sites[0].Hosts {
			if h.SSH.Key.IsZero() == h.SSH.Password.IsZero() {
				t.Fatalf("not one login: %+v", h)
			}
		}
		anew := rewrite(t, data)
		again, err := Options{}.parse("f", abs, anew)
		if err != nil || !reflect.DeepEqual(cfg, again) {
			t.Fatalf("written anew: %v\n%s\n%+v\n%+v", err, anew, cfg, again)
		}
	})
}

// checkFaults wants faults of print, in the order of the lines of data.
func checkFaults(t *testing.T, data []byte, err error) {
	t.Helper()
	var faults Faults
	if !errors.As(err, &faults) || len(faults) == 0 {
		t.Fatal(err)
	}
	lines, last := max(1, strings.Count(strings.TrimSuffix(string(data), "\n"), "\n")+1), 1
	for _, x := range faults {
		if x.Line < last || x.Line > lines || x.What == "" || strings.ContainsFunc(x.Path+x.What, isControl) {
			t.Fatalf("fault %q of %d lines", x, lines)
		}
		last = x.Line
	}
}

// rewrite is a file as the library writes it: with other quotes, in lines of its own.
func rewrite(t *testing.T, data []byte) []byte {
	t.Helper()
	faults := newBook("f")
	root := parseTree(&faults, data)
	bare(root)
	anew, err := yaml.Dump(root, yaml.WithLineWidth(-1))
	if err != nil {
		t.Fatal(err)
	}
	return anew
}

// bare takes comments and styles off a tree.
func bare(n *yaml.Node) {
	n.HeadComment, n.LineComment, n.FootComment, n.Style = "", "", "", 0
	for _, c := range n.Content {
		bare(c)
	}
}

// FuzzAddress: what is accepted stays as it is when it is read again.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"10.0.30.2:22", "[::1]:22", "::1", "host", "fe80::1%a", "[h]:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := scalar.Address(s, 22)
		if err != nil {
			return
		}
		if b, err := scalar.Address(a, 99); b != a || err != nil {
			t.Fatalf("%q -> %q -> %q, %v", s, a, b, err)
		}
		if strings.ContainsAny(a, " \n\r\x00/@") {
			t.Fatalf("%q -> %q", s, a)
		}
	})
}
