package hostconn

import (
	"errors"
	"testing"
	"time"

	"rtmtgrab/internal/testserver"
)

// A further share of a session ends what it reads, and only that, when it is closed: its
// host may never answer.
func TestShareOfAShare(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	s := liarSession(t, &testserver.Liar{Files: []testserver.LiarFile{{Name: "network_log", Data: []byte("x")}}, Answer: func(r testserver.LiarRequest, _ *testserver.LiarWriter) bool {
		if r.Type != testserver.LiarRead {
			return false
		}
		select {
		case asked <- struct{}{}:
		default:
		}
		return true
	}})
	all := newShared(s, nil, func(bool) {})
	part := all.Share()
	f, err := part.Open(t.Context(), "/logs/network_log")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := f.ReadAt(make([]byte, 1), 0)
		done <- err
	}()
	<-asked
	part.Close(false)
	select {
	case err := <-done:
		if !errors.Is(err, errBroken) {
			t.Error(err)
		}
	case <-time.After(20 * time.Second): // a connection is lost after 30 s
		t.Error("it still reads")
	}
	if _, err := part.List(t.Context(), "/logs"); !errors.Is(err, errBroken) {
		t.Error(err)
	}
	if list, err := all.List(t.Context(), "/logs"); err != nil || len(list) != 1 {
		t.Error(list, err)
	}
}
