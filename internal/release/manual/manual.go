// Package manual writes what a release has for people at a shell: a manual page for each
// command, one for the configuration, and completions.
//
// It guarantees that the same program and the same date give the same bytes. It does not
// know what commands do or what keys mean: it takes that from the commands and from the
// configuration's schema.
package manual

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// Completions are the scripts of shells, as each is called where it is installed.
var Completions = map[string]func(root *cobra.Command, w io.Writer) error{
	"grab.bash": func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
	"_grab":     func(root *cobra.Command, w io.Writer) error { return root.GenZshCompletion(w) },
	"grab.fish": func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
	"grab.ps1":  func(root *cobra.Command, w io.Writer) error { return root.GenPowerShellCompletionWithDesc(w) },
}

// Write writes the manual pages of root and of the commands below it, and of grab.yaml, to
// the folder man of dir, and the completions to its folder completions.
func Write(dir string, root *cobra.Command, version string, date time.Time) error {
	man, completions := filepath.Join(dir, "man"), filepath.Join(dir, "completions")
	for _, d := range []string{man, completions} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	root.DisableAutoGenTag = true // below each page, with the day
	header := &doc.GenManHeader{Section: "1", Source: "grab " + version, Manual: "grab", Date: &date}
	if err := doc.GenManTree(root, header, man); err != nil {
		return fmt.Errorf("manual pages: %w", err)
	}
	if err := os.WriteFile(filepath.Join(man, "grab.yaml.5"), configuration(version, date), 0o644); err != nil {
		return err
	}
	for name, script := range Completions {
		var text bytes.Buffer
		if err := script(root, &text); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(completions, name), text.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
