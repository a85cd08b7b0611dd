// Package cxd uploads bundles to a case of Cisco's, by the Customer eXperience Drive: an
// HTTP PUT with the case's number and its upload token, which is answered with 201.
//
// It guarantees what package https does. A repeat has the same file name: as far as the
// public description goes the drive may then show two files of one name. It says nothing
// of how the drive can be asked for what it has; the answer to the PUT has to do, and what
// is answered with 200, as by a page in front of it, is not sent again by itself: whether it
// is there a person sees in the case.
package cxd

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/handover/sink/https"
	"rtmtgrab/internal/handover/sink/web"
	"rtmtgrab/internal/redact"
)

// A Sink is the drive.
type Sink struct {
	URL    func() (string, error)              // of the folder that files are put into
	Token  func(number string) (string, error) // of a case
	Client web.Client
}

// Deliver uploads an artifact to its case.
func (s *Sink) Deliver(ctx context.Context, a sink.Artifact) (sink.Receipt, error) {
	if a.Case == "" {
		return sink.Receipt{}, &sink.Error{Cause: sink.Rejected, Permanent: true, Err: fmt.Errorf("the bundle has no case: set it with `grab case INCIDENT NUMBER`, or case: in the configuration")}
	}
	token, err := s.Token(a.Case)
	if err != nil { // other cases have tokens of their own
		return sink.Receipt{}, &sink.Error{Cause: sink.Refused, Permanent: true, Alone: true, Err: redact.Error(err)}
	}
	up := &https.Sink{
		URL: s.URL, Method: http.MethodPut, Trusted: true, Client: s.Client, Confirms: []int{http.StatusCreated, http.StatusNoContent},
		User:     func() (string, error) { return a.Case, nil },
		Password: func() (string, error) { return token, nil },
	}
	r, err := up.Deliver(ctx, a)
	if r.Place != "" {
		r.Place += " (case " + a.Case + ")"
	}
	if e, ok := err.(*sink.Error); ok && e.Cause == sink.Refused && e.Permanent {
		e.Alone = true
		e.Err = fmt.Errorf("%w: the token is of another case, or has expired; get a new one from Support Case Manager", e.Err)
	}
	return r, err
}

// Check says whether the drive is reached. Whether a token is right only an upload shows.
func (s *Sink) Check(ctx context.Context) error {
	up := &https.Sink{URL: s.URL, Method: http.MethodPut, Client: s.Client}
	err := up.Check(ctx)
	if errors.Is(err, web.Answer(http.StatusUnauthorized)) {
		return nil // it asks who we are, and was not told
	}
	return err
}
