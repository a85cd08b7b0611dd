package hostconn

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pkg/sftp"

	"rtmtgrab/internal/sshdial"
)

// Trip is a round trip on the line of these tests. Nothing else takes time there,
// for the clock stands still while anything is computed: what is measured is how
// many answers were waited for one after the other.
const Trip = time.Second

// oneWay is one direction of a connection, on which everything takes half a trip.
type oneWay struct {
	sent chan parcel
	rest []byte
	once sync.Once
	done atomic.Int64 // bytes that were sent
}

type parcel struct {
	b    []byte
	when time.Time
}

func newOneWay() *oneWay { return &oneWay{sent: make(chan parcel, 1<<16)} }

func (l *oneWay) Write(b []byte) (int, error) {
	l.done.Add(int64(len(b)))
	l.sent <- parcel{append([]byte(nil), b...), time.Now().Add(Trip / 2)}
	return len(b), nil
}

func (l *oneWay) Read(b []byte) (int, error) {
	if len(l.rest) == 0 {
		p, ok := <-l.sent
		if !ok {
			return 0, io.EOF
		}
		time.Sleep(time.Until(p.when))
		l.rest = p.b
	}
	n := copy(b, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

func (l *oneWay) Close() error {
	l.once.Do(func() { close(l.sent) })
	return nil
}

type twoWay struct {
	io.Reader
	io.WriteCloser
}

// FarSession is a session with an SFTP server that is a trip away, as long as the
// test; it is to be used in a bubble of package synctest.
func FarSession(t *testing.T) (s *Session, end func()) {
	s, end, _ = CountedSession(t)
	return s, end
}

// CountedSession is a FarSession, and how many bytes have come from the server.
func CountedSession(t *testing.T) (s *Session, end func(), carried func() int64) {
	var ends []func()
	var lines []*oneWay
	channel := func() *sftp.Client {
		up, down := newOneWay(), newOneWay()
		lines = append(lines, down)
		server, err := sftp.NewServer(twoWay{up, down}, sftp.ReadOnly())
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			server.Serve()
			down.Close()
		}()
		c, err := sftp.NewClientPipe(down, up, sftp.MaxPacket(packet), sftp.MaxConcurrentRequestsPerFile(64), sftp.UseConcurrentReads(true))
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, func() {
			up.Close()
			c.Wait()
		})
		return c
	}
	s = &Session{ssh: &sshdial.Client{}, sftp: channel(), folders: folders{Client: channel(), turn: make(chan struct{}, 1), budget: &budgetReader{}}}
	end = func() {
		s.calls.Wait()
		for _, f := range ends {
			f()
		}
	}
	return s, end, func() (n int64) {
		for _, l := range lines {
			n += l.done.Load()
		}
		return n
	}
}

// Who waits for the listing of another one, of a host that does not answer, waits as long as
// its own context.
func TestListingTurn(t *testing.T) {
	s := &Session{ssh: &sshdial.Client{}, folders: folders{turn: make(chan struct{}, 1)}}
	s.folders.turn <- struct{}{}
	why := errors.New("not any more")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if _, err := s.List(ctx, "/log"); !errors.Is(err, why) {
		t.Error(err)
	}
}
