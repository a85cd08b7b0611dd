package checkup

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/diagnostics"
	"rtmtgrab/internal/wiring"
)

const diagnosticsWait = 2 * time.Minute

// tryDiagnostics asks the API of every host whose own diagnostic log is taken. It starts and stops
// nothing, and logs in whatever was refused before: a person asks.
func tryDiagnostics(ctx context.Context, cfg *config.Config, hosts []*config.Host, timeout time.Duration) []Finding {
	found := make([][]Finding, len(hosts)) // one element for each goroutine
	var wg sync.WaitGroup
	for i, h := range hosts {
		if h.Diagnostics.Enabled {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(ctx, cmp.Or(timeout, diagnosticsWait))
				defer cancel()
				found[i] = []Finding{tryDiagnostic(ctx, cfg, h)}
			})
		}
	}
	wg.Wait()
	return slices.Concat(found...)
}

func tryDiagnostic(ctx context.Context, cfg *config.Config, h *config.Host) Finding {
	f := Finding{Host: h.Name, What: "diagnostics", Status: StatusFail}
	api, err := wiring.DiagnosticsAPI(cfg, h, true)
	var shown diagnostics.Shown
	if err == nil {
		shown, err = api.Status(ctx)
	}
	if err != nil {
		f.Detail, f.Hint = err.Error(), advice.For(err)
		return f
	}
	switch shown.Run() {
	case diagnostics.Idle:
		f.Status, f.Detail = StatusOK, "its API has diagnostic logging, and none runs: an alert starts it, which sets log levels on the host until the window is over"
	case diagnostics.Running:
		f.Status, f.Detail = StatusWarn, "a diagnostic log is being written now, and an alert would leave it alone: it shows "+shown.String()
		f.Hint = "if nobody needs it stop it: Maintenance > Diagnostics > Diagnostic logging"
	default:
		f.Status, f.Detail = StatusWarn, "it cannot be told whether a diagnostic log is being written, so none would be started: it shows "+shown.String()
		f.Hint = "tell us the release, and this message"
	}
	return f
}
