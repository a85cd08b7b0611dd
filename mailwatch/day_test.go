package mailwatch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A line joins a Watcher to the memory server without a network, so that both
// live in virtual time. While it sleeps nothing passes and nobody is told, as
// when a laptop's lid is shut or a firewall forgets a connection.
type line struct {
	accept chan net.Conn
	closed chan struct{}

	mu    sync.Mutex
	awake chan struct{} // closed: bytes flow
	conns []net.Conn
}

func newLine() *line {
	l := &line{accept: make(chan net.Conn), closed: make(chan struct{}), awake: make(chan struct{})}
	close(l.awake)
	return l
}

func (l *line) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *line) Close() error   { close(l.closed); return nil }
func (l *line) Addr() net.Addr { return &net.TCPAddr{} }

func (l *line) sleep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.awake = make(chan struct{})
}

func (l *line) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.awake)
}

// cut ends every connection.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.Close()
	}
	l.conns = nil
}

func (l *line) gate() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.awake
}

func (l *line) dial(ctx context.Context, _ string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit) // as dialTCP has it
	defer cancel()
	client, near := net.Pipe()
	far, server := net.Pipe()
	select {
	case <-l.gate():
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.closed:
		return nil, net.ErrClosed
	}
	select {
	case l.accept <- server:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	l.mu.Lock()
	l.conns = append(l.conns, near, far)
	l.mu.Unlock()
	go l.carry(near, far)
	go l.carry(far, near)
	return client, nil
}

// carry ends with either connection.
func (l *line) carry(dst, src net.Conn) {
	defer dst.Close()
	defer src.Close()
	b := make([]byte, 4096)
	for {
		n, err := src.Read(b)
		select {
		case <-l.gate():
		case <-l.closed:
			return
		}
		if n > 0 {
			if _, err := dst.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// serveLine is startMemory on a line.
func serveLine(t testing.TB, l *line) *memory {
	m := newMemory(t)
	go func() {
		if err := m.server.Serve(l); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}()
	return m
}

// TestDay is 24 hours of virtual time: a server that restarts every few hours, a
// lid that is shut twice, alerts at any time. Each alert comes once; within a
// minute where the line was there, within two of waking up where it was not.
func TestDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		m, k := serveLine(t, l), newKeeper(t)
		seen := map[string]time.Time{}
		w := k.watcher(Server{Addr: "127.0.0.1:143", TLS: TLSNone, User: "u", Password: func() (string, error) { return "p", nil }})
		handle := w.Handle
		w.Handle = func(ctx context.Context, mail Mail) error {
			if at, twice := seen[mail.Alert.Cluster]; twice {
				t.Errorf("%s came at %v and again at %v", mail.Alert.Cluster, at, time.Now())
			}
			seen[mail.Alert.Cluster] = time.Now()
			return handle(ctx, mail)
		}
		w.Dial = l.dial
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.Run(ctx) }()

		const asleep = 3 * time.Hour
		shut := []time.Duration{4*time.Hour + 7*time.Second, 15 * time.Hour}
		rng := rand.New(rand.NewPCG(24, 0))
		due := map[string]time.Time{}
		signs := k.signs()
		began := time.Now()
		for minute := range 24 * 60 {
			time.Sleep(time.Until(began.Add(time.Duration(minute) * time.Minute)))
			since := time.Since(began)
			for _, at := range shut {
				switch {
				case minute == int(at/time.Minute):
					l.sleep()
				case minute == int((at+asleep)/time.Minute):
					l.wake()
				}
			}
			if minute%200 == 199 {
				l.cut()
			}
			if rng.IntN(7) != 0 {
				continue
			}
			name := fmt.Sprint("m", minute)
			m.add(alertAt(name, time.Now()), time.Now())
			due[name] = time.Now().Add(time.Minute)
			for _, at := range shut { // dialing may have backed off to a minute
				if since >= at-time.Minute && since < at+asleep+2*time.Minute {
					due[name] = began.Add(at + asleep + 3*time.Minute)
				}
			}
		}
		time.Sleep(5 * time.Minute)
		longest := signs()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if len(due) < 100 {
			t.Fatalf("only %d alerts", len(due))
		}
		for name, limit := range due {
			at, ok := seen[name]
			if !ok {
				t.Errorf("%s never came", name)
			} else if at.After(limit) {
				t.Errorf("%s came %v too late", name, at.Sub(limit))
			}
		}
		if longest > time.Minute {
			t.Errorf("no sign of life for %v", longest)
		}
		m.server.Close()
		synctest.Wait()
		t.Logf("%d alerts, %d states told, %d lines that it was down", len(due), k.told, k.lines("mailbox is down"))
	})
}

// signs notes when the Watcher gave a sign of life; the func it returns is the
// longest time without one.
func (k *keeper) signs() func() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.nows = []time.Time{time.Now()}
	return func() (longest time.Duration) {
		k.mu.Lock()
		defer k.mu.Unlock()
		all := slices.Concat(k.nows, []time.Time{time.Now()})
		for i := 1; i < len(all); i++ {
			longest = max(longest, all[i].Sub(all[i-1]))
		}
		return longest
	}
}
