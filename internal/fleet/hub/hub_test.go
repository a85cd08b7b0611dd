package hub

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/testserver"
)

// TestReal: a real server by TLS and by websocket; while it is away that is said, and the
// connection comes back by itself with what was there.
func TestReal(t *testing.T) {
	s := testserver.StartNATS(t, testserver.NATSOptions{})
	for _, url := range []string{s.URL, s.Websocket} {
		h, err := Open(Options{Servers: []string{url}, Name: "dmz-a", TLS: s.ClientTLS()})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		if err := h.Wait(t.Context()); err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		kv, err := h.Stream.CreateOrUpdateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "test"})
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		if _, err := kv.Create(t.Context(), "of", []byte(url)); url == s.URL && err != nil || url == s.Websocket && !errors.Is(err, jetstream.ErrKeyExists) {
			t.Errorf("%s: %v", url, err)
		}
	}

	h, err := Open(Options{Servers: []string{s.URL}, TLS: s.ClientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	for h.Down() == nil && t.Context().Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	if err := h.Down(); !errors.Is(err, ErrDown) {
		t.Fatal(err)
	}
	s.Start()
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if kv, err := h.Stream.KeyValue(t.Context(), "test"); err != nil {
		t.Error(err)
	} else if _, err := kv.Get(t.Context(), "of"); err != nil {
		t.Error(err)
	}
}

// TestEnsure: streams and buckets are made, and made again without harm to what is in them.
func TestEnsure(t *testing.T) {
	s := testserver.StartNATS(t, testserver.NATSOptions{})
	h, err := Open(Options{Servers: []string{s.URL}, TLS: s.ClientTLS()})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := Ensure(t.Context(), h.Stream, 1); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Stream.Publish(t.Context(), fleet.AlertSubject("hq 1"), []byte("x"), jetstream.WithMsgID("one")); err != nil {
			t.Fatal(err)
		}
	}
	alerts, err := h.Stream.Stream(t.Context(), fleet.AlertStream)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := alerts.Info(t.Context()); err != nil || info.State.Msgs != 1 || info.Config.MaxConsumers < 10_000 {
		t.Errorf("%+v, %v", info, err)
	}
	old := alerts.CachedInfo().Config // as an earlier version has made it
	old.MaxConsumers = -1
	if err := h.Stream.DeleteStream(t.Context(), old.Name); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Stream.CreateStream(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if err := Ensure(t.Context(), h.Stream, 1); err != nil {
		t.Errorf("a stream of an earlier version: %v", err)
	}
	if kv, err := h.Stream.KeyValue(t.Context(), fleet.ClaimBucket); err != nil {
		t.Error(err)
	} else if _, err := kv.Create(t.Context(), fleet.ClaimKey("hq 1", "0a1b"), []byte("{}")); err != nil {
		t.Error(err)
	}
}

// TestPace: each server is tried soon, then ever more rarely, and after refusals much more rarely;
// a connection that lasted makes the next attempt soon again.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers := make([]nats.Server, 3)
		var p pace
		tried := map[*nats.Server]bool{}
		for range servers {
			s, wait := p.next(servers, nats.ServerInfo{})
			tried[s] = true
			if wait > again {
				t.Errorf("a first attempt waits %v", wait)
			}
		}
		if len(tried) != len(servers) {
			t.Errorf("of %d servers %d are tried", len(servers), len(tried))
		}
		longest := func(n int, fail error) (most time.Duration) {
			for range n {
				p.failed(fail)
				_, wait := p.next(servers, nats.ServerInfo{})
				most = max(most, wait)
			}
			return most
		}
		if d := longest(100, io.EOF); d < againMost/2 || d > 2*againMost {
			t.Errorf("away: %v", d)
		}
		if d := longest(100, nats.ErrAuthorization); d < refusedMost/2 || d > 2*refusedMost {
			t.Errorf("refused: %v", d)
		}
		p.connected() // and thrown out at once
		if _, d := p.next(servers, nats.ServerInfo{}); d < refusedMost/2 {
			t.Errorf("thrown out at once: %v", d)
		}
		p.connected()
		time.Sleep(steady)
		if _, d := p.next(servers, nats.ServerInfo{}); d > again {
			t.Errorf("after a good connection: %v", d)
		}
	})
}

// TestOpenAtOnce: Open and Close wait for no hub, not for one that accepts and says nothing either.
func TestOpenAtOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	came := make(chan net.Conn, 1)
	go func() { // ends with the listener
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			came <- c
		}
	}()
	h, err := Open(Options{Servers: []string{"wss://" + l.Addr().String()}, TLS: &tls.Config{}})
	if err != nil {
		t.Fatal(err)
	}
	silent := <-came // an attempt is under way
	defer silent.Close()
	if err := h.Down(); !errors.Is(err, ErrOpening) {
		t.Error(err)
	}
	h.Close()
	if err := h.Down(); err == nil {
		t.Error("it is up")
	}
}

// FuzzCredential: what is taken can sign; no error quotes what is not.
func FuzzCredential(f *testing.F) {
	f.Add("SUAMLZNWXV7BRLVWXK5BOSZC4CLZBXO6LMHNGZ7AGY3VJ2BIQ3XUO5H4QI")
	f.Add("-----BEGIN NATS USER JWT-----\na.b.c\n------END NATS USER JWT------\n-----BEGIN USER NKEY SEED-----\nSUAM\n------END USER NKEY SEED------\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCredential(text)
		if err != nil {
			if len(text) > 20 && strings.Contains(err.Error(), text) {
				t.Fatal(err)
			}
			return
		}
		if _, err := c.key.Sign([]byte("nonce")); err != nil {
			t.Fatal(err)
		}
	})
}
