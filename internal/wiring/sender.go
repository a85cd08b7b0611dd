package wiring

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/mailauth"
	"rtmtgrab/mailwatch"
	"rtmtgrab/mailwatch/alertmail"
)

// A judge says of a mail what the configuration makes of it: for grab watch and for
// `grab check --mail`, so that the two cannot differ.
type Sender struct {
	Rule mailauth.Rule
}

// judged is a mail's alert with all that was found out, and what that rests on.
type judged struct {
	Alert   evidence.Alert
	Verdict mailauth.Verdict // of the sender
}

func NewSender(cfg *config.Config, lookup func(context.Context, string) ([]string, error)) Sender {
	a := cfg.Alerts.Authenticity
	return Sender{Rule: mailauth.Rule{From: cfg.Alerts.From, Check: a.Check, AuthServID: a.AuthServID, Hops: a.Hops, Domains: a.Domains, LookupTXT: lookup}}
}

// Mail judges a mail that is an alert. It may ask the DNS, for
// mailauth.LookupLimit at most.
func (j Sender) Mail(ctx context.Context, m mailwatch.Mail) judged {
	d := judged{Alert: m.Alert, Verdict: j.Rule.Judge(ctx, m.Raw, m.Truncated)}
	d.Alert.Sender, d.Alert.ID = d.Verdict.Sender, cmp.Or(d.Verdict.ID, d.Alert.ID)
	if j.Rule.Judges() {
		d.Alert.Auth = &d.Verdict.Auth
	}
	return d
}

// WhoMayTrigger says in one sentence who can start grabs who should perhaps not; anyone
// says that it is everybody. "" where the senders of mails are verified.
func WhoMayTrigger(cfg *config.Config) (words string, anyone bool) {
	a := cfg.Alerts
	limit := "without any limit (alerts.limit: 0)"
	if a.Limit > 0 {
		limit = fmt.Sprintf("for up to %d incidents an hour and site (alerts.limit)", a.Limit)
	}
	switch {
	case a.Authenticity.Check != "" && a.Authenticity.Check != config.CheckNone:
		return "", false
	case len(a.From) > 0:
		return "whoever writes an address of alerts.from into a mail can start grabs, " + limit + ": alerts.authenticity is not set", false
	}
	return "anyone who can send a mail to the mailbox can start grabs, " + limit + ": neither alerts.from nor alerts.authenticity is set", true
}

// AlertReader reads the alerts of a folder by a configuration.
func AlertReader(cfg *config.Config, folder string) *alertmail.Reader {
	list := Sites(cfg)
	return &alertmail.Reader{Match: cfg.Alerts.Match, Kinds: readKinds(cfg), Zone: func(a evidence.Alert) *time.Location {
		a.Folder = folder
		return alertZone(cfg, list, a)
	}}
}

// KeyCache gets the keys of DKIM from the DNS. After a failure that may pass it says the
// same for a while without asking: mails must not wait for a dead server one by one.
// An answer is good for a minute: a thousand mails after an outage have one key.
type KeyCache struct {
	Lookup func(context.Context, string) ([]string, error) // nil: the system's resolver

	mu    sync.Mutex
	err   error
	until time.Time           // err is the answer
	known map[string]knownKey // by name
}

type knownKey struct {
	txt   []string
	until time.Time
}

const (
	keyPause = 20 * time.Second // shorter than unsureEvery
	keyLife  = time.Minute
	maxKeys  = 16
)

func (k *KeyCache) LookupTXT(ctx context.Context, name string) ([]string, error) {
	k.mu.Lock()
	err, until, known := k.err, k.until, k.known[name]
	k.mu.Unlock()
	if time.Now().Before(known.until) {
		return known.txt, nil
	}
	if time.Now().Before(until) {
		return nil, err
	}
	ask := k.Lookup
	if ask == nil {
		ask = net.DefaultResolver.LookupTXT
	}
	txt, err := ask(ctx, name)
	if e, ok := errors.AsType[*net.DNSError](err); ok && !e.IsNotFound && !errors.Is(ctx.Err(), context.Canceled) {
		passing := *e
		passing.IsTemporary = true // only "there is no such name" is an answer
		err = &passing
		k.mu.Lock()
		k.err, k.until = err, time.Now().Add(keyPause)
		k.mu.Unlock()
	}
	if err == nil {
		k.keep(name, txt)
	}
	return txt, err
}

func (k *KeyCache) keep(name string, txt []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known) >= maxKeys {
		k.known = map[string]knownKey{}
	}
	k.known[name] = knownKey{txt, time.Now().Add(keyLife)}
}
