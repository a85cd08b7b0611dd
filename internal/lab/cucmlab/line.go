package cucmlab

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// send writes an answer over a sound connection.
func send(w http.ResponseWriter, a answer) {
	head(w, a)
	if err := a.body(w); err != nil {
		panic(http.ErrAbortHandler) // the connection is cut: what is short has to look short
	}
}

func head(w http.ResponseWriter, a answer) {
	if a.kind != "" {
		w.Header().Set("Content-Type", a.kind)
	} else {
		w.Header()["Content-Type"] = nil
	}
	if a.length >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(a.length, 10))
	}
	w.WriteHeader(a.status)
}

// send writes an answer over this line.
func (l *Line) send(w http.ResponseWriter, r *http.Request, a answer) {
	if !open(r, l.Gate) {
		panic(http.ErrAbortHandler) // else an empty answer would look like one
	}
	if l.DripHead > 0 {
		l.dripHead(w, r)
		return
	}
	if l.Body != nil {
		a = bytesAnswer(cmp.Or(l.Status, http.StatusOK), l.Type, l.Body)
	}
	if l.TooLong > 0 {
		b := a.bytes()
		a = bytesAnswer(a.status, a.kind, b)
		a.length += l.TooLong
	}
	if l.Cut == 0 && l.DripBody == 0 && l.BodyGate == nil {
		send(w, a)
		return
	}
	head(w, a)
	http.NewResponseController(w).Flush() // the head comes in time
	if err := a.body(&spoilt{w: w, r: r, line: l, left: l.Cut}); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// open waits for a gate, and is false if nobody waits for the answer any more.
func open(r *http.Request, gate <-chan struct{}) bool {
	if gate == nil {
		return true
	}
	select {
	case <-gate:
		return true
	case <-r.Context().Done():
		return false
	}
}

// dripHead sends a head without end, byte by byte, until the client hangs up.
func (l *Line) dripHead(w http.ResponseWriter, r *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	tick := time.NewTicker(l.DripHead)
	defer tick.Stop()
	text := "HTTP/1.1 200 OK\r\n"
	for i := 0; ; i++ {
		if i == len(text) {
			text, i = fmt.Sprintf("X-Filler-%d: %d\r\n", time.Now().UnixNano(), i), 0
		}
		select {
		case <-tick.C:
		case <-r.Context().Done(): // the cluster closes; of a hijacked connection nobody else tells
			return
		}
		if _, err := conn.Write([]byte{text[i]}); err != nil {
			return
		}
	}
}

// A spoilt body comes slowly, late, or not whole.
type spoilt struct {
	w    http.ResponseWriter
	r    *http.Request
	line *Line
	left int64 // until it is cut, if it is to be
}

func (s *spoilt) Write(p []byte) (int, error) {
	n := len(p)
	if s.line.Cut > 0 && int64(n) >= s.left {
		p = p[:s.left]
	}
	if !open(s.r, s.line.BodyGate) {
		return 0, io.ErrClosedPipe
	}
	if err := s.write(p); err != nil {
		return 0, err
	}
	if s.left -= int64(len(p)); s.line.Cut > 0 && s.left <= 0 {
		http.NewResponseController(s.w).Flush()
		return len(p), io.ErrClosedPipe
	}
	return n, nil
}

func (s *spoilt) write(p []byte) error {
	if s.line.DripBody == 0 {
		_, err := s.w.Write(p)
		return err
	}
	tick := time.NewTicker(s.line.DripBody)
	defer tick.Stop()
	for i := range p {
		select {
		case <-tick.C:
		case <-s.r.Context().Done():
			return io.ErrClosedPipe
		}
		if _, err := s.w.Write(p[i : i+1]); err != nil {
			return err
		}
		http.NewResponseController(s.w).Flush()
	}
	return nil
}
