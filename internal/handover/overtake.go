package handover

import (
	"strings"
	"time"
)

// overtaken ends a job for which a newer revision has come, and has that not wait for what
// was not delivered. It reports whether it did. The lock is held, and nobody works at the job.
func overtaken(e *Engine, j *Job) bool {
	if j.By != "" || j.State.Final() {
		return false
	}
	_, newer := e.siblings(j)
	if newer == 0 {
		return false
	}
	e.supersede(j, newer)
	if !j.State.Final() {
		return false
	}
	for name, n := range e.state.jobs {
		if n.Key == j.Key && strings.EqualFold(n.Sink, j.Sink) && n.Revision > j.Revision && e.state.busy[name] == nil && n.State == Queued && n.Unmade == 0 {
			regather(e, n, j)
		}
	}
	return true
}

// regather says anew how long a revision waits, now that an older one does not go any more.
func regather(e *Engine, n, gone *Job) {
	if gone.Since.Before(n.Since) {
		n.Since = gone.Since
	}
	older, _ := e.siblings(n)
	due := n.Due
	n.Due = time.Time{}
	e.gather(n, older)
	if n.Due.Equal(due) {
		return
	}
	e.saveLater(n)
}

// overtake ends the jobs that a newer revision has replaced when a crash came in between.
// Nobody works at any yet.
func overtake(e *Engine) {
	type line struct{ key, sink string }
	newest := map[line]int{}
	for _, j := range e.state.jobs {
		if j.State != Dropped {
			at := line{j.Key, strings.ToLower(j.Sink)}
			newest[at] = max(newest[at], j.Revision)
		}
	}
	for _, j := range e.state.jobs {
		if by := newest[line{j.Key, strings.ToLower(j.Sink)}]; by > j.Revision {
			e.supersede(j, by)
		}
	}
}
