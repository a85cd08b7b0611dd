package chaos

import (
	"fmt"
	"os"
	"testing"

	"rtmtgrab/internal/analysis"
)

// TestMain serves as the child in which collectors of these tests have records looked over.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == analysis.Command {
		if err := analysis.Serve(os.Args[2], os.Stdout, os.Exit); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}
