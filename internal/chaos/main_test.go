package chaos

import (
	"fmt"
	"os"
	"testing"

	"rtmtgrab/internal/analysis"
)

// removeBuilds removes the programs that the tests have built.
var removeBuilds = func() {}

// TestMain serves as the child in which collectors of these tests have records looked over, and as
// an Expressway in a process of its own.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == standsAlone {
		if err := standAlone(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) == 3 && os.Args[1] == analysis.Command {
		if err := analysis.Serve(os.Args[2], os.Stdout, os.Exit); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	removeBuilds()
	os.Exit(code)
}
