package licenses

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// systems are those of the Makefile's TARGETS: on what machine makes no difference.
var systems = []string{"darwin", "linux", "windows"}

// std is how the table calls what comes with the compiler.
const std = "std"

// A part is one module with the folders of it that are linked in.
type part struct {
	path, version, dir string
	packages           map[string]bool // folders
}

// linked are the modules that are linked into grab on any system, by path.
func linked(t *testing.T) []part {
	t.Helper()
	parts := map[string]part{}
	var lock sync.Mutex
	var all sync.WaitGroup
	for _, system := range systems {
		for _, arch := range []string{"amd64", "arm64"} {
			all.Go(func() {
				found, err := list(system, arch)
				lock.Lock()
				defer lock.Unlock()
				if err != nil {
					t.Errorf("what is linked in on %s/%s: %v", system, arch, err)
				}
				for _, p := range found {
					if have, ok := parts[p.path]; ok {
						maps.Copy(have.packages, p.packages)
					} else {
						parts[p.path] = p
					}
				}
			})
		}
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return slices.SortedFunc(maps.Values(parts), func(a, b part) int { return cmp.Compare(a.path, b.path) })
}

// list asks the go command for the packages of one system.
func list(system, arch string) (parts []part, err error) {
	cmd := exec.Command("go", "list", "-deps", "-json=Dir,Root,Standard,Module", "rtmtgrab/cmd/grab")
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=0")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, &said)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Dir      string
			Root     string // of the compiler, if it is Standard
			Standard bool
			Module   *struct{ Path, Version, Dir string }
		}
		switch err := d.Decode(&p); {
		case errors.Is(err, io.EOF):
			return parts, nil
		case err != nil:
			return nil, err
		case p.Standard:
			parts = append(parts, part{std, "", p.Root, map[string]bool{p.Dir: true}})
		case p.Module == nil:
			return nil, fmt.Errorf("%s is of no module", p.Dir)
		default:
			parts = append(parts, part{p.Module.Path, p.Module.Version, p.Module.Dir, map[string]bool{p.Dir: true}})
		}
	}
}

// licence are the names of files that say what a module may be used for.
var licence = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying|copyright|notice|patents)([._-].*)?$`)

// texts are the files of a module that say so, by their path in it: at its top, and beside
// what is linked in or above that.
func (p part) texts() (map[string]string, error) {
	folders := map[string]bool{p.dir: true}
	for dir := range p.packages {
		for ; len(dir) > len(p.dir); dir = filepath.Dir(dir) {
			folders[dir] = true
		}
	}
	found := map[string]string{}
	for dir := range folders {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.IsDir() || !licence.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
				continue
			}
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, err
			}
			rel, err := filepath.Rel(p.dir, filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, err
			}
			found[filepath.ToSlash(rel)] = strings.TrimSpace(strings.ReplaceAll(string(b), "\r\n", "\n"))
		}
	}
	return found, nil
}

// kinds are licences that this program may be given on under, by what stands in their texts.
var kinds = []struct {
	spdx  string
	words []string
}{
	{"Apache-2.0", []string{"apache license version 2.0"}},
	{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "neither the name"}},
	{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "may not be used to endorse"}},
	{"MIT", []string{"permission is hereby granted, free of charge, to any person obtaining a copy"}},
	{"ISC", []string{"permission to use, copy, modify, and/or distribute this software for any purpose"}},
	{"CC0-1.0", []string{"cc0 1.0 universal"}},
	{"Unlicense", []string{"this is free and unencumbered software released into the public domain"}},
}

// kindsOf are the licences of which a text has the words.
func kindsOf(text string) (all []string) {
	text = strings.ReplaceAll(strings.ToLower(strings.Join(strings.Fields(text), " ")), "license, version", "license version")
	for _, k := range kinds {
		if !slices.Contains(all, k.spdx) && !slices.ContainsFunc(k.words, func(w string) bool { return !strings.Contains(text, w) }) {
			all = append(all, k.spdx)
		}
	}
	if !slices.Contains(all, "BSD-3-Clause") && strings.Contains(text, kinds[1].words[0]) {
		all = append(all, "BSD-2-Clause")
	}
	return all
}
