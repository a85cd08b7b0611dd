package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// alive is how often either side of a work shows that it is there.
const alive = 5 * time.Second

// A line is what crosses the socket during a work, as JSON; an empty one is a sign of
// life. The watcher sends progress and at last a result or an error, the client
// nothing but stop.
type line struct {
	Progress json.RawMessage `json:"progress,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Stop     bool            `json:"stop,omitempty"`
	Error    *string         `json:"error,omitempty"`
	Hint     string          `json:"hint,omitempty"`
	Exit     int             `json:"exit,omitempty"`
}

// A Job is a work under way.
type Job struct {
	Stop <-chan struct{} // closed when the client asks to end it early

	lines  chan []byte
	end    chan struct{} // closed when the work is done: what is left to be said is bounded from then on
	lost   context.CancelFunc
	closed chan struct{} // nobody reads lines any more
}

// backlog is how many lines may wait for a client before it counts as lost.
const backlog = 2048

// Progress sends a word about how far it is. It never waits: a client that does not
// read what it is sent is given up.
func (j *Job) Progress(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		return // of types that are known here: cannot be
	}
	j.put(line{Progress: b})
}

func (j *Job) put(l line) {
	b, err := json.Marshal(l)
	if err != nil {
		return
	}
	select {
	case j.lines <- append(b, '\n'):
	case <-j.closed:
	default:
		j.lost()
	}
}

// Work answers a long request: it reads req, lets do work at it and sends what do
// returns. The context ends when the client is gone or the server ends; what is to go
// on without a client takes another one. Of an error do says how a command would end.
// admit, unless it is nil, says when req has come whole whether there is a place for it,
// which is left when do returns: neither a client that sends slowly nor one that reads
// slowly has it.
func Work(w http.ResponseWriter, r *http.Request, req any, admit func() (leave func(), no *Failure), do func(ctx context.Context, j *Job) (any, *Failure)) {
	rc := http.NewResponseController(w)
	if err := rc.EnableFullDuplex(); err != nil {
		Fail(w, http.StatusHTTPVersionNotSupported, Failure{Message: err.Error(), Exit: 2})
		return
	}
	in := bufio.NewReaderSize(r.Body, maxRequest)
	if err := readRequest(in, req); err != nil {
		Fail(w, http.StatusBadRequest, Failure{Message: "grab watch does not understand the request: " + err.Error(),
			Hint: "restart grab watch if it is another version than this grab", Exit: 2})
		return
	}
	leave := func() {}
	if admit != nil {
		var no *Failure
		if leave, no = admit(); no != nil {
			Fail(w, http.StatusServiceUnavailable, *no)
			return
		}
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	stop := make(chan struct{})
	j := &Job{Stop: stop, lines: make(chan []byte, backlog), lost: cancel, end: make(chan struct{}), closed: make(chan struct{})}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")

	var wg sync.WaitGroup
	wg.Go(func() {
		if !listen(rc, in, r.ContentLength < 0, sync.OnceFunc(func() { close(stop) })) {
			cancel()
		}
	})
	wg.Go(func() {
		defer close(j.closed)
		if !speak(w, rc, j.lines, j.end) {
			cancel()
		}
	})
	defer func() { // of a panic too
		close(j.end)
		close(j.lines)
		<-j.closed
		rc.SetReadDeadline(time.Now()) // ends listen
		wg.Wait()
	}()
	defer leave() // first, of a panic too
	result, failure := do(ctx, j)
	if failure != nil {
		j.put(line{Error: &failure.Message, Hint: failure.Hint, Exit: failure.Exit})
		return
	}
	b, err := json.Marshal(result)
	if err != nil {
		msg := "encode the result: " + err.Error()
		j.put(line{Error: &msg, Exit: 1})
		return
	}
	j.put(line{Result: b})
}

// readRequest decodes one line.
func readRequest(in *bufio.Reader, req any) error {
	b, err := in.ReadSlice('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(req); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value on a line")
	}
	return nil
}

// listen reads what the client sends while the work lasts; false if it is gone. One
// whose request is whole sends nothing more: the request's context tells of its end.
func listen(rc *http.ResponseController, in *bufio.Reader, live bool, stop func()) bool {
	if !live {
		return true
	}
	for {
		rc.SetReadDeadline(time.Now().Add(Patience))
		b, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			rc.SetReadDeadline(time.Time{})
			return true
		}
		if err != nil {
			return false
		}
		var l line
		if json.Unmarshal(b, &l) == nil && l.Stop {
			stop()
		}
	}
}

// speak writes lines until there are no more, and signs of life in between; false if
// the client does not take them. What is left at the end of the work it takes soon, or not
// at all: one who reads a byte now and then would stay for hours.
func speak(w http.ResponseWriter, rc *http.ResponseController, lines <-chan []byte, end <-chan struct{}) bool {
	var last time.Time

	tick := time.NewTicker(alive)
	defer tick.Stop()
	b := []byte("{}\n")
	for ok := true; ok; {
		select {
		case <-end:
			last, end = time.Now().Add(lastWords), nil
		default:
		}
		limit := time.Now().Add(Patience)
		if !last.IsZero() && last.Before(limit) {
			limit = last
		}
		rc.SetWriteDeadline(limit)
		if _, err := w.Write(b); err != nil {
			return false
		}
		if len(lines) == 0 {
			if err := rc.Flush(); err != nil {
				return false
			}
		}
		select {
		case b, ok = <-lines:
		case <-tick.C:
			b = []byte("{}\n")
		}
	}
	return rc.Flush() == nil
}

// readLine is one line of at most limit bytes.
func readLine(in *bufio.Reader, limit int) ([]byte, error) {
	var all []byte
	for {
		b, err := in.ReadSlice('\n')
		if len(all)+len(b) > limit {
			return nil, fmt.Errorf("a line of more than %d bytes", limit)
		}
		all = append(all, b...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return all, err
		}
	}
}
