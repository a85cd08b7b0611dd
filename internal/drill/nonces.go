// Package drill has what makes a mail a drill, and what is said of one.
//
// A drill is an alert that grab sends to itself. It is known by a nonce in a header field
// that this store issued not long ago and that no mail has used before, in a mail that
// says what it said when it was sent. Nothing else makes a mail a drill: what carries a
// nonce that is forged, expired or used, or says something else, is judged like any mail.
//
// Nonces survive a restart, and their number is bounded. The package does not know how mail
// is sent or read, and asks no host.
package drill

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/mailheader"
)

const (
	// Life is how long a nonce is good for.
	Life = 10 * time.Minute

	// Field is the header field that holds the nonce.
	Field = "X-Grab-Drill"

	keptFor  = 30 * 24 * time.Hour // a used nonce, for the mail may be read again
	maxKept  = 500                 // nonces that are used, or too old
	maxValid = 100                 // nonces that no mail has used yet
)

// ErrMany says that too many nonces wait for their mails.
var ErrMany = errors.New("too many drills of the last 10 minutes wait for their mails")

var markRE = regexp.MustCompile(`^GRABD1-[0-9a-f]{32}$`)

// NewMark is a nonce that nobody can guess, as it stands in the mail.
func NewMark() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return "GRABD1-" + hex.EncodeToString(b[:])
}

// MarkOf is the mark in a mail's header; "": it has none, or more than one.
func MarkOf(raw []byte) string {
	fields := mailheader.Read(raw).All(Field)
	if len(fields) != 1 {
		return ""
	}
	mark := strings.TrimSpace(fields[0].Value)
	if !markRE.MatchString(mark) {
		return ""
	}
	return mark
}

// A Saying is what a drill's mail says: the alert that is read out of it, and its text.
type Saying struct {
	Kind    string   `json:"kind"`
	Name    string   `json:"name"`
	Cluster string   `json:"cluster"`
	Node    string   `json:"node"`
	Count   int      `json:"count"` // -1: none
	Devices []string `json:"devices"`
	Text    string   `json:"text"` // decoded, every run of blanks one
}

// SayingOf is what a mail says.
func SayingOf(a evidence.Alert, text string) Saying {
	s := Saying{Kind: a.Kind, Name: a.Name, Cluster: a.Cluster, Node: a.Node, Count: -1, Devices: slices.Clone(a.Devices), Text: strings.Join(strings.Fields(text), " ")}
	if a.Count != nil {
		s.Count = *a.Count
	}
	return s
}

// is reports whether a mail says what was sent. A gateway on the way may have put a
// banner or a disclaimer around the text; the alert must be the same.
func (s Saying) is(came Saying) bool {
	return s.Kind == came.Kind && s.Name == came.Name && s.Cluster == came.Cluster && s.Node == came.Node && s.Count == came.Count &&
		slices.Equal(s.Devices, came.Devices) && strings.Contains(came.Text, s.Text)
}

// issued is a nonce as it is kept.
type issued struct {
	Mark   string    `json:"mark"`
	Site   string    `json:"site"`
	At     time.Time `json:"at"`
	Said   Saying    `json:"said"`
	UsedBy string    `json:"used_by,omitempty"` // the ID of the alert whose mail used it
}

func (i issued) valid(now time.Time) bool {
	age := now.Sub(i.At)
	return i.UsedBy == "" && age >= -time.Minute && age < Life // the clock may have been set back a little
}

// Nonces are those that a store issued. It is safe for concurrent use.
type Nonces struct {
	File string
	Log  *slog.Logger
	Now  func() time.Time // nil: time.Now

	mu     sync.Mutex
	loaded bool
	list   []issued // the oldest first
}

func (n *Nonces) file() atomicfile.JSON[[]issued] { return atomicfile.JSON[[]issued]{Path: n.File} }

func (n *Nonces) now() time.Time {
	if n.Now != nil {
		return n.Now().UTC().Round(0)
	}
	return time.Now().UTC().Round(0)
}

// load reads what is kept, once; after a failure there is nothing. The lock is held.
func (n *Nonces) load() {
	if n.loaded {
		return
	}
	list, _, err := n.file().Recover(n.Log)
	if err != nil && n.Log != nil {
		n.Log.Error("cannot read the nonces of drills: mails of earlier drills count as alerts", "err", err)
	}
	n.list, n.loaded = list, true
}

// Issue keeps a nonce for the mail of a drill of a site that says so. After nil it is safe
// on disk, until the time that is returned.
func (n *Nonces) Issue(mark, site string, said Saying) (until time.Time, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.load()
	now := n.now()
	n.prune(now)
	waiting := 0
	for _, i := range n.list {
		if i.valid(now) {
			waiting++
		}
	}
	if waiting >= maxValid {
		return until, ErrMany
	}

	list := append(slices.Clone(n.list), issued{Mark: mark, Site: site, At: now, Said: said})
	if err := n.file().Save(list); err != nil {
		return until, err
	}
	n.list = list
	return now.Add(Life), nil
}

// prune forgets nonces that are used, or too old, and too many or very old.
func (n *Nonces) prune(now time.Time) {
	done := 0
	for _, i := range n.list {
		if !i.valid(now) {
			done++
		}
	}
	n.list = slices.DeleteFunc(n.list, func(i issued) bool {
		if i.valid(now) || done <= maxKept && now.Sub(i.At).Abs() < keptFor {
			return false
		}
		done--
		return true
	})
}

func (n *Nonces) find(mark string) int {
	if mark == "" {
		return -1
	}
	return slices.IndexFunc(n.list, func(i issued) bool { return i.Mark == mark })
}

// Known reports whether a mail was sent as a drill by this store, whether its nonce is
// still good or not.
func (n *Nonces) Known(mark string, came Saying) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.load()
	i := n.find(mark)
	return i >= 0 && n.list[i].Said.is(came)
}

// Use uses a nonce up for the mail with that alert's ID, and returns the drill's site. The
// same mail may come again, as after a crash; no other one is a drill by the same nonce.
// "" with why: the mail is none.
func (n *Nonces) Use(mark string, came Saying, id string) (site, why string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.load()
	now := n.now()
	at := n.find(mark)
	if at < 0 {
		return "", "its nonce is not one of this store"
	}
	i := n.list[at]
	switch {
	case !i.Said.is(came):
		return "", "it does not say what was sent"
	case i.UsedBy == id:
		return i.Site, ""
	case i.UsedBy != "":
		return "", "another mail has used its nonce"
	case !i.valid(now):
		return "", "its nonce was issued more than 10 minutes ago"
	}

	n.list[at].UsedBy = id // also if it cannot be saved: it must not be used twice
	if err := n.file().Save(n.list); err != nil {
		return "", "that its nonce is used cannot be saved: " + err.Error()
	}
	return i.Site, ""
}
