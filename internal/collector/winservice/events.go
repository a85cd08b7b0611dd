package winservice

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// reporter is Windows' event log, as golang.org/x/sys/windows/svc/eventlog has it.
type reporter interface {
	Info(id uint32, text string) error
	Warning(id uint32, text string) error
	Error(id uint32, text string) error
}

// IDs of the events. Scripts may rely on them.
const (
	eventStarted  = 1
	eventStopped  = 2
	eventReloaded = 3
	eventWarning  = 100
	eventError    = 200
)

// told are the records below a warning that the event log gets too.
var told = map[string]uint32{"watching": eventStarted, "stopped": eventStopped, "reloaded": eventReloaded}

const (
	maxEvent = 31839 // characters that one text of an event may have
	silence  = 10 * time.Minute
	maxSeen  = 256
)

// newEventHandler hands warnings and errors, and when the service began and ended, to the
// event log. A text that was there within 10 min is not repeated: the file has it.
func newEventHandler(to reporter) slog.Handler {
	shared := &events{to: to, seen: map[string]time.Time{}}
	return &eventHandler{shared: shared, text: slog.NewTextHandler(&shared.buf, &slog.HandlerOptions{ReplaceAttr: bare})}
}

type events struct {
	to   reporter
	mu   sync.Mutex
	buf  bytes.Buffer
	seen map[string]time.Time
}

type eventHandler struct {
	shared *events
	text   slog.Handler // writes to shared.buf
}

// bare leaves out what each event has anyway.
func bare(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
		return slog.Attr{}
	}
	return a
}

func (h *eventHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo
}

func (h *eventHandler) Handle(ctx context.Context, r slog.Record) error {
	id := told[r.Message]
	if r.Level < slog.LevelWarn && id == 0 {
		return nil
	}
	e := h.shared
	e.mu.Lock()
	defer e.mu.Unlock()
	e.buf.Reset()
	if err := h.text.Handle(ctx, r); err != nil {
		return err
	}
	text := eventText(strings.TrimSpace(r.Message + "\r\n" + e.buf.String()))
	switch {
	case r.Level < slog.LevelWarn:
		return e.to.Info(id, text)
	case e.again(text, r.Time):
		return nil
	case r.Level < slog.LevelError:
		return e.to.Warning(eventWarning, text)
	}
	return e.to.Error(eventError, text)
}

// again reports whether the text was reported within the last 10 min, and remembers it.
func (e *events) again(text string, now time.Time) bool {
	if at, ok := e.seen[text]; ok && now.Sub(at) < silence && now.Sub(at) >= 0 {
		return true
	}
	if len(e.seen) >= maxSeen {
		clear(e.seen)
	}
	e.seen[text] = now
	return false
}

func (h *eventHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &eventHandler{h.shared, h.text.WithAttrs(attrs)}
}

func (h *eventHandler) WithGroup(name string) slog.Handler {
	return &eventHandler{h.shared, h.text.WithGroup(name)}
}

// eventText is s as the event log takes it: at most 31,839 UTF-16 units, no NUL, and no
// % before a digit, which the viewer would take for a placeholder.
func eventText(s string) string {
	var b strings.Builder
	units := 0
	for i, r := range s {
		switch {
		case r == 0:
			r = ' '
		case r == utf8.RuneError:
			r = '?'
		}
		add := string(r)
		if r == '%' && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9' {
			add = "% "
		}
		n := utf16.RuneLen(r) + len(add) - len(string(r))
		if units+n > maxEvent {
			break
		}
		units += n
		b.WriteString(add)
	}
	return b.String()
}
