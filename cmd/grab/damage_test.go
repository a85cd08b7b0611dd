//go:build !windows

package main_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testrace"
)

// damages are what may become of a file of the store: at is the file, was what it held.
// A loop of links stands for a file that the system does not let be read, for root reads
// all others.
var damages = []struct {
	name string
	do   func(at string, was []byte) error
}{
	{"cut", func(at string, was []byte) error { return os.WriteFile(at, was[:len(was)/2], 0o600) }},
	{"flipped", func(at string, was []byte) error {
		b := bytes.Clone(was)
		for i := len(b) / 3; i < len(b)/3+8 && i < len(b); i++ {
			b[i] ^= 0x55
		}
		return os.WriteFile(at, b, 0o600)
	}},
	{"emptied", func(at string, was []byte) error { return os.WriteFile(at, nil, 0o600) }},
	{"a folder", func(at string, was []byte) error {
		return errorsOf(os.Remove(at), os.MkdirAll(filepath.Join(at, "in"), 0o700))
	}},
	{"unreadable", func(at string, was []byte) error {
		return errorsOf(os.Remove(at), os.Symlink(filepath.Base(at), at))
	}},
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// storeFiles are the files of an old store, one of each kind.
func (s *oldSite) storeFiles() (files []string) {
	kinds := map[string]bool{}
	filepath.WalkDir(s.store(), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		name, _ := filepath.Rel(s.store(), path)
		kind := filepath.Dir(name) + "/" + filepath.Ext(name)
		switch dir, _, _ := strings.Cut(name, string(filepath.Separator)); {
		case dir == "logins" || dir == name:
			kind = name
			if strings.HasPrefix(filepath.Base(name), ".lock-") && !strings.HasSuffix(name, "key") {
				kind = "logins/.lock"
			}
		case dir == "bundles" || dir == "removed.jsonl":
			return nil
		}
		if !kinds[kind] {
			kinds[kind] = true
			files = append(files, name)
		}
		return nil
	})
	slices.Sort(files)
	return files
}

// TestDamagedStore: each file of the store cut, flipped, emptied, made a folder or
// unreadable: watch starts and grabs the next alert. Each file suffers one damage, some files
// that are far from each other in the same store. GRAB_DAMAGE=all tries all damages of all
// files, each alone; GRAB_DAMAGE_FILE those of the files that are called so.
func TestDamagedStore(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long")
	}
	t.Parallel()
	first := openWritten(t)
	files := first.storeFiles()
	t.Logf("%d files", len(files))
	only := os.Getenv("GRAB_DAMAGE_FILE")
	if only == "" && os.Getenv("GRAB_DAMAGE") != "all" {
		const stores = 12
		for n := range min(stores, len(files)) {
			if testrace.Skips(n, 5) {
				continue
			}
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				var hurt []damage
				for i := n; i < len(files); i += stores {
					hurt = append(hurt, damage{i, i % len(damages)})
				}
				damaged(t, hurt...)
			})
		}
		return
	}
	for i, file := range files {
		for k, d := range damages {
			if strings.Contains(file, only) {
				t.Run(fmt.Sprintf("%s %s", file, d.name), func(t *testing.T) { damaged(t, damage{i, k}) })
			}
		}
	}
}

// A damage is one of damages, done to one of a store's files.
type damage struct{ file, how int }

// openWritten is an old store with the files that later versions have added.
func openWritten(t *testing.T) *oldSite {
	t.Helper()
	s, _ := openOld(t, "store-v1")
	text := `{"hosts":{"expc01":{"logs":{"messages":{"mark":{"size":5},"begun":"2026-03-02T14:00:00Z","seen":"2026-03-02T14:00:00Z","observed":70,"grew":70,"pauses":[0,70],"still_ns":0,"pending":0,"minute":1,"counted":true}}}}}`
	if err := os.WriteFile(s.store("growth.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func damaged(t *testing.T, hurt ...damage) {
	s := openWritten(t)
	files := s.storeFiles()
	for _, h := range hurt {
		file, d := files[h.file], damages[h.how]
		if strings.HasSuffix(file, ".key") && strings.HasPrefix(file, "logins") && d.name == "flipped" {
			continue // records of version 1 do not say with which key they were made
		}
		t.Logf("%s %s", file, d.name)
		was, err := os.ReadFile(s.store(file))
		if err == nil {
			err = d.do(s.store(file), was)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	known := map[string]bool{}
	before := []listed{}
	s.grab("list", "--json").decode(t, &before)
	for _, in := range before {
		known[in.Incident] = true
	}
	stop := s.watch()
	s.deliver(rtmt.MailOptions{Cluster: "HQ", Name: "QuickAlert", Node: fmt.Sprintf("fresh%d", hurt[0].file), MessageID: "fresh@cucm01.example.com"})
	s.until("the next alert's bundle", func() bool {
		var now []listed
		s.grab("list", "--json").decode(t, &now)
		return slices.ContainsFunc(now, func(in listed) bool { return !known[in.Incident] && in.State == "sealed" })
	})
	var aside []string
	filepath.WalkDir(s.store(), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && slices.Contains([]string{"alerts", "mails", "incidents", "ring"}, e.Name()) {
			return fs.SkipDir // these are large: status looks at them every 5 minutes
		}
		if strings.Contains(filepath.Base(path), ".damaged-") {
			aside = append(aside, filepath.Base(path))
		}
		return nil
	})
	for _, name := range aside {
		s.until("status names "+name, func() bool { return strings.Contains(s.grab("status").out, name) })
	}
	for _, host := range oldHosts[1].hosts {
		if n := s.hosts[host].Stats().Connections; n != 0 {
			t.Errorf("%s was refused or broke off, and %d connections were made", host, n)
		}
	}
	stop(os.Interrupt)
}
