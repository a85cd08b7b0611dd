// Package webhook receives alerts that programs post, each signed with a secret that they
// share with us: Alertmanager, Zabbix, and whatever people have.
//
// It guarantees that nothing is taken that is not signed, or was signed long ago; that 202
// is answered only after the alerts are safe on disk; that the same body is one alert,
// however often it comes; that a sender is told which field is wrong; and that strangers
// cost little and keep no sender out. It does not know what an alert starts, nor whether a
// sender that has the secret tells the truth.
package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"rtmtgrab/internal/collector/incoming"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
)

// Bounds of what is taken.
const (
	MaxBody   = 64 << 10 // bytes of a request
	MaxAlerts = 64       // of a request

	minSecret = 16 // bytes

	perSecond = 5  // alerts, in the long run
	atOnce    = 90 // alerts beyond that
)

// A Handler answers POST /alerts. It is safe for concurrent use.
type Handler struct {
	Config func() *config.Config                                                       // in force; alerts.webhook may be gone from it
	Take   func(ctx context.Context, list ...incoming.Alert) (fresh []bool, err error) // as of incoming.Intake
	Decide func()
	Log    *slog.Logger
	Now    func() time.Time // nil: time.Now

	once   sync.Once
	limit  *rate.Limiter
	recent recent
	tally  tally
}

// An answer is what a sender gets.
type answer struct {
	Alerts  []accepted `json:"alerts,omitempty"`
	Ignored []string   `json:"ignored,omitempty"` // keys of the body that say nothing to us
	Note    string     `json:"note,omitempty"`
	Error   string     `json:"error,omitempty"`
	Field   string     `json:"field,omitempty"` // that is wrong
}

// accepted is how an alert was understood.
type accepted struct {
	ID      string    `json:"id"`
	Fresh   bool      `json:"fresh"` // it was not seen before
	Name    string    `json:"name"`
	Kind    string    `json:"kind"`
	Cluster string    `json:"cluster"`
	Node    string    `json:"node"`
	Count   *int      `json:"count,omitempty"`
	Devices []string  `json:"devices,omitempty"`
	Time    time.Time `json:"time"`
}

func (h *Handler) now() time.Time {
	if h.Now != nil {
		return h.Now()
	}
	return time.Now()
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	h.once.Do(func() { h.limit = rate.NewLimiter(perSecond, atOnce) })
	rw.Header().Set("Cache-Control", "no-store")
	rw.Header().Set("X-Content-Type-Options", "nosniff")
	switch {
	case r.URL.Path != "/alerts":
		fail(rw, http.StatusNotFound, "", "there is only POST /alerts here")
	case r.Method != http.MethodPost:
		rw.Header().Set("Allow", http.MethodPost)
		fail(rw, http.StatusMethodNotAllowed, "", "alerts are posted: use POST")
	case r.ContentLength > MaxBody:
		h.tooLarge(rw, r)
	default:
		h.post(rw, r)
	}
}

func (h *Handler) tooLarge(rw http.ResponseWriter, r *http.Request) {
	h.tally.refuse(h, r, "the body is larger than 64 KiB")
	fail(rw, http.StatusRequestEntityTooLarge, "", "the body is larger than 64 KiB: send fewer alerts at once (Alertmanager: max_alerts)")
}

// post takes the alerts of a request.
func (h *Handler) post(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, MaxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		h.tooLarge(rw, r)
		return
	}
	if err != nil {
		fail(rw, http.StatusBadRequest, "", "the body did not come whole")
		return
	}
	cfg := h.Config()
	if cfg.Alerts.Webhook == nil { // a reload has taken it away
		fail(rw, http.StatusServiceUnavailable, "", "alerts are not taken here any more")
		return
	}
	secret, err := secretOf(cfg.Alerts.Webhook)
	if err != nil {
		h.tally.broken(h, err)
		fail(rw, http.StatusServiceUnavailable, "", "the secret of alerts.webhook cannot be read on this machine; the log of grab watch says why")
		return
	}
	if why := verify(r.Header, body, secret, h.now(), cfg.Alerts.Webhook.Skew); why != "" {
		h.tally.refuse(h, r, why)
		rw.Header().Set("WWW-Authenticate", `Grab-HMAC-SHA256 realm="alerts"`)
		fail(rw, http.StatusUnauthorized, "", why)
		return
	}
	h.signed(rw, r, body, cfg)
}

// secretOf is what is shared with senders, as it is now.
func secretOf(in *config.Intake) (string, error) {
	secret, err := in.Secret.Read()
	if err == nil && len(secret) < minSecret {
		err = fmt.Errorf("it is shorter than %d bytes, and can be guessed: `openssl rand -hex 32` makes a good one", minSecret)
	}
	return secret, err
}

// signed takes the alerts of a body whose sender has the secret.
func (h *Handler) signed(rw http.ResponseWriter, r *http.Request, body []byte, cfg *config.Config) {
	got, err := Read(body, cfg.Alerts.Kinds, h.now())
	if err != nil {
		out := answer{Error: err.Error()}
		if f, ok := errors.AsType[*FieldError](err); ok {
			out.Field = f.Field
		}
		h.tally.refuse(h, r, err.Error())
		write(rw, http.StatusBadRequest, out)
		return
	}
	list := got.alerts(body)
	out := answer{Ignored: got.Ignored}
	if len(list) == 0 {
		out.Note = "no alert of this body is firing: nothing was done"
		write(rw, http.StatusOK, out)
		return
	}

	again := h.recent.has(list[0].ID, h.now())
	if !again && !h.limit.AllowN(h.now(), len(list)) {
		h.tally.refuse(h, r, "too many alerts at once")
		rw.Header().Set("Retry-After", strconv.Itoa(len(list)/perSecond+1))
		fail(rw, http.StatusTooManyRequests, "", "too many alerts at once: send this again later")
		return
	}
	fresh := make([]bool, len(list))
	if !again {
		if fresh, err = h.Take(context.WithoutCancel(r.Context()), list...); err != nil { // a sender may hang up: what he sent is here
			h.Log.Error("a posted alert is not safe on disk; its sender was told to send it again", "from", r.RemoteAddr, "err", err)
			rw.Header().Set("Retry-After", "10")
			fail(rw, http.StatusServiceUnavailable, "", "the alert could not be written to disk: send it again")
			return
		}
		h.recent.add(list[0].ID, h.now(), 2*cfg.Alerts.Webhook.Skew)
	}
	h.tally.accept(h.now(), fresh)
	for i, a := range list {
		out.Alerts = append(out.Alerts, accepted{a.ID, fresh[i], a.Name, a.Kind, a.Cluster, a.Node, a.Count, a.Devices, a.Time})
	}
	write(rw, http.StatusAccepted, out)
	if !again {
		http.NewResponseController(rw).Flush() // whoever waits need not wait for what is decided
		h.Decide()
	}
}

func fail(rw http.ResponseWriter, code int, field, what string) {
	write(rw, code, answer{Error: what, Field: field})
}

func write(rw http.ResponseWriter, code int, out answer) {
	b, err := json.Marshal(out)
	if err != nil { // a defect here
		b = []byte(`{"error":"internal error"}`)
	}
	rw.Header().Set("Content-Type", "application/json")
	rw.Header().Set("Content-Length", strconv.Itoa(len(b)+1))
	rw.WriteHeader(code)
	rw.Write(append(b, '\n'))
}

// A Tally is what came lately.
type Tally struct {
	Accepted  time.Time // the last that was taken
	Alerts    int       // taken since the start, each once
	Refused   int       // requests of the last hour
	Since     time.Time // the first of them
	Last      time.Time
	Why, From string // of the last
}

// tally counts. It is safe for concurrent use.
type tally struct {
	mu   sync.Mutex
	now  Tally
	said time.Time
}

func (t *tally) accept(now time.Time, fresh []bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.Accepted = now
	for _, f := range fresh {
		if f {
			t.now.Alerts++
		}
	}
}

// quiet is after how long without one the refusals are counted anew.
const quiet = time.Hour

// refuse counts a request that was not taken, and says so at most once a minute.
func (t *tally) refuse(h *Handler, r *http.Request, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := h.now()
	if now.Sub(t.now.Last).Abs() >= quiet {
		t.now.Refused, t.now.Since = 0, now
	}
	from, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		from = r.RemoteAddr
	}
	t.now.Refused, t.now.Last, t.now.Why, t.now.From = t.now.Refused+1, now, evidence.Printable(why, 300), from
	if now.Sub(t.said).Abs() < time.Minute {
		return
	}
	t.said = now
	h.Log.Warn("a posted alert was refused", "from", from, "why", t.now.Why, "refused", t.now.Refused)
}

// broken says at most once a minute that the secret cannot be read.
func (t *tally) broken(h *Handler, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := h.now(); now.Sub(t.said).Abs() >= time.Minute {
		t.said = now
		h.Log.Error("posted alerts cannot be verified: the secret cannot be read", "err", err)
	}
}

// Tally is what came lately.
func (h *Handler) Tally() Tally {
	h.tally.mu.Lock()
	defer h.tally.mu.Unlock()
	now := h.tally.now
	if h.now().Sub(now.Last).Abs() >= quiet {
		now.Refused = 0
	}
	return now
}
