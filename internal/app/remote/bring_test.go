//go:build !windows

package remote

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/collector/control"
	"rtmtgrab/internal/evidence"
)

// A bundle that does not come whole, or would go elsewhere, leaves nothing.
func TestBring(t *testing.T) {
	const id = "20260302T141407Z-hq-3fa2c1"
	const sum = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" // of "hello"
	for _, tt := range []struct {
		name, incident, bundle, length, body, sum string
		abort, good                               bool
	}{
		{name: "whole", bundle: "/x/" + id + ".zip", length: "5", body: "hello", sum: sum, good: true},
		{name: "changed", bundle: "/x/" + id + ".zip", length: "5", body: "hellO", sum: sum},
		{name: "no sum", bundle: "/x/" + id + ".zip", length: "5", body: "hello"},
		{name: "short", bundle: "/x/" + id + ".zip", length: "6", body: "hello", sum: sum},
		{name: "long", bundle: "/x/" + id + ".zip", length: "5", body: "hello!", sum: sum},
		{name: "empty window", bundle: "/x/" + id + ".zip", body: "hello", sum: sum},
		{name: "broken", bundle: "/x/" + id + ".zip", length: "5", body: "hello", sum: sum, abort: true},
		{name: "elsewhere", bundle: "/etc/cron.d/job", length: "5", body: "hello", sum: sum},
		{name: "above", incident: "..", bundle: "/x/...zip", length: "5", body: "hello", sum: sum},
		{name: "none", incident: "/", bundle: "/", length: "5", body: "hello", sum: sum},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			l, err := control.Listen(filepath.Join(dir, "s"), "")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				ended <- control.Serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set(collector.LengthHeader, tt.length)
					w.Header().Set("Trailer", collector.SumTrailer)
					w.Write([]byte(tt.body))
					w.Header().Set(collector.SumTrailer, tt.sum)
					if tt.abort {
						panic(http.ErrAbortHandler)
					}
				}), slog.New(slog.DiscardHandler))
			}()
			defer func() { cancel(); <-ended }()
			out := filepath.Join(dir, "out")
			if err := os.Mkdir(out, 0o700); err != nil {
				t.Fatal(err)
			}
			w := &Watcher{Client: &control.Client{Path: filepath.Join(dir, "s")}}
			o := oneshot.Outcome{Manifest: evidence.Manifest{Incident: id, Revision: 1}, Bundle: tt.bundle}
			if tt.incident != "" {
				o.Incident = tt.incident
			}
			path, err := w.bring(t.Context(), o, out)
			if (err == nil) != tt.good || tt.good && path != filepath.Join(out, id+".zip") {
				t.Errorf("%s %v", path, err)
			}
			if list, err := os.ReadDir(out); err != nil || (len(list) == 1) != tt.good {
				t.Errorf("%v %v", list, err)
			}
		})
	}
}
