package s3

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"

	"rtmtgrab/internal/handover/sink"
)

// upload sends the artifact, and returns the checksum that the server says it has; empty:
// it says none.
func (b *bucket) upload(ctx context.Context, a sink.Artifact, p *plan, r *sink.Receipt) (said string, err error) {
	o, err := b.options(a)
	if err != nil {
		return "", err
	}
	if len(p.sums) > 1 {
		return b.inParts(ctx, a, p, o, r)
	}
	o.UserMetadata["x-amz-checksum-sha256"] = p.sum64(1)
	info, err := b.core.PutObject(ctx, b.Bucket, b.key(a), p.body(ctx, 1), a.Size, "", p.sumHex(1), o)
	if err != nil {
		return "", b.explain(ctx, err, true)
	}
	r.Sent = a.Size
	return info.ChecksumSHA256, nil
}

// inParts sends the parts that the server does not have yet, some at once.
func (b *bucket) inParts(ctx context.Context, a sink.Artifact, p *plan, o minio.PutObjectOptions, r *sink.Receipt) (said string, err error) {
	id, parts, err := b.resume(ctx, a, p)
	if err == nil && id == "" {
		o.UserMetadata["x-amz-checksum-algorithm"] = "SHA256"
		id, err = b.core.NewMultipartUpload(ctx, b.Bucket, b.key(a), o)
	}
	if err != nil {
		return "", b.explain(ctx, err, false)
	}
	for n := range parts {
		_, size := p.bounds(n)
		r.Resumed += size
	}
	err = b.send(ctx, a, p, id, parts, r)
	if err != nil {
		err = b.explain(ctx, err, false)
		if sink.Permanent(err) {
			b.abort(ctx, a, id)
		}
		return "", err
	}
	list := make([]minio.CompletePart, len(p.sums))
	for n := range list {
		list[n] = parts[n+1]
	}
	info, err := b.core.CompleteMultipartUpload(ctx, b.Bucket, b.key(a), id, list, minio.PutObjectOptions{})
	if err != nil {
		if r.Resumed > 0 && minio.ToErrorResponse(err).StatusCode != 0 {
			b.abort(ctx, a, id) // parts from before may be what the server cannot put together: next time from the start
		}
		return "", b.explain(ctx, err, true)
	}
	return info.ChecksumSHA256, nil
}

// send uploads what is not in parts, and adds it there. The first error ends all.
func (b *bucket) send(ctx context.Context, a sink.Artifact, p *plan, id string, parts map[int]minio.CompletePart, r *sink.Receipt) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var mu sync.Mutex
	var wg sync.WaitGroup
	due := make(chan int)
	for range min(atOnce, len(p.sums)) {
		wg.Go(func() {
			for n := range due {
				done, err := b.part(ctx, a, p, id, n)
				if err != nil {
					stop(err)
					continue
				}
				mu.Lock()
				parts[n] = done
				_, size := p.bounds(n)
				r.Sent += size
				mu.Unlock()
			}
		})
	}
	for n := 1; n <= len(p.sums); n++ {
		mu.Lock()
		_, there := parts[n]
		mu.Unlock()
		if there {
			continue
		}
		select {
		case due <- n:
		case <-ctx.Done():
		}
	}
	close(due)
	wg.Wait()
	return context.Cause(ctx)
}

func (b *bucket) part(ctx context.Context, a sink.Artifact, p *plan, id string, n int) (minio.CompletePart, error) {
	if ctx.Err() != nil {
		return minio.CompletePart{}, context.Cause(ctx)
	}
	_, size := p.bounds(n)
	opts := minio.PutObjectPartOptions{Sha256Hex: p.sumHex(n), CustomHeader: http.Header{"X-Amz-Checksum-Sha256": {p.sum64(n)}}}
	got, err := b.core.PutObjectPart(ctx, b.Bucket, b.key(a), id, n, p.body(ctx, n), size, opts)
	if err != nil {
		return minio.CompletePart{}, err
	}
	if got.ChecksumSHA256 != "" && got.ChecksumSHA256 != p.sum64(n) {
		return minio.CompletePart{}, &sink.Error{Cause: sink.Mismatch, Err: fmt.Errorf("the server's SHA-256 of part %d is not that of what was sent", n)}
	}
	return minio.CompletePart{PartNumber: n, ETag: got.ETag, ChecksumSHA256: p.sum64(n)}, nil
}

// resume finds the upload that an earlier attempt began, and the parts of it that are
// there; others of the same key are aborted. Where nobody may list uploads there is none.
func (b *bucket) resume(ctx context.Context, a sink.Artifact, p *plan) (id string, parts map[int]minio.CompletePart, err error) {
	parts = map[int]minio.CompletePart{}
	list, err := b.core.ListMultipartUploads(ctx, b.Bucket, b.key(a), "", "", "", 100)
	if err != nil {
		if code := minio.ToErrorResponse(err).StatusCode; code == http.StatusForbidden || code == http.StatusNotImplemented || code == http.StatusMethodNotAllowed {
			return "", parts, nil
		}
		return "", parts, err
	}
	for _, up := range list.Uploads {
		if up.Key != b.key(a) {
			continue
		}
		if id != "" {
			b.abort(ctx, a, up.UploadID)
			continue
		}
		there, err := b.there(ctx, a, p, up.UploadID)
		if err != nil && passes(err) {
			return "", parts, err // it may be gone on with at the next attempt
		}
		if err != nil || len(there) == 0 {
			b.abort(ctx, a, up.UploadID)
			continue
		}
		id, parts = up.UploadID, there
	}
	return id, parts, nil
}

// there are the parts that the server has of an upload and that are ours, by its hash.
func (b *bucket) there(ctx context.Context, a sink.Artifact, p *plan, id string) (map[int]minio.CompletePart, error) {
	parts, after := map[int]minio.CompletePart{}, 0
	for range maxParts/1000 + 1 {
		list, err := b.core.ListObjectParts(ctx, b.Bucket, b.key(a), id, after, 1000)
		if err != nil {
			return nil, err
		}
		for _, got := range list.ObjectParts {
			n := got.PartNumber
			if n < 1 || n > len(p.sums) {
				return nil, nil // it is of another artifact
			}
			if _, size := p.bounds(n); got.Size == size && got.ChecksumSHA256 == p.sum64(n) {
				parts[n] = minio.CompletePart{PartNumber: n, ETag: got.ETag, ChecksumSHA256: got.ChecksumSHA256}
			}
		}
		if !list.IsTruncated || list.NextPartNumberMarker <= after {
			break
		}
		after = list.NextPartNumberMarker
	}
	return parts, nil
}

// passes reports whether an error is of this moment: no answer, a stop, a server that is
// busy.
func passes(err error) bool {
	code := minio.ToErrorResponse(err).StatusCode
	return code == 0 || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout || code >= 500 && code != http.StatusNotImplemented
}

// abort gives up an upload, so that its parts cost nothing. If it fails they stay.
func (b *bucket) abort(ctx context.Context, a sink.Artifact, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	b.core.AbortMultipartUpload(ctx, b.Bucket, b.key(a), id)
}

// confirm asks the server what it has now. said is what it answered to the upload.
func (b *bucket) confirm(ctx context.Context, a sink.Artifact, p *plan, said string) (by string, err error) {
	if said != "" && !p.isSum(said) {
		return "", &sink.Error{Cause: sink.Mismatch, Unknown: true, Err: fmt.Errorf("the server's SHA-256 of it is %.80s, which is not that of what was sent", said)}
	}
	st, err := b.core.StatObject(ctx, b.Bucket, b.key(a), minio.StatObjectOptions{Checksum: true})
	switch code := minio.ToErrorResponse(err).StatusCode; {
	case err != nil && code == http.StatusForbidden && said != "":
		return sink.BySHA256, nil // nobody may look; it said so itself
	case err != nil && code == http.StatusForbidden:
		return sink.ByStatus, nil
	case err != nil && code == http.StatusNotFound:
		return "", &sink.Error{Cause: sink.Mismatch, Err: fmt.Errorf("the server took it, and does not have it")}
	case err != nil:
		return "", b.explain(ctx, err, true)
	case st.Size != a.Size:
		return "", &sink.Error{Cause: sink.Mismatch, Unknown: true, Err: fmt.Errorf("the server has %d bytes, not %d", st.Size, a.Size)}
	case st.ChecksumSHA256 != "" && !p.isSum(st.ChecksumSHA256):
		return "", &sink.Error{Cause: sink.Mismatch, Unknown: true, Err: fmt.Errorf("the server's SHA-256 of it is %.80s, which is not that of what was sent", st.ChecksumSHA256)}
	case st.ChecksumSHA256 != "" || said != "":
		return sink.BySHA256, nil
	}
	return sink.BySize, nil
}
