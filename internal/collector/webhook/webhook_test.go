package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/collector/incoming"
	"rtmtgrab/internal/config"
)

const (
	testSecret = "9f2c7e1ab04d5583c6e0"
	ours       = `{"cluster": "StandAloneCluster", "node": "cucm01", "count": 2, "devices": ["SEP00EBD5D5D8E8"], "time": "2026-03-02T14:14:07Z"}`
)

var testNow = time.Date(2026, 3, 2, 14, 15, 0, 0, time.UTC)

// a dispatcher is a handler with a journal that the test is.
type dispatcher struct {
	*Handler
	mu    sync.Mutex
	taken map[string]incoming.Alert
	fault error
}

func newDesk(t *testing.T) *dispatcher {
	t.Helper()
	d := &dispatcher{taken: map[string]incoming.Alert{}}
	cfg := &config.Config{Alerts: config.Alerts{Webhook: &config.Intake{Secret: config.NewSecret(testSecret), Skew: 5 * time.Minute},
		Kinds: []config.Kind{{Name: "trunk", Match: regexp.MustCompile("(?i)SIPTrunkOOS")}}}}
	d.Handler = &Handler{Config: func() *config.Config { return cfg }, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return testNow }, Decide: func() {},
		Take: func(_ context.Context, list ...incoming.Alert) ([]bool, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.fault != nil {
				return nil, d.fault
			}
			fresh := make([]bool, len(list))
			for i, a := range list {
				_, known := d.taken[a.ID]
				fresh[i] = !known
				d.taken[a.ID] = a
			}
			return fresh, nil
		}}
	return d
}

// post posts a body, signed at a time, after change had its way with the request.
func (d *dispatcher) post(body string, at time.Time, change func(*http.Request)) (code int, out answer) {
	r := httptest.NewRequest("POST", "/alerts", strings.NewReader(body))
	stamp := strconv.FormatInt(at.Unix(), 10)
	r.Header.Set(TimestampHeader, stamp)
	r.Header.Set(SignatureHeader, Sign(testSecret, stamp, []byte(body)))
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		out.Error = "no JSON: " + w.Body.String()
	}
	return w.Code, out
}

func TestTaken(t *testing.T) {
	d := newDesk(t)
	code, out := d.post(ours, testNow, nil)
	sum := sha256.Sum256([]byte(ours))
	id := hex.EncodeToString(sum[:])
	if code != 202 || len(out.Alerts) != 1 || out.Alerts[0].ID != id || !out.Alerts[0].Fresh || out.Alerts[0].Kind != "partial" {
		t.Fatalf("%d %+v", code, out)
	}
	a := d.taken[id]
	if string(a.Raw) != ours || a.Node != "cucm01" || *a.Count != 2 || a.Source != "webhook" || !a.Auth.OK || a.Name != DefaultName || a.Devices[0] != "SEP00EBD5D5D8E8" || !a.Time.Equal(testNow.Add(-53*time.Second)) {
		t.Errorf("%+v", a)
	}
	for range 500 { // sent again and again: it costs nothing, and keeps nobody out
		if code, out = d.post(ours, testNow, nil); code != 202 || out.Alerts[0].Fresh {
			t.Fatalf("%d %+v", code, out)
		}
	}
	if code, _ := d.post(strings.Replace(ours, "cucm01", "cucm02", 1), testNow.Add(-4*time.Minute), nil); code != 202 || len(d.taken) != 2 {
		t.Errorf("another one: %d, %d taken", code, len(d.taken))
	}
}

// What is not signed, by the secret and lately, is not taken, nor looked into.
func TestForged(t *testing.T) {
	d := newDesk(t)
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	stamp := strconv.FormatInt(testNow.Unix(), 10)
	for name, c := range map[string]struct {
		at     time.Time
		change func(*http.Request)
		why    string
	}{
		"no signature":    {testNow, func(r *http.Request) { r.Header.Del(SignatureHeader) }, "not signed"},
		"no timestamp":    {testNow, func(r *http.Request) { r.Header.Del(TimestampHeader) }, "not signed"},
		"two signatures":  {testNow, func(r *http.Request) { r.Header.Add(SignatureHeader, "sha256=00") }, "not signed"},
		"empty signature": {testNow, set(SignatureHeader, "sha256="), "signature is wrong"},
		"no hex":          {testNow, set(SignatureHeader, "sha256=zz"), "signature is wrong"},
		"half":            {testNow, set(SignatureHeader, Sign(testSecret, stamp, []byte(ours))[:39]), "signature is wrong"},
		"another secret":  {testNow, set(SignatureHeader, Sign("guessed"+testSecret, stamp, []byte(ours))), "signature is wrong"},
		"another body":    {testNow, func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(ours + " ")) }, "signature is wrong"},
		"another time":    {testNow, set(TimestampHeader, strconv.FormatInt(testNow.Unix()+1, 10)), "signature is wrong"},
		"old":             {testNow.Add(-5*time.Minute - time.Second), nil, "behind this machine's clock"},
		"of tomorrow":     {testNow.Add(24 * time.Hour), nil, "ahead of this machine's clock"},
		"no time": {testNow, func(r *http.Request) {
			r.Header.Set(TimestampHeader, "now")
			r.Header.Set(SignatureHeader, Sign(testSecret, "now", []byte(ours)))
		}, "not a number"},
		"time beyond number": {testNow, func(r *http.Request) {
			s := "99999999999999999999"
			r.Header.Set(TimestampHeader, s)
			r.Header.Set(SignatureHeader, Sign(testSecret, s, []byte(ours)))
		}, "not a number"},
	} {
		if code, out := d.post(ours, c.at, c.change); code != 401 || !strings.Contains(out.Error, c.why) || len(d.taken) != 0 {
			t.Errorf("%s: %d %+v, %d taken", name, code, out, len(d.taken))
		}
	}
	var r status.Report
	d.Report(&r, d.Config().Alerts.Webhook)
	if len(r.Problems) != 1 || r.Problems[0].Key != "webhook/refused" || r.Webhook.Refused != 13 || r.Problems[0].Blocks {
		t.Errorf("%+v %+v", r.Webhook, r.Problems)
	}
}

func TestRefused(t *testing.T) {
	d := newDesk(t)
	huge := strings.Repeat(" ", MaxBody) + ours
	for name, c := range map[string]struct {
		body   string
		change func(*http.Request)
		code   int
	}{
		"get":               {ours, func(r *http.Request) { r.Method = "GET" }, 405},
		"elsewhere":         {ours, func(r *http.Request) { r.URL.Path = "/alerts/" }, 404},
		"huge":              {huge, nil, 413},
		"huge, no length":   {huge, func(r *http.Request) { r.ContentLength = -1 }, 413},
		"broken off":        {ours, func(r *http.Request) { r.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF)) }, 400},
		"nothing is firing": {`{"status": "resolved", "node": "cucm01"}`, nil, 200},
	} {
		if code, out := d.post(c.body, testNow, c.change); code != c.code || len(d.taken) != 0 {
			t.Errorf("%s: %d %+v", name, code, out)
		}
	}
	d.fault = errors.New("disk full")
	if code, out := d.post(ours, testNow, nil); code != 503 || out.Error == "" || strings.Contains(out.Error, "disk full") {
		t.Errorf("%d %+v", code, out)
	}
	d.fault = nil
	if code, out := d.post(ours, testNow, nil); code != 202 || !out.Alerts[0].Fresh {
		t.Errorf("sent again: %d %+v", code, out)
	}
	codes := map[int]int{}
	for i := range 200 { // what is too much is told to come later
		code, _ := d.post(strings.Replace(ours, "cucm01", fmt.Sprint("n", i), 1), testNow, nil)
		codes[code]++
	}
	if codes[202] != atOnce-2 || codes[429] != 200-atOnce+2 {
		t.Errorf("%v", codes)
	}
}

// A secret that cannot be read refuses nobody for good, and is told of before anything is posted.
func TestSecretGone(t *testing.T) {
	d := newDesk(t)
	told := func() (keys string) {
		var r status.Report
		d.Report(&r, d.Config().Alerts.Webhook)
		for _, p := range r.Problems {
			keys += p.Key
		}
		return keys
	}
	good := d.Config().Alerts.Webhook.Secret
	d.Config().Alerts.Webhook.Secret = config.NewSecret("x8k2")
	if code, _ := d.post(ours, testNow, nil); code != 503 {
		t.Errorf("a secret that can be guessed: %d", code)
	}
	d.Config().Alerts.Webhook.Secret = config.SecretFile("no such file")
	if got := told(); got != "webhook/secret" {
		t.Errorf("nothing was posted yet: %q", got)
	}
	if code, _ := d.post(ours, testNow, nil); code != 503 {
		t.Errorf("%d", code)
	}
	d.Config().Alerts.Webhook.Secret = good
	if got := told(); got != "" {
		t.Errorf("it is there again: %q", got)
	}
}

const alertmanager = `{"version": "4", "receiver": "grab", "status": "firing", "commonLabels": {"cluster": "StandAloneCluster"}, "commonAnnotations": {}, "alerts": [
 {"status": "firing", "labels": {"alertname": "PartialPhones", "instance": "cucm01.example.com:8443", "kind": "Deployment"}, "annotations": {"count": "3"}, "startsAt": "2026-03-02T09:14:07.123-05:00", "endsAt": "0001-01-01T00:00:00Z"},
 {"status": "resolved", "labels": {"instance": "cucm02"}, "startsAt": "2026-03-02T14:14:07Z"},
 {"status": "firing", "labels": {"alertname": "SIPTrunkOOS", "node": "10.0.20.3", "instance": "exporter:9100"}, "annotations": null, "startsAt": "2026-03-02T14:10:00Z"}]}`

func TestAlertmanager(t *testing.T) {
	d := newDesk(t)
	code, out := d.post(alertmanager, testNow, nil)
	if code != 202 || len(out.Alerts) != 2 || len(d.taken) != 2 {
		t.Fatalf("%d %+v", code, out)
	}
	a, b := out.Alerts[0], out.Alerts[1]
	if a.Node != "cucm01.example.com" || a.Cluster != "StandAloneCluster" || *a.Count != 3 || a.Name != "PartialPhones" || a.Kind != "partial" || !a.Time.Equal(time.Date(2026, 3, 2, 14, 14, 7, 123e6, time.UTC)) {
		t.Errorf("%+v", a)
	}
	if b.Node != "10.0.20.3" || b.Kind != "trunk" || b.Count != nil || b.ID == a.ID {
		t.Errorf("%+v", b)
	}
}

// The field that is wrong is named.
func TestFields(t *testing.T) {
	d := newDesk(t)
	for body, field := range map[string]string{
		`{"cluster": 7, "time": 1772460847}`: "cluster", `{"time": 1772460847}`: "node", `{"node": "a\u0007", "time": 1772460847}`: "node",
		`{"node": "a"}`: "time", `{"node": "a", "time": "yesterday"}`: "time", `{"node": "a", "time": "2026-03-02 14:14:07"}`: "time", `{"node": "a", "time": true}`: "time",
		`{"node": "a", "time": 1}`: "time", `{"node": "a", "time": "2027-01-01T00:00:00Z"}`: "time", `{"node": "a", "time": "NaN"}`: "time",
		`{"node": "a", "time": 1772460847, "count": -1}`: "count", `{"node": "a", "time": 1772460847, "count": "many"}`: "count", `{"node": "a", "time": 1772460847, "value": 1.5}`: "value",
		`{"node": "a", "time": 1772460847, "devices": [7]}`: "devices", `{"node": "a", "time": 1772460847, "devices": ["", "b"]}`: "devices[0]",
		`{"node": "a", "time": 1772460847, "kind": "unknown"}`: "kind", `{"alerts": {}}`: "alerts", `{"alerts": [{"labels": []}]}`: "alerts[0].labels",
		`{"alerts": [{"status": "resolved"}, {"labels": {"node": "a"}, "startsAt": "x"}]}`: "alerts[1].startsAt", `{"alerts": [{"labels": {"node": 1}}]}`: "alerts[0].labels.node",
		`{"commonLabels": 1, "alerts": [{}]}`: "commonLabels", `{"alerts": [` + strings.Repeat(`{},`, MaxAlerts) + `{}]}`: "alerts",
		`[]`: "", `null`: "", `{`: "", `{} {}`: "", ``: "", "{\"node\": \"a\xff\", \"time\": 1772460847}": "",
		`{"node": "a", "time": 1772460847, "node": "b"}`: "node", `{"node": "a", "time": 1772460847, "x": [0, {"y": 1, "y": 1}]}`: "x[1].y",
		`{"alerts": [{"labels": {"node": "a", "node": "b"}, "startsAt": "2026-03-02T14:14:07Z"}]}`: "alerts[0].labels.node",
	} {
		code, out := d.post(body, testNow, nil)
		if code != 400 || out.Field != field || out.Error == "" || len(d.taken) != 0 {
			t.Errorf("%s: %d %+v", body, code, out)
		}
	}
	for body, want := range map[string]string{ // as other systems write it
		`{"host": "cucm01", "value": "2", "clock": "1772460847", "devices": "SEP1, SEP2", "eventid": 7}`: "cucm01 2 2 [eventid]",
		`{"hostname": "[2001:db8::1]:8443", "count": 2.0, "timestamp": 1772460847000}`:                   "2001:db8::1 2 0 []",
		`{"node": "2001:db8::1", "count": null, "count2": 1, "value": 0, "time": 1772460847.5}`:          "2001:db8::1 0 0 [count2]",
	} {
		code, out := d.post(body, testNow, nil)
		if code != 202 {
			t.Errorf("%s: %d %+v", body, code, out)
			continue
		}
		a := out.Alerts[0]
		if got := fmt.Sprint(a.Node, " ", *a.Count, " ", len(a.Devices), " ", out.Ignored); got != want || a.Time.Unix() != 1772460847 {
			t.Errorf("%s: %s at %v, want %s", body, got, a.Time, want)
		}
	}
}

// FuzzRead: whatever is posted, nothing is taken that has no time and no place, that is
// beyond the bounds, or that cannot be printed; and the same is read alike again.
func FuzzRead(f *testing.F) {
	f.Add([]byte(ours))
	f.Add([]byte(alertmanager))
	f.Add([]byte(`{"host": "h", "value": "1", "clock": 1772460847, "devices": "a b"}`))
	f.Add([]byte(`{"alerts": [{"labels": {"node": "a"}, "startsAt": "2026-03-02T14:14:07Z"}]}`))
	f.Add([]byte(`{"node": "a", "time": 1e308}`))
	f.Add([]byte(`{"node": "a", "time": 1772460847, "x": [{"node": 1}, {"node": 1, "node": 2}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := Read(body, nil, testNow)
		again, errAgain := Read(body, nil, testNow)
		if (err == nil) != (errAgain == nil) || fmt.Sprint(got.Ignored) != fmt.Sprint(again.Ignored) || len(got.Alerts) != len(again.Alerts) {
			t.Fatalf("%v %v", err, errAgain)
		}
		if err != nil {
			return
		}
		if len(got.Alerts) > MaxAlerts || !json.Valid(bytes.TrimSpace(body)) {
			t.Fatalf("%d alerts of %q", len(got.Alerts), body)
		}
		ids := map[string]bool{}
		for _, a := range got.alerts(body) {
			if ids[a.ID] || a.Time.Year() < 2000 || a.Time.After(testNow.Add(time.Hour)) || a.Node == "" && a.Cluster == "" || len(a.Node) > maxText || len(a.Devices) > maxDevices || a.Count != nil && (*a.Count < 0 || *a.Count > maxCount) || a.Kind != "partial" {
				t.Fatalf("%+v", a)
			}
			ids[a.ID] = true
		}
	})
}
