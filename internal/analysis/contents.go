package analysis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rtmtgrab/internal/confine"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
)

// What a look over one host's records may have: it keeps next to nothing of them.
const (
	contentsHard  = 128 << 20
	contentsTime  = 2 * time.Minute // 4 GiB take half of one
	contentsFiles = 1 << 20         // it writes none
	contentsTurns = 2
)

// Contents looks over the records of the one host of the job's manifest.
func (a *Analyst) Contents(ctx context.Context, job Job) (evidence.Contents, error) {
	res, err := a.take(ctx, a.contents, job, taskContents, confine.Limits{Memory: contentsHard, Time: contentsTime, Files: contentsFiles})
	defer res.Remove()
	if err != nil {
		return evidence.Contents{}, err
	}
	return *res.Contents, nil
}

// contentsOf reads all logs of one host.
func (q *request) contentsOf(h *evidence.Host) (*evidence.Contents, error) {
	zone, err := time.LoadLocation(q.Manifest.TimeZone)
	if err != nil {
		zone = time.UTC // it dates a few lines of syslog's
	}
	var all expressway.Survey
	for i := range h.Files {
		if f := &h.Files[i]; f.Path != "" {
			s, err := q.surveyOf(h.Host, f, zone)
			if err != nil {
				return nil, fmt.Errorf("read the slice of %s: %w", f.Family, err)
			}
			all.Join(&s)
		}
	}
	return &evidence.Contents{BodiesLogged: all.BodiesLogged(), Credentials: all.Credentials, OwnAddresses: all.Own(), PeersNamed: all.Peers()}, nil
}

func (q *request) surveyOf(host string, f *evidence.File, zone *time.Location) (s expressway.Survey, err error) {
	r, err := q.open(host, f.Family)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	ref := expressway.Ref{Zone: zone}
	if n := len(f.Sources); n > 0 {
		ref.MTime = f.Sources[n-1].MTime
	}
	return s, s.Add(r, ref)
}
