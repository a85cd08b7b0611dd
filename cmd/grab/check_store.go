package main

import (
	"fmt"
	"strings"

	"rtmtgrab/internal/access"
)

// written is the finding of a store that can be written. On Windows its access list may
// be an open one: only folders that grab makes are closed.
func written(store string) finding {
	f := finding{What: "store", Status: statusOK, Detail: store + " can be written"}
	who, err := access.Exposed(store)
	switch {
	case err != nil:
		f.Status, f.Detail = statusWarn, f.Detail+", but "+err.Error()
	case who != nil:
		f.Status, f.Detail = statusWarn, fmt.Sprintf("%s, also by or for %s", f.Detail, strings.Join(who, ", "))
		f.Hint = fmt.Sprintf(`the logs and bundles in it hold credentials: icacls "%s" /inheritance:d and icacls "%s" /remove:g *S-1-1-0 *S-1-5-11 *S-1-5-32-545`, store, store)
	}
	return f
}
