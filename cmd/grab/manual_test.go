package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/release/manual"
	"rtmtgrab/internal/version"
)

// Every command has its manual page, and every shell its completion. With GRAB_MANUAL set
// they are written to that folder: `make manual`.
func TestManual(t *testing.T) {
	t.Parallel()
	dir, called := os.Getenv("GRAB_MANUAL"), version.Version
	if dir == "" {
		dir = t.TempDir()
	}
	if v := os.Getenv("GRAB_VERSION"); v != "" {
		called = v
	}
	seconds, _ := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err := manual.Write(dir, (&app{}).root(), called, time.Unix(seconds, 0).UTC()); err != nil {
		t.Fatal(err)
	}
	eachCommand((&app{}).root(), func(c *cobra.Command) {
		name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1"
		page, err := os.ReadFile(filepath.Join(dir, "man", name))
		if err != nil {
			t.Error(err)
			return
		}
		for _, part := range []string{".TH", ".SH NAME", ".SH SYNOPSIS", ".SH EXAMPLE"} {
			if !strings.Contains(string(page), part) {
				t.Errorf("%s has no %s", name, part)
			}
		}
	})
	for name := range manual.Completions {
		if text, err := os.ReadFile(filepath.Join(dir, "completions", name)); err != nil || !strings.Contains(string(text), "__complete") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
