package prt

import (
	"errors"
	"fmt"
	"net/http"

	"rtmtgrab/internal/evidence"
)

// Reasons why a report was refused. Readers must accept new ones.
const (
	FromElsewhere = "network"   // the sender is in none of the networks
	NotPost       = "method"    // no upload
	NotForm       = "form"      // no multipart/form-data, or a damaged one
	CutOff        = "cut_off"   // the upload, or the gzip stream in it, broke off
	TooLarge      = "too_large" // larger than prt.max
	NotGzip       = "not_gzip"
	NoDevice      = "device" // no name of a device, or none that can be
	Full          = "full"   // prt.total, prt.count, or too many of one device
	NoRoom        = "disk"   // the reserve of the disk (keep.free), or the disk is full
	Busy          = "busy"   // too many senders at once
	TooSlow       = "slow"
	Failed        = "error" // a fault of this machine
)

// A Refusal is why a report was not taken.
type Refusal struct {
	Reason string // one of those above
	What   string // one sentence
}

func (r *Refusal) Error() string { return r.What }

func refuse(reason, format string, args ...any) *Refusal {
	return &Refusal{reason, fmt.Sprintf(format, args...)}
}

// refusal is an error as a Refusal.
func refusal(err error) *Refusal {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r
	}
	return &Refusal{Failed, err.Error()}
}

// code is the status that a phone gets. Any but 200 it shows as a failure.
func (r *Refusal) code() int {
	switch r.Reason {
	case FromElsewhere:
		return http.StatusForbidden
	case NotPost:
		return http.StatusMethodNotAllowed
	case TooLarge:
		return http.StatusRequestEntityTooLarge
	case NotGzip:
		return http.StatusUnsupportedMediaType
	case Full, NoRoom:
		return http.StatusInsufficientStorage
	case Busy:
		return http.StatusServiceUnavailable
	case TooSlow:
		return http.StatusRequestTimeout
	case Failed:
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

func short(s string) string { return evidence.Printable(s, 100) }
