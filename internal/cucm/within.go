package cucm

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/cucmtrace"
	"rtmtgrab/internal/evidence"
)

// within leaves out the files that hold nothing of a window, in the order of their time.
// What does not tell its time stays, and so does the newest, which says how far the log reaches.
func within(files []File, kind string, w evidence.Window) []File {
	series := map[string][]File{}
	for _, f := range files {
		if ofKind(f, kind) {
			key := seriesOf(f.Name)
			series[key] = append(series[key], f)
		}
	}
	var kept []File
	for _, list := range series {
		slices.SortStableFunc(list, func(a, b File) int { return cmp.Or(a.Modified.Compare(b.Modified), strings.Compare(a.Name, b.Name)) })
		var before time.Time // the end of the file before, at the earliest
		for i, f := range list {
			end := f.Modified
			if f.Twice {
				end = end.Add(time.Hour)
			}
			switch {
			case f.Modified.IsZero(), f.Growing(), i == len(list)-1, !end.Before(w.Since.Add(-slack)) && (before.IsZero() || !before.After(w.Until.Add(slack))):
				kept = append(kept, f)
			}
			before = f.Modified
		}
	}
	slices.SortStableFunc(kept, func(a, b File) int { return cmp.Or(a.Modified.Compare(b.Modified), strings.Compare(a.Name, b.Name)) })
	return kept
}

// ofKind leaves out what else a service lists: Cisco CallManager has SDI traces, call logs
// and more beside its SDL.
func ofKind(f File, kind string) bool {
	name, path := strings.ToLower(f.Name), strings.ToLower(f.Path)
	switch kind {
	case LogSDL:
		return cucmtrace.IsSDL(f.Name)
	case LogAlerts:
		return strings.HasPrefix(name, "alertlog") || strings.Contains(path, "/alertlog/")
	}
	return true
}

// seriesOf is what the names of files that follow one another have in common:
// SDL001_100_001196.txt.gz and SDL001_100_001197.txt.gzo are of SDL001_100.
func seriesOf(name string) string {
	base, _, _ := strings.Cut(strings.ToLower(name), ".")
	if i := strings.LastIndexByte(base, '_'); i > 0 && strings.HasPrefix(base, "sdl") {
		return base[:i]
	}
	return strings.TrimRight(base, "0123456789_-")
}
