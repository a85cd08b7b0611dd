// Package s3 hands bundles over to a bucket of S3, or of what is compatible with it.
//
// It guarantees that a bundle has the same key at every attempt, so that a repeat leaves
// one copy; that the server checks the SHA-256 of every request's body; that an upload in
// parts which broke off is gone on with where the server lists what it has, and otherwise
// aborted; that what counts as delivered has the right size, and the right hash where the
// server tells it; and what package web does. It does not know why a bundle goes there.
package s3

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/encrypt"

	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/handover/sink/web"
	"rtmtgrab/internal/httpproxy"
	"rtmtgrab/internal/redact"
)

// How the server encrypts, Sink.Encryption.
const (
	EncryptAES256 = "aes256"
	EncryptKMS    = "kms"
)

// A Sink is a bucket.
type Sink struct {
	Endpoint  string // host or host:port; empty: that of AWS in Region
	Region    string
	Bucket    string
	Prefix    string // of keys
	PathStyle bool   // the bucket in the path; it is always there if Endpoint is an IP address
	Plain     bool   // http

	Keys       func() (Keys, error) // nil: the instance's own credentials
	Encryption string               // EncryptAES256, EncryptKMS; empty: none that is asked for
	KMSKey     string               // empty: the account's default

	Client   web.Client
	instance string // where its credentials are; empty: where clouds have them
}

// Keys are credentials.
type Keys struct{ Access, Secret, Token string }

const (
	partSize = 8 << 20
	maxParts = 10_000
	atOnce   = 4 // parts under way

	maxAnswer = 8 << 20 // bytes: lists of 1,000 parts are far smaller
)

// A bucket is a Sink during one attempt.
type bucket struct {
	*Sink
	core  minio.Core
	heard *ear
	close func()
	own   bool // the credentials are the instance's
}

// ear hears what minio-go does not pass on: how long a server wants to be left alone, where
// it points. It
// bounds what a server may say, which minio-go holds whole.
type ear struct {
	http.RoundTripper
	answer    time.Duration
	after     atomic.Int64
	elsewhere atomic.Pointer[string] // where it pointed last; never nil
}

// RoundTrip is http.RoundTripper's.
func (e *ear) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := e.RoundTripper.RoundTrip(req)
	if err == nil {
		if d := web.RetryAfter(resp.Header.Get("Retry-After"), time.Now()); d > 0 {
			e.after.Store(int64(d))
		}
		if resp.StatusCode/100 == 3 {
			e.elsewhere.Store(new(web.Elsewhere(resp)))
		}
		resp.Body = web.Bounded(resp.Body, maxAnswer, e.answer)
	}
	return resp, err
}

func (s *Sink) open() (*bucket, error) {
	client, done, err := s.Client.HTTP()
	if err != nil {
		return nil, err
	}
	b := &bucket{Sink: s, heard: &ear{RoundTripper: client.Transport, answer: s.Client.Patience()}, close: done}
	b.heard.elsewhere.Store(new(""))
	creds, err := b.credentials()
	if err == nil {
		var c *minio.Client
		c, err = minio.New(s.endpoint(), &minio.Options{Creds: creds, Secure: !s.Plain, Transport: b.heard, Region: s.Region, BucketLookup: s.lookup(), MaxRetries: 1})
		b.core = minio.Core{Client: c}
	}
	if err != nil {
		done()
		return nil, web.Setting(err)
	}
	b.core.SetAppInfo("grab", "1")
	return b, nil
}

// A machine gives the credentials that the machine itself has.
type machine struct{ credentials.IAM }

// RetrieveWithCredContext is that of credentials.IAM, with errors of a type of their own.
func (m *machine) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	v, err := m.IAM.RetrieveWithCredContext(cc)
	if err != nil {
		return v, &noCredentials{err}
	}
	return v, nil
}

// noCredentials is why the machine has none.
type noCredentials struct{ err error }

func (e *noCredentials) Error() string {
	return "this machine has no credentials of its own: " + redact.Foreign(e.err.Error(), 200)
}

func (b *bucket) credentials() (*credentials.Credentials, error) {
	if b.Keys == nil {
		b.own = true
		return credentials.New(&machine{credentials.IAM{Client: instanceClient(), Endpoint: b.instance, Region: b.Region}}), nil
	}
	k, err := b.Keys()
	if err != nil {
		return nil, err
	}
	return credentials.NewStaticV4(k.Access, k.Secret, k.Token), nil
}

// endpoint is without a port that goes without saying: it would not be in what is signed.
// instanceClient asks for the instance's own credentials. They come in the clear from the machine
// itself: no proxy is to see them, or to answer with its own. What is asked by https, as of AWS's
// token service, goes the way of the environment.
func instanceClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = func(req *http.Request) (*url.URL, error) {
		if req.URL.Scheme == "http" {
			return nil, nil
		}
		return httpproxy.Environment(req)
	}
	t.DisableKeepAlives = true // each delivery has a client of its own
	return &http.Client{Transport: t, Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (s *Sink) endpoint() string {
	usual := ":443"
	if s.Plain {
		usual = ":80"
	}
	if s.Endpoint == "" {
		return "s3." + s.Region + ".amazonaws.com"
	}
	return strings.TrimSuffix(s.Endpoint, usual)
}

func (s *Sink) lookup() minio.BucketLookupType {
	host := s.Endpoint
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if s.PathStyle || net.ParseIP(host) != nil {
		return minio.BucketLookupPath
	}
	return minio.BucketLookupDNS
}

func (s *Sink) key(a sink.Artifact) string { return s.Prefix + a.Name }

// options say how the object is kept.
func (b *bucket) options(a sink.Artifact) (minio.PutObjectOptions, error) {
	o := minio.PutObjectOptions{ContentType: "application/octet-stream", UserMetadata: map[string]string{"sha256": a.SHA256}}
	switch b.Encryption {
	case EncryptAES256:
		o.ServerSideEncryption = encrypt.NewSSE()
	case EncryptKMS:
		sse, err := encrypt.NewSSEKMS(b.KMSKey, nil)
		if err != nil {
			return o, web.Setting(err)
		}
		o.ServerSideEncryption = sse
	}
	return o, nil
}

// Deliver uploads an artifact.
func (s *Sink) Deliver(ctx context.Context, a sink.Artifact) (sink.Receipt, error) {
	receipt := sink.Receipt{Place: "s3://" + s.Bucket + "/" + s.key(a)}
	plan, err := newPlan(ctx, a)
	if err != nil {
		return receipt, err
	}
	defer plan.file.Close()
	b, err := s.open()
	if err != nil {
		return receipt, err
	}
	defer b.close()

	if by, err := b.look(ctx, a, plan); err != nil {
		return receipt, b.explain(ctx, err, false)
	} else if by == sink.BySHA256 || by == sink.BySize {
		receipt.Verified, receipt.Resumed = by, a.Size // by an attempt whose answer was lost
		return receipt, nil
	}
	said, err := b.upload(ctx, a, plan, &receipt)
	if err != nil {
		return receipt, err
	}
	receipt.Verified, err = b.confirm(ctx, a, plan, said)
	return receipt, err
}

// look is by what is known that the bucket has the artifact, empty if it does not, or
// lets nobody look.
func (b *bucket) look(ctx context.Context, a sink.Artifact, p *plan) (by string, err error) {
	st, err := b.core.StatObject(ctx, b.Bucket, b.key(a), minio.StatObjectOptions{Checksum: true})
	if err != nil {
		if code := minio.ToErrorResponse(err).StatusCode; code == http.StatusNotFound || code == http.StatusForbidden {
			return "", nil
		}
		return "", err
	}
	switch {
	case st.Size != a.Size:
		return "", nil
	case st.ChecksumSHA256 != "" && p.isSum(st.ChecksumSHA256):
		return sink.BySHA256, nil
	case st.ChecksumSHA256 == "" && st.UserMetadata["Sha256"] == a.SHA256:
		return sink.BySize, nil
	}
	return "", nil
}

// Check asks for an object that is not there, with the credentials of an upload.
func (s *Sink) Check(ctx context.Context) error {
	b, err := s.open()
	if err != nil {
		return err
	}
	defer b.close()
	_, err = b.core.ListMultipartUploads(ctx, s.Bucket, s.Prefix+".grab-check", "", "", "", 1)
	if code := minio.ToErrorResponse(err).Code; code == "AccessDenied" || code == "NotImplemented" {
		// Some rights are for writing alone: is it the bucket, or all?
		_, err = b.core.StatObject(ctx, s.Bucket, s.Prefix+".grab-check", minio.StatObjectOptions{})
		if minio.ToErrorResponse(err).Code == "NoSuchKey" {
			err = nil
		}
	}
	if err != nil {
		return b.explain(ctx, err, false)
	}
	return nil
}
