// Package hubcheck finds out what is wrong with a hub, as one collector sees it, and how to fix
// it: whether each server is reached and lets the collector in, and whether it may do, and
// finds, what collectors need.
//
// It changes nothing on the hub: what it tries to write says that it may be written only as the
// last of more messages than a stream can have. It does not know whom it tells.
package hubcheck

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/fleet/hubinit"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/tlsfault"
)

// room is what a message needs beside its contents.
const room = 8 << 10

// How a check ended.
const (
	OK = iota
	Warn
	Fail
)

// Found is the result of one check.
type Found struct {
	What   string // a server's host:port, "permissions", "streams", "sync", "name"
	Level  int
	Detail string
	Hint   string
}

// oldest is the server whose priority groups can be pinned to one consumer.
var oldest = [2]int{2, 11}

// A server is one of those that are configured, and how it was found.
type server struct {
	url   string
	hub   *hub.Hub // nil: it was not reached
	found Found
}

// A Collector is the one for which a hub is looked at.
type Collector struct {
	Lends bool // what only those need who lend others what they have copied (fleet.share) has to be there too
	Idle  bool // no grab watch runs where this is asked
}

// Examine looks at the hub of a collector, with its own credentials.
func Examine(ctx context.Context, o hub.Options, c Collector) []Found {
	servers := make([]server, len(o.Servers)) // one element for each goroutine
	var wg sync.WaitGroup
	for i, u := range o.Servers {
		wg.Go(func() { servers[i] = reach(ctx, o, u, c.Lends) })
	}
	wg.Wait()
	var found []Found
	var h *hub.Hub
	for _, s := range servers {
		found = append(found, s.found)
		if s.hub != nil {
			defer s.hub.Close()
			if h == nil && s.found.Level != Fail {
				h = s.hub
			}
		}
	}
	if h == nil {
		return found
	}
	for i := range found {
		if found[i].Level == Fail { // others answer: what is lost is that one may be away
			found[i].Level = Warn
		}
	}
	if f, on := storage(ctx, h, c.Lends); !on {
		return append(found, f)
	}
	found = append(found, allowed(h, o.Name, c.Lends), streams(ctx, h, c.Lends), synced(o))
	if f, is := named(ctx, h, o.Name, c.Idle); is {
		found = append(found, f)
	}
	return found
}

// reach connects to one server.
func reach(ctx context.Context, o hub.Options, address string, lends bool) server {
	s := server{url: address, found: Found{What: address}}
	if u, err := url.Parse(address); err == nil {
		s.found.What = u.Host
	}
	o.Servers, o.Name, o.Log = []string{address}, o.Name+" (grab check)", nil
	h, err := hub.Open(o)
	if err == nil {
		if err = answered(ctx, h); err != nil {
			h.Close()
		}
	}
	if err != nil {
		s.found.Level = Fail
		s.found.Detail, s.found.Hint = unreached(err, o)
		return s
	}
	s.hub = h
	version := h.Conn.ConnectedServerVersion()
	s.found.Detail = fmt.Sprintf("%s is connected, NATS %s", address, version)
	if tooOld(version) {
		s.found.Level = Fail
		s.found.Detail += fmt.Sprintf(", which is older than %d.%d: no incident could have one owner", oldest[0], oldest[1])
		s.found.Hint = "bring the server to a newer version, or run the one that is built in: grab hub serve"
		return s
	}
	if until := h.Expires(); !until.IsZero() && time.Until(until) < tlsfault.ExpiresSoon {
		s.found.Level = Warn
		s.found.Detail += ", and its certificate " + tlsfault.Expiring(time.Until(until))
		s.found.Hint = "`grab hub init DIR` makes a new one: take the server's folder to it; one of your own authority is yours to renew (docs/fleet.md, Certificates)"
		return s
	}
	least := int64(smallMessage)
	if lends {
		least = fleet.MaxLent
	}
	if most := h.Conn.MaxPayload(); most < least+room {
		s.found.Level = Warn
		s.found.Detail += fmt.Sprintf(", and it takes messages of at most %s", human.Size(most))
		s.found.Hint = "max_payload: 8MB in its configuration: what is larger is not sent, and is then missing for whoever waits for it"
	}
	return s
}

// moreFor is how long a server is given that was tried once, in vain.
const moreFor = 2 * time.Second

// answered waits for a connection, and after an attempt in vain not for long.
func answered(ctx context.Context, h *hub.Hub) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	tried := false
	for {
		err := h.Down()
		if err == nil {
			return nil
		}
		if !tried && !errors.Is(err, hub.ErrOpening) {
			tried = true
			if decided(err) {
				return err
			}
			defer time.AfterFunc(moreFor, cancel).Stop()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

func tooOld(version string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(strings.TrimPrefix(version, "v"), "%d.%d", &major, &minor); err != nil {
		return true
	}
	return major < oldest[0] || major == oldest[0] && minor < oldest[1]
}

// storage says whether the account has JetStream.
func storage(ctx context.Context, h *hub.Hub, lends bool) (Found, bool) {
	_, err := h.Stream.AccountInfo(ctx)
	switch {
	case err == nil:
		return Found{}, true
	case errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return Found{What: "streams", Level: Fail, Detail: "the hub has JetStream, and this tenant's account has not", Hint: "give the account JetStream: grab hub init does it for the tenants that it makes"}, false
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled):
		return Found{What: "streams", Level: Fail, Detail: "the hub has JetStream off", Hint: "write jetstream { store_dir: ..., sync_interval: always } into its configuration, or use one that grab hub init makes"}, false
	}
	if f := allowed(h, "", lends); f.Level == Fail {
		return f, false
	}
	return Found{What: "streams", Level: Fail, Detail: "the hub does not say what it stores: " + err.Error(), Hint: "look into the servers' logs: of three, two have to run and find each other (port 6222)"}, false
}

// synced says whether what the hub acknowledges is on its disk.
func synced(o hub.Options) Found {
	if c, err := claims(o); err == nil && c != nil && slices.Contains(c.Tags, hubinit.Tag) {
		return Found{What: "sync", Detail: "the hub is one of grab hub init, whose servers sync what they acknowledge"}
	}
	return Found{What: "sync", Level: Warn, Detail: "sync not verifiable: the hub is none of grab hub init, and a server does not say whether it syncs what it acknowledges",
		Hint: "have its administrator confirm jetstream { sync_interval: always }; else a power cut there can lose alerts that were acknowledged"}
}

// claims are what the credentials say of their user; nil: they are an nkey alone.
func claims(o hub.Options) (*jwt.UserClaims, error) {
	if o.Creds == nil {
		return nil, nil
	}
	text, err := o.Creds()
	if err != nil {
		return nil, err
	}
	if !strings.Contains(text, "BEGIN") {
		return nil, nil
	}
	token, err := nkeys.ParseDecoratedJWT([]byte(text))
	if err != nil {
		return nil, errors.New("it is no credentials file")
	}
	return jwt.DecodeUserClaims(token)
}

// ended is when the credentials did, or zero.
func ended(o hub.Options) time.Time {
	c, err := claims(o)
	if err != nil || c == nil || c.Expires == 0 || time.Unix(c.Expires, 0).After(time.Now()) {
		return time.Time{}
	}
	return time.Unix(c.Expires, 0).UTC()
}
