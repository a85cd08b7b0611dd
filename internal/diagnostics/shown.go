package diagnostics

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rtmtgrab/internal/evidence"
)

// Shown is what the appliance shows of its diagnostic logging: field by field, names in small
// letters.
type Shown map[string]string

const maxFields = 100

// ReadShown reads an answer. Which fields there are is known in part only.
func ReadShown(text []byte) (Shown, error) {
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, errors.New("this is no JSON object")
	}
	if len(fields) > maxFields {
		return nil, fmt.Errorf("it has %d fields", len(fields))
	}
	s := Shown{}
	for name, v := range fields {
		switch v := v.(type) {
		case string:
			s[strings.ToLower(name)] = evidence.Printable(v, 300)
		case bool, float64:
			s[strings.ToLower(name)] = fmt.Sprint(v)
		}
	}
	return s, nil
}

// A Run says whether diagnostic logging is under way.
type Run string

// What can be told.
const (
	Running Run = "running"
	Idle    Run = "idle"
	Unknown Run = "unknown"
)

var (
	runWords  = []string{"start", "started", "starting", "running", "on", "active", "in progress", "enabled", "true", "logging"}
	idleWords = []string{"stop", "stopped", "off", "idle", "inactive", "not running", "not started", "disabled", "false", "none", "collect", "collecting", "collected", "complete", "completed", "download", "downloaded", "ready"}
)

// isDownload: a field that tells of what was collected.
func isDownload(name string) bool { return strings.Contains(name, "download") }

// isMode: a field that tells whether it is under way.
func isMode(name string) bool {
	return name == "mode" || !isDownload(name) && (strings.Contains(name, "status") || strings.Contains(name, "state"))
}

// Run is what can be told of it. Fields that contradict each other tell nothing.
func (s Shown) Run() Run {
	run := Unknown
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if !isMode(name) {
			continue
		}
		is, word := Unknown, strings.ToLower(strings.TrimSpace(s[name]))
		switch {
		case slices.Contains(runWords, word):
			is = Running
		case slices.Contains(idleWords, word):
			is = Idle
		}
		if is == Unknown || run != Unknown && run != is {
			return Unknown
		}
		run = is
	}
	return run
}

// Ready reports whether what was collected can be downloaded.
func (s Shown) Ready() bool {
	for name, v := range s {
		if low := strings.ToLower(v); isDownload(name) && strings.Contains(low, "ready") && !strings.Contains(low, "not ") {
			return true
		}
	}
	return false
}

// Mark is what tells a run from others: fields that stay while it runs, by two looks at it, and
// that were otherwise before. It may have none.
func Mark(before, first, second Shown) map[string]string {
	mark := map[string]string{}
	for name, v := range first {
		if v != "" && !isMode(name) && !isDownload(name) && second[name] == v && before[name] != v && name != "tcpdump" {
			mark[name] = v
		}
	}
	return mark
}

// Has reports whether what is shown has a mark.
func (s Shown) Has(mark map[string]string) bool {
	for name, v := range mark {
		if s[name] != v {
			return false
		}
	}
	return true
}

// String is for people.
func (s Shown) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(s)) {
		parts = append(parts, name+"="+s[name])
	}
	return evidence.Printable(strings.Join(parts, ", "), 300)
}
