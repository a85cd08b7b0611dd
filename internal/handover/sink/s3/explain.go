package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/handover/sink/web"
	"rtmtgrab/internal/redact"
)

// explain is what an error of a request means for a delivery. sent says that the request
// makes the object.
func (b *bucket) explain(ctx context.Context, err error, sent bool) error {
	if ours, ok := errors.AsType[*sink.Error](err); ok {
		return ours
	}
	var said minio.ErrorResponse
	if !errors.As(err, &said) || said.StatusCode == 0 {
		if none, ok := errors.AsType[*noCredentials](err); ok {
			return &sink.Error{Cause: sink.Refused, Err: none}
		}
		return web.Failed(ctx, err, sent)
	}
	e := web.Status(said.StatusCode)
	e.After = time.Duration(b.heard.after.Load())
	e.Unknown = sent && said.StatusCode >= 500 && e.Cause == sink.Busy && said.Code != "SlowDown" && said.Code != "ServiceUnavailable"
	e.Err = errors.New("it answered " + words(said))
	switch said.Code {
	case "SlowDown", "ServiceUnavailable", "RequestTimeout", "OperationAborted":
		e.Cause, e.Permanent = sink.Busy, false
	case "QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage", "StorageFull":
		e.Cause, e.Permanent = sink.Full, false
	case "BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "IncompleteBody":
		e.Cause, e.Permanent = sink.Mismatch, false
	case "NoSuchUpload": // somebody aborted it: the next attempt begins anew
		e.Cause, e.Permanent = sink.Busy, false
	case "ExpiredToken", "InvalidToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthorizationHeaderMalformed", "XAdminUserNotFound":
		e.Cause, e.Permanent = sink.Refused, !b.own // the instance's own are renewed
	case "RequestTimeTooSkewed":
		e.Cause, e.Permanent = sink.Refused, false
		e.Err = fmt.Errorf("%w: set this machine's clock", e.Err)
	}
	if e.Cause == sink.Redirect {
		e.Err = fmt.Errorf("%w%s: the bucket is elsewhere; set endpoint and region", e.Err, *b.heard.elsewhere.Load())
	}
	return e
}

// words are what a server answered. To what it did not say minio-go gives the status as its
// code and as its message.
func words(said minio.ErrorResponse) string {
	status := strconv.Itoa(said.StatusCode)
	if strings.HasPrefix(said.Code, status) {
		return status + " " + http.StatusText(said.StatusCode)
	}
	return status + " " + redact.Foreign(strings.TrimSpace(said.Code+": "+said.Message), 300)
}
