package hubcheck

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
	"rtmtgrab/internal/fleet/hubinit"
)

const (
	probe     = "grab-check" // stands where any name may
	askedFor  = 15 * time.Second
	settleFor = 300 * time.Millisecond // for what the hub said before it answered; nats.go hands it on in a while
	namedMost = 4
)

// impossible is that of no message: what carries it is permitted or not, and never taken.
const impossible = "18446744073709551614"

// allowed says what the collector may not do that it has to. Without a name what the role has in
// its own name is left out.
func allowed(h *hub.Hub, name string, lends bool) Found {
	role := hubinit.Collector()
	if name == hubinit.Viewer {
		role = hubinit.Viewing()
	}
	if !lends {
		role.Publish = slices.DeleteFunc(role.Publish, func(s string) bool { return strings.Contains(s, fleet.ShareBucket) })
	}
	var mu sync.Mutex
	var said []string
	h.Conn.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if errors.Is(err, nats.ErrPermissionViolation) {
			mu.Lock()
			defer mu.Unlock()
			said = append(said, err.Error())
		}
	})
	publish, subscribe := subjects(role.Publish, name), subjects(role.Subscribe, name)
	err := try(h, publish, subscribe)
	time.Sleep(settleFor)
	h.Conn.SetErrorHandler(nil)
	f := Found{What: "permissions", Detail: fmt.Sprintf("the collector may do what it has to, on %d subjects", len(publish)+len(subscribe))}
	if err != nil {
		f.Level, f.Detail, f.Hint = Fail, "the connection ended while it was tried what the collector may do: "+err.Error(), "look into the hub server's log"
		return f
	}
	mu.Lock()
	defer mu.Unlock()
	missing := append(quoted("publish to", publish, said), quoted("subscribe to", subscribe, said)...)
	if len(missing) == 0 {
		return f
	}
	f.Level = Fail
	f.Detail = "it may not " + strings.Join(missing[:min(len(missing), namedMost)], ", not ")
	if n := len(missing) - namedMost; n > 0 {
		f.Detail += fmt.Sprintf(", and on %d more subjects", n)
	}
	f.Hint = "grab hub init DIR gives this version's permissions to accounts that it made; elsewhere give the user these subjects (docs/fleet.md)"
	return f
}

// subjects are a role's, each as one that it is good for.
func subjects(list []string, name string) (out []string) {
	for _, s := range list {
		if strings.Contains(s, hubinit.Self) {
			if name == "" {
				continue
			}
			s = strings.ReplaceAll(s, hubinit.Self, fleet.Token(name))
		}
		var tokens []string
		for t := range strings.SplitSeq(s, ".") {
			if t == "*" || t == ">" {
				t = probe
			}
			tokens = append(tokens, t)
		}
		out = append(out, strings.Join(tokens, "."))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// try publishes and subscribes everywhere, to no effect.
func try(h *hub.Hub, publish, subscribe []string) error {
	for _, s := range publish {
		m := &nats.Msg{Subject: s, Reply: h.Conn.NewInbox(), Header: nats.Header{}}
		if strings.HasPrefix(s, "$JS.API.") {
			m.Header = nil
			m.Data = []byte("{}") // no request of the API is good without more
		} else {
			m.Header.Set("Nats-Expected-Last-Sequence", impossible)
		}
		if err := h.Conn.PublishMsg(m); err != nil {
			return err
		}
	}
	for _, s := range subscribe {
		sub, err := h.Conn.SubscribeSync(s)
		if err != nil {
			return err
		}
		defer sub.Unsubscribe()
	}
	return h.Conn.FlushTimeout(askedFor)
}

// quoted are those subjects that the hub named in a refusal.
func quoted(verb string, subjects, said []string) (out []string) {
	kind := map[string]string{"publish to": "Publish", "subscribe to": "Subscription"}[verb]
	for _, s := range subjects {
		if slices.ContainsFunc(said, func(e string) bool { return strings.Contains(e, kind) && strings.Contains(e, `"`+s+`"`) }) {
			out = append(out, verb+" "+s)
		}
	}
	return out
}
