package advice

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/sshdial"
)

// Where a name leads to no address nothing else is worth looking at; but that of a proxy is not the host's.
func TestUnresolved(t *testing.T) {
	t.Parallel()
	const says = "cannot resolve the name"
	for name, own := range map[string]bool{"cucm01.example.com": true, "proxy.example.com": false} {
		err := &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}}
		for _, e := range []error{
			&sshdial.Error{Kind: sshdial.KindUnreachable, Address: "cucm01.example.com:22", Err: err},
			&cucm.Error{Kind: cucm.KindUnreachable, Address: "cucm01.example.com:8443", Node: "cucm01", Err: err},
		} {
			if got := For(e); got == "" || strings.Contains(got, says) != own {
				t.Errorf("%v: %q", e, got)
			}
		}
	}
}

func TestMissing(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bundle.zip"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"budnle.zip": "check the name: there is no budnle.zip in " + dir + "; did you mean bundle.zip?",
		"other":      "check the name: there is no other in " + dir,
		"no/file":    "check the path: there is no folder " + filepath.Join(dir, "no"),
	} {
		_, err := os.Stat(filepath.Join(dir, name))
		for _, e := range []error{err, fmt.Errorf("verify: %w", err), errors.Join(err, config.ErrNotFound)} {
			if got := For(e); got != want {
				t.Errorf("%v: %q, want %q", e, got, want)
			}
		}
	}
	if got := For(WithHint(&os.PathError{Op: "open", Path: "x", Err: os.ErrNotExist}, "own")); got != "own" {
		t.Error(got)
	}
	if got := For(&os.PathError{Op: "open", Path: dir, Err: os.ErrPermission}); got != "run this as the user of grab watch, or as root" {
		t.Error(got)
	}
}
