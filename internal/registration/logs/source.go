package logs

import (
	"cmp"
	"io"
	"time"

	"rtmtgrab/internal/evidence"
)

// A Source is one log of one peer, or of several where a syslog server wrote it.
type Source struct {
	Host         string         // empty: as its records name it
	Role         string         // "C", "E" or "": told from the records
	Family, File string         // as shown in evidence
	Zone         *time.Location // of times without one; nil: UTC
	MTime        time.Time      // dates times without a year
	Open         func() (io.ReadCloser, error)
	Offset       int64 // of the first byte that Open gives in File

	// Complete and Missing say how much of the window the source covers, in the
	// collector's time. Neither: that is not known, and so it is not complete.
	Complete bool
	Missing  []evidence.Span
	// ClockOffset is the host's clock minus the collector's; nil: not measured.
	ClockOffset *time.Duration
}

func bySource(a, b Source) int {
	for _, c := range []int{cmp.Compare(a.Host, b.Host), cmp.Compare(a.File, b.File), cmp.Compare(a.Family, b.Family)} {
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(a.Offset, b.Offset)
}

// ShowsSIP reports whether a source is one in which SIP messages stand.
func (s *Source) ShowsSIP() bool { return s.Family != "messages" && s.Family != "developer_log" }
