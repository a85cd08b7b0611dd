package flight

import (
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A sink takes a while for each packet.
type sink struct {
	mu      sync.Mutex
	packets []string
	fail    error
}

func (s *sink) Write(b []byte) (int, error) {
	time.Sleep(time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packets = append(s.packets, string(b))
	return len(b), s.fail
}

func (s *sink) Close() error { return nil }

// What many write at once goes in few packets, whole, and what one writes in its order.
func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		var running, all sync.WaitGroup
		w := New(s, running.Go)
		for i := range 26 {
			all.Go(func() {
				for _, step := range "123" {
					if n, err := w.Write([]byte{byte('a' + i), byte(step), ' '}); n != 3 || err != nil {
						t.Error(n, err)
					}
				}
			})
		}
		all.Wait()
		running.Wait()
		if len(s.packets) > 10 {
			t.Errorf("78 writes at once are %d packets", len(s.packets))
		}
		words := strings.Fields(strings.Join(s.packets, ""))
		slices.SortStableFunc(words, func(a, b string) int { return strings.Compare(a[:1], b[:1]) })
		for i, word := range words {
			if len(words) != 78 || word != string([]byte{byte('a' + i/3), byte('1' + i%3)}) {
				t.Fatalf("what came is %q", words)
			}
		}
	})
}

// Who writes after a write has failed is told.
func TestFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{fail: io.ErrClosedPipe}
		var running sync.WaitGroup
		w := New(s, running.Go)
		if _, err := w.Write([]byte("a")); err != nil {
			t.Error(err)
		}
		running.Wait()
		if _, err := w.Write([]byte("b")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("after an error: %v", err)
		}
		running.Wait()
		if len(s.packets) != 1 {
			t.Errorf("after an error it goes on: %q", s.packets)
		}
	})
}

// A pipe notes whether it is written to while it is closed, or afterwards.
type pipe struct {
	mu     sync.Mutex
	in     bool
	bad    string
	sent   int
	closed int
}

func (p *pipe) Write(b []byte) (int, error) {
	p.enter(true)
	time.Sleep(time.Millisecond)
	p.enter(false)
	return len(b), nil
}

func (p *pipe) enter(in bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed > 0 {
		p.bad = "it is written to after it was closed"
	}
	if p.in = in; in {
		p.sent++
	}
}

func (p *pipe) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed++; p.in {
		p.bad = "it is closed while it is written to"
	}
	return nil
}

// What is closed is closed once, when what was written is sent, and takes nothing afterwards.
func TestClose(t *testing.T) {
	for _, after := range []time.Duration{0, time.Millisecond / 2, 3 * time.Millisecond, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			p := &pipe{}
			var running, all sync.WaitGroup
			w := New(p, running.Go)
			all.Go(func() {
				for range 3 {
					w.Write([]byte("a"))
					time.Sleep(time.Millisecond)
				}
			})
			time.Sleep(after)
			for range 3 {
				all.Go(func() { w.Close() })
			}
			all.Wait()
			running.Wait()
			if p.bad != "" || p.closed != 1 || after > 0 && p.sent == 0 {
				t.Errorf("closed after %v: %+v", after, p)
			}
			if _, err := w.Write([]byte("b")); err == nil || p.sent > 3 {
				t.Errorf("it takes something when it is closed: %v", err)
			}
		})
	}
}
