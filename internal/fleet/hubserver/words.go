package hubserver

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// words is the server's log. What it cannot go on after ends Run instead of the process.
type words struct {
	log   *slog.Logger
	fatal chan error // of size 1
}

func (w *words) say(level slog.Level, format string, v ...any) {
	if w.log != nil {
		w.log.Log(context.Background(), level, "hub server: "+fmt.Sprintf(format, v...))
	}
}

func (w *words) Noticef(format string, v ...any) {
	if text := strings.TrimSpace(format); text != "" && !strings.ContainsAny(text[:1], `_|\-`) { // no banner
		w.say(slog.LevelInfo, format, v...)
	}
}

func (w *words) Warnf(format string, v ...any)  { w.say(slog.LevelWarn, format, v...) }
func (w *words) Errorf(format string, v ...any) { w.say(slog.LevelError, format, v...) }
func (w *words) Debugf(string, ...any)          {}
func (w *words) Tracef(string, ...any)          {}

func (w *words) Fatalf(format string, v ...any) {
	select {
	case w.fatal <- fmt.Errorf("hub server: "+format, v...):
	default:
	}
}
