package fetch

import (
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pkg/sftp"

	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/sshdial"
)

// trip is a round trip on the line of these tests. Nothing else takes time there,
// for the clock stands still while anything is computed: what is measured is how
// many answers were waited for one after the other.
const trip = time.Second

// oneWay is one direction of a connection, on which everything takes half a trip.
type oneWay struct {
	sent chan parcel
	rest []byte
	once sync.Once
}

type parcel struct {
	b    []byte
	when time.Time
}

func newOneWay() *oneWay { return &oneWay{sent: make(chan parcel, 1<<16)} }

func (l *oneWay) Write(b []byte) (int, error) {
	l.sent <- parcel{append([]byte(nil), b...), time.Now().Add(trip / 2)}
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

// farSession is a session with an SFTP server that is a trip away, as long as the
// test; it is to be used in a bubble of package synctest.
func farSession(t *testing.T) (s *Session, end func()) {
	var ends []func()
	channel := func() *sftp.Client {
		up, down := newOneWay(), newOneWay()
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
	s = &Session{ssh: &sshdial.Client{}, budget: &budgetReader{}, sftp: channel(), folders: channel()}
	return s, func() {
		s.wg.Wait()
		for _, f := range ends {
			f()
		}
	}
}

// trips is how many round trips a first pass takes until the files are held, and
// how many until it ends.
func trips(t *testing.T, w *fetchtest.World, s *Session, m *memory) (held, all int, row evidence.Host, g *Grab) {
	t.Helper()
	g = newGrab(t, w.Dir, newShared(s, m, func(bool) {}))
	began := time.Now()
	var at time.Time
	row, err := g.Pass(t.Context(), w.Window(10*time.Minute, 0), func(when time.Time) { at = when })
	if err != nil {
		t.Fatal(err)
	}
	if at.Sub(began)%trip != 0 {
		t.Errorf("held after %v: no whole round trips", at.Sub(began))
	}
	return int(at.Sub(began) / trip), int(time.Since(began) / trip), row, g
}

// Files that keep their names are held two round trips after the alert, new ones
// in six, and one more per 100 entries of the folder.
func TestRoundTrips(t *testing.T) {
	for _, foreign := range []int{0, 450} {
		t.Run(fmt.Sprint(foreign), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := fetchtest.NewWorld(t)
				for i := range 40 {
					since := time.Duration(41-i) * 30 * time.Second
					w.Put(fmt.Sprintf("network_log.%d", 40-i), w.Text(since, since-30*time.Second), since-30*time.Second)
				}
				w.Put("network_log", w.Text(30*time.Second, 0), 0)
				for i := range foreign {
					os.WriteFile(w.Path(fmt.Sprintf("other_log.%d", i)), nil, 0o600)
				}
				s, end := farSession(t)
				defer end()
				m := &memory{}
				limit := 6 + (41+foreign)/100
				openAtOneOld := limit + 2*(40/openAtOne) // without any memory there are many new names at once
				held, _, _, g := trips(t, w, s, m)
				if held > openAtOneOld {
					t.Errorf("nothing known: held after %d round trips, want at most %d", held, openAtOneOld)
				}
				g.Close()

				w.Grow("network_log", w.Text(0, -5*time.Second), -5*time.Second)
				held, _, row, g := trips(t, w, s, m)
				if held != 2 || row.Coverage != evidence.Complete {
					t.Errorf("all names known: held after %d round trips, coverage %s", held, row.Coverage)
				}
				g.Close()

				w.Put("network_log-new", w.Text(-5*time.Second, -10*time.Second), -10*time.Second)
				held, _, _, g = trips(t, w, s, m)
				if held < 3 || held > limit {
					t.Errorf("a new name: held after %d round trips, want at most %d", held, limit)
				}
				g.Close()
				t.Logf("new name among %d entries: %d", 42+foreign, held)
			})
		})
	}
}

// Every name is another file's since it was remembered: what comes is what is there.
func TestKnownNamesMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fetchtest.NewWorld(t)
		w.Put("network_log.2", w.Text(15*time.Minute, 10*time.Minute), 10*time.Minute)
		w.Put("network_log.1", w.Text(10*time.Minute, 5*time.Minute), 5*time.Minute)
		w.Put("network_log", w.Text(5*time.Minute, 10*time.Second), 10*time.Second)
		s, end := farSession(t)
		defer end()
		m := &memory{}
		_, _, _, g := trips(t, w, s, m)
		g.Close()
		for _, move := range [][2]string{{"network_log.2", "network_log.3"}, {"network_log.1", "network_log.2"}, {"network_log", "network_log.1"}} {
			if err := os.Rename(w.Path(move[0]), w.Path(move[1])); err != nil {
				t.Fatal(err)
			}
		}
		w.Put("network_log", w.Text(10*time.Second, 0), 0)
		_, _, row, g := trips(t, w, s, m)
		honestIn(w, g, row, w.Window(10*time.Minute, 0))
		if f := row.Files[0]; row.Coverage != evidence.Complete || f.Records != 660 {
			t.Errorf("%s %+v", row.Coverage, f)
		}
		g.Close()
	})
}

// A name that is known and gone is no gap, and no error.
func TestKnownNameGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fetchtest.NewWorld(t)
		w.Put("network_log.1", w.Text(30*time.Minute, 5*time.Minute), 5*time.Minute)
		w.Put("network_log", w.Text(5*time.Minute, 0), 0)
		s, end := farSession(t)
		defer end()
		m := &memory{}
		h := Host{Dir: w.Dir, Families: []string{"network_log"}}
		m.remember(h, []Entry{{Name: "network_log", Size: 1 << 20, MTime: w.Now, Regular: true}, {Name: "network_log.7", Size: 1 << 20, MTime: w.Now, Regular: true}})
		_, _, row, g := trips(t, w, s, m)
		if row.Coverage != evidence.Complete || len(row.Files[0].Missing) > 0 {
			t.Errorf("%+v", row)
		}
		if names := m.recall(h); len(names) != 2 || names[1].Name != "network_log.1" {
			t.Errorf("remembered %+v", names)
		}
		g.Close()
	})
}
