package rehearsal

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/drill"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident/runner"
)

// hosts makes steps of what happens while a drill grabs.
type hosts struct {
	*rehearsal

	mu   sync.Mutex
	held map[string]bool
	last map[string]runner.Event // the newest pass of each host
}

func (h *hosts) event(e runner.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch e.What {
	case runner.EventHeld:
		if !h.held[e.Host] {
			h.held[e.Host] = true
			h.add(drill.Step{Step: drill.StepHeld, Host: e.Host, OK: true, What: "the log files are open"})
		}
	case runner.EventPass:
		if e.Result == nil { // of an earlier pass there may be one
			e.Result = h.last[e.Host].Result
		}
		h.last[e.Host] = e
	case runner.EventSealing:
		for _, host := range h.site.Hosts {
			h.host(host.Name)
		}
	case runner.EventSealed:
		h.add(h.sealed(e.Coverage))
	}
}

// sealed says what came of sealing. What the hosts have no part in can still be missing
// then.
func (h *hosts) sealed(c evidence.Coverage) drill.Step {
	s := drill.Step{Step: drill.StepSealed, OK: true, What: "coverage " + string(c)}
	if c != evidence.Complete && h.allOK() {
		s.OK = false
		s.What += ": all was copied, and a log had no record where it always has some, or a host's clock leapt"
		s.Hint = "`grab status` says which log has stopped, or whose clock it was"
	}
	return s
}

// host says what came of a host. The lock is held.
func (h *hosts) host(name string) {
	e := h.last[name]
	err := e.Err
	if err == nil && e.Result != nil && e.Result.Error != "" {
		err = errors.New(e.Result.Error)
	}
	s := drill.Step{Step: drill.StepCopied, Host: name}
	switch {
	case !h.held[name]:
		s.Step = drill.StepHeld
		s.What = cmp.Or(text(err), "the host was not reached within "+human.Span(patience))
	case err != nil:
		s.What = text(err)
	case e.Result == nil:
		s.What = "nothing was copied"
	default:
		s.OK, s.What = copied(e.Result)
	}
	if !s.OK {
		s.Hint = cmp.Or(advice.For(err), "`grab check "+name+"` says more")
	}
	h.add(s)
}

// text says each thing once that several parts of a pass ended by.
func text(err error) string {
	if err == nil {
		return ""
	}
	var once []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(once, line) {
			once = append(once, line)
		}
	}
	return strings.Join(once, "; ")
}

// copied says what was copied of a host, and what is missing.
func copied(row *evidence.Host) (ok bool, what string) {
	var bytes int64
	var missing []string
	for _, f := range row.Files {
		bytes += f.Bytes
		var why []string
		for _, m := range f.Missing {
			if !slices.Contains(why, m.Reason) {
				why = append(why, m.Reason)
			}
		}
		if f.Coverage != evidence.Complete {
			missing = append(missing, fmt.Sprintf("%s is %s (%s)", f.Family, f.Coverage, strings.Join(why, ", ")))
		}
	}
	if len(missing) > 0 {
		return false, "of the last " + human.Span(before) + " " + strings.Join(missing, ", ")
	}
	return row.Coverage == evidence.Complete, fmt.Sprintf("%s of %s, complete", human.Size(bytes), human.Plural(len(row.Files), "log"))
}
