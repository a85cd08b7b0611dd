package status

import (
	"time"

	"rtmtgrab/internal/human"
)

// Queue is who copies off the hosts now, and who waits to.
type Queue struct {
	Copying int       `json:"copying"`
	Waiting int       `json:"waiting"`
	Nearest time.Time `json:"nearest_deadline,omitzero"` // of both; zero: all that is wanted is held, and safe
	Left    int64     `json:"bytes_left"`                // of both, as far as it is known
	Copies  []Copy    `json:"copies"`                    // those who copy, then those who wait, in the order in which their turns come; at most MostCopies
}

// MostCopies are listed; the counts are of all.
const MostCopies = 100

// Copy is what one incident wants of one host.
type Copy struct {
	Incident string    `json:"incident"`
	Site     string    `json:"site"`
	Host     string    `json:"host"`
	Copies   bool      `json:"copies"`                 // else it waits
	Left     int64     `json:"bytes_left"`             // 0: not known yet
	Safe     time.Time `json:"safe_until,omitzero"`    // when it begins to be overwritten; zero: it is held, and safe
	Since    time.Time `json:"waiting_since,omitzero"` // zero: it copies
}

// Count takes the list, which is in order, and fills the rest.
func (q *Queue) Count(all []Copy) {
	*q = Queue{Copies: []Copy{}}
	for _, c := range all {
		if c.Copies {
			q.Copying++
		} else {
			q.Waiting++
		}
		q.Left += c.Left
		if !c.Safe.IsZero() && (q.Nearest.IsZero() || c.Safe.Before(q.Nearest)) {
			q.Nearest = c.Safe
		}
	}
	q.Copies = append(q.Copies, all[:min(len(all), MostCopies)]...)
}

func (w *writer) queue(q Queue) {
	if q.Copying+q.Waiting == 0 {
		return
	}
	w.line("\ncopying off the hosts: %d under way, %d to come", q.Copying, q.Waiting)
	for _, c := range q.Copies {
		what := "copies"
		if !c.Copies {
			what = "waits for its turn since " + w.when(c.Since)
		}
		if c.Left > 0 {
			what += ", " + human.Size(c.Left) + " left"
		}
		safe := "held, and safe"
		switch {
		case c.Safe.IsZero():
		case c.Safe.After(w.now):
			safe = "overwritten from " + c.Safe.UTC().Format(clockForm) + " on, in " + w.left(c.Safe)
		default:
			safe = "being overwritten since " + w.when(c.Safe)
		}
		w.line("  %s  %s  %s: %s; %s", c.Host, c.Site, c.Incident, what, safe)
	}
	if more := q.Copying + q.Waiting - len(q.Copies); more > 0 {
		w.line("  and %d more", more)
	}
}
