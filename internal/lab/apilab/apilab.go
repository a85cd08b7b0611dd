// Package apilab is Expressways' REST API as far as diagnostic logging goes: its description,
// start, stop, collect, download, with Basic authentication and a ban for those who fail at
// it; and all that can go wrong with it.
//
// It knows what was asked of it, and whether a run is under way and since when. The shape
// follows two public clients; no appliance was ever asked. It listens on loopback addresses only.
package apilab

import (
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Faults are what goes wrong. The zero value is an appliance that does well.
type Faults struct {
	NoRAML   bool            // its description has no diagnostic logging
	V1       bool            // it is below /api/v1 alone
	POST     bool            // POST in place of PUT
	NoMark   bool            // a run shows no more than that it runs
	NoMode   bool            // it does not show whether one runs
	Peer     *Appliance      // the primary of its cluster: start and stop are that one's
	Gate     <-chan struct{} // nothing is answered until it is closed
	Denied   bool            // 403: the account has no API access
	CutAt    int             // a download ends there; zero: it does not
	Lengthy  bool            // its Content-Length is right though it is cut
	Archive  []byte          // what is downloaded; nil: a small tar.gz of the caller's
	NotReady int             // so many times it is not collected yet
	Deaf     bool            // start says yes and starts nothing
}

// An Appliance is one Expressway's API.
type Appliance struct {
	User, Password string
	server         *httptest.Server

	mu      sync.Mutex
	faults  Faults
	run     time.Time // since when; zero: none
	by      string
	ready   int // questions until it can be downloaded; negative: nothing was collected
	asked   []string
	failed  int
	archive []byte
}

// New starts one; archive is what it has to download. Its Close is due.
func New(archive []byte) *Appliance {
	a := &Appliance{User: "grab-api", Password: rand.Text(), ready: -1, archive: archive}
	a.server = httptest.NewUnstartedServer(http.HandlerFunc(a.serve))
	a.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	a.server.StartTLS()
	return a
}

// Close hangs up.
func (a *Appliance) Close() { a.server.CloseClientConnections(); a.server.Close() }

// Addr is where it listens.
func (a *Appliance) Addr() string { return a.server.Listener.Addr().String() }

// CAPEM is its certificate, which it signed itself.
func (a *Appliance) CAPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.server.Certificate().Raw})
}

// SetFaults changes what goes wrong from now on.
func (a *Appliance) SetFaults(f Faults) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = f
}

// Start is somebody who starts a run, in the place of one that is under way; Stop stops it.
func (a *Appliance) Start(by string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.run, a.by = time.Now(), by
}

// Stop is somebody, or the appliance itself, who ends what runs.
func (a *Appliance) Stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.run = time.Time{}
}

// Running is who started what runs, "" if nothing does.
func (a *Appliance) Running() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.run.IsZero() {
		return ""
	}
	return a.by
}

// Asked are the modes that were ordered, and "GET" and "raml", in their order.
func (a *Appliance) Asked() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.asked)
}

// Failed is how many logins were refused.
func (a *Appliance) Failed() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed
}

func (a *Appliance) serve(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	f := a.faults
	a.mu.Unlock()
	if f.Gate != nil {
		select {
		case <-f.Gate:
		case <-r.Context().Done():
			return
		}
	}
	user, password, _ := r.BasicAuth()
	switch {
	case user != a.User || password != a.Password:
		a.mu.Lock()
		a.failed++
		a.mu.Unlock()
		w.WriteHeader(http.StatusUnauthorized)
	case f.Denied:
		w.WriteHeader(http.StatusForbidden)
	case r.URL.Path == "/api/raml":
		a.note("raml")
		fmt.Fprint(w, "#%RAML 0.8\ntitle: Expressway\n/provisioning:\n  /common:\n    /dns:\n")
		if !f.NoRAML {
			fmt.Fprint(w, "    /diagnosticlogging:\n      get:\n      put:\n")
		}
	case r.URL.Path == "/api/provisioning/common/diagnosticlogging" && !f.V1, r.URL.Path == "/api/v1/provisioning/common/diagnosticlogging" && f.V1:
		a.logging(w, r, f)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (a *Appliance) note(what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, what)
}

func (a *Appliance) logging(w http.ResponseWriter, r *http.Request, f Faults) {
	want := http.MethodPut
	if f.POST {
		want = http.MethodPost
	}
	switch r.Method {
	case http.MethodGet:
		a.note("GET")
		a.show(w, f)
	case want:
		var order struct{ Mode, TCPDump string }
		if json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&order) != nil || r.Header.Get("X-CSRF-Header") == "" {
			say(w, "this is no order")
			return
		}
		a.note(order.Mode)
		a.order(w, f, order.Mode)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func say(w http.ResponseWriter, message string) {
	w.WriteHeader(http.StatusBadRequest)
	json.NewEncoder(w).Encode(map[string]string{"Message": message})
}

// show is the answer to a question.
func (a *Appliance) show(w http.ResponseWriter, f Faults) {
	of := a
	if f.Peer != nil {
		of = f.Peer
	}
	of.mu.Lock()
	run := of.run
	of.mu.Unlock()
	fields := map[string]any{"DownLoadStatus": "Not ready to download"}
	a.mu.Lock()
	if a.ready > 0 {
		a.ready--
	}
	if a.ready == 0 {
		fields["DownLoadStatus"] = "Ready to download"
	}
	a.mu.Unlock()
	if !f.NoMode {
		fields["Mode"] = "stop"
		if !run.IsZero() {
			fields["Mode"] = "start"
		}
	}
	if !run.IsZero() && !f.NoMark {
		fields["StartTime"] = run.UTC().Format(time.RFC3339Nano)
		fields["ElapsedSeconds"] = time.Since(run).Seconds()
	}
	json.NewEncoder(w).Encode(fields)
}

func (a *Appliance) order(w http.ResponseWriter, f Faults, mode string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case mode == "start" && f.Peer == nil && a.run.IsZero():
		if !f.Deaf {
			a.run, a.by = time.Now(), "grab"
		}
	case mode == "stop" && f.Peer == nil && !a.run.IsZero():
		a.run = time.Time{}
	case mode == "collect":
		a.ready = f.NotReady
	case mode == "download" && a.ready == 0:
		a.download(w, f)
		return
	default:
		say(w, "not possible now: "+mode)
		return
	}
	fmt.Fprint(w, "{}")
}

// download sends the archive, as a whole or not.
func (a *Appliance) download(w http.ResponseWriter, f Faults) {
	b := a.archive
	if f.Archive != nil {
		b = f.Archive
	}
	w.Header().Set("Content-Disposition", `attachment; filename="diagnostic_log_expc01_2026-11-28_21:30:00.tar.gz"`)
	if f.CutAt == 0 || f.Lengthy {
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	}
	if f.CutAt > 0 {
		w.Write(b[:min(f.CutAt, len(b))])
		if f.Lengthy {
			panic(http.ErrAbortHandler)
		}
		return
	}
	io.Copy(w, strings.NewReader(string(b)))
}
