package https

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"rtmtgrab/internal/handover/sink"
)

// A server that answers while it is still being sent the bundle: what it took counts for
// nothing, and nobody reads the bundle any more when the delivery has ended.
func TestAnswersTooSoon(t *testing.T) {
	a, _ := artifact(t, 16<<20)
	for _, c := range []struct {
		code  int
		cause sink.Cause
	}{{201, sink.Mismatch}, {507, sink.Full}, {503, sink.Busy}} {
		s := newShelf(t)
		s.setLie(func(w http.ResponseWriter, r *http.Request) bool {
			conn, both, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return true
			}
			defer conn.Close()
			fmt.Fprintf(conn, "HTTP/1.1 100 Continue\r\n\r\n")
			io.CopyN(io.Discard, both, 1<<20)
			fmt.Fprintf(conn, "HTTP/1.1 %d So soon\r\nContent-Length: 0\r\n\r\n", c.code)
			io.Copy(io.Discard, both)
			return true
		})
		for range 5 {
			_, err := s.sink(t, http.MethodPut, "/drop/").Deliver(deadline(t), a)
			failed(t, err, c.cause, false)
		}
	}
}

// A server that answers at once and closes: what it says is what stood in the way, and it
// is sent nothing.
func TestAnswersInstead(t *testing.T) {
	a, _ := artifact(t, 4<<20)
	for code, cause := range map[int]sink.Cause{307: sink.Redirect, 302: sink.Redirect, 201: sink.Mismatch, 429: sink.Busy, 507: sink.Full} {
		s := newShelf(t)
		s.setLie(func(w http.ResponseWriter, r *http.Request) bool {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return true
			}
			fmt.Fprintf(conn, "HTTP/1.1 %d Not here\r\nLocation: https://elsewhere.example.com/\r\nContent-Length: 0\r\n\r\n", code)
			conn.Close()
			return true
		})
		r, err := s.sink(t, http.MethodPut, "/drop/").Deliver(deadline(t), a)
		if failed(t, err, cause, false); r.Sent != 0 {
			t.Errorf("%d: %d bytes were sent", code, r.Sent)
		}
	}
}
