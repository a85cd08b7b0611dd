// Package ask has one collector of a site do something for somebody elsewhere in the fleet,
// by request and reply over the hub.
//
// It guarantees that at most one collector does what was asked for; that one which hangs, or
// does not want to, keeps nobody from having another do it; that nobody to ask, and silence, are
// said within seconds; that a result is not lost with one message; and that neither side
// holds more of the other than a bound. What is under way when the asker is gone goes on.
//
// It does not know what is done, and knows of the asker what he says of himself: that
// he may ask the hub vouches for, by the tenant's credentials.
package ask

import (
	"encoding/json"
	"errors"
	"time"
)

// An order is what an asker sends, to all collectors of a site.
type order struct {
	Step  string          `json:"step"`
	ID    string          `json:"id"`              // of all that belongs together, at random
	To    string          `json:"to,omitempty"`    // the collector that is meant, of all steps but who
	Offer string          `json:"offer,omitempty"` // of do: the offer that is taken
	By    string          `json:"by,omitempty"`    // of do: who asks
	Body  json.RawMessage `json:"body,omitempty"`  // of do
}

// The steps of an asker.
const (
	stepWho   = "who"   // who can do it?
	stepDo    = "do"    // do it
	stepStop  = "stop"  // end it early, with what there is
	stepStill = "still" // how far is it? what came of it?
)

// A reply is what a collector answers.
type reply struct {
	Step  string          `json:"step"`
	ID    string          `json:"id"`
	From  string          `json:"from"` // the collector
	Offer string          `json:"offer,omitempty"`
	Body  json.RawMessage `json:"body,omitempty"` // of word and done
	Error string          `json:"error,omitempty"`
	Hint  string          `json:"hint,omitempty"`
	Exit  int             `json:"exit,omitempty"` // that a command of the collector would end with
}

// The steps of a collector.
const (
	stepOffer  = "offer"
	stepRefuse = "refuse" // Error says why
	stepWord   = "word"   // how far it is
	stepAlive  = "alive"  // it is under way
	stepDone   = "done"
	stepFailed = "failed"
)

// Bounds of what is sent, and how long is waited for it.
const (
	maxOrder  = 64 << 10
	maxReply  = 512 << 10
	maxSite   = 4       // that a collector works at for others at once
	maxOffers = 1000    // that a collector remembers
	maxEnded  = 100     // results that it remembers
	maxWords  = 100_000 // that an asker takes

	offersFor = 10 * time.Second // an offer may be taken
	endedFor  = 10 * time.Minute // a result may be asked for
	aliveEach = 3 * time.Second
)

// Why nothing came of it.
var (
	// ErrNobody says that no collector of the site answers.
	ErrNobody = errors.New("no collector answers")
	// ErrForbidden says that the hub does not let who has these credentials ask.
	ErrForbidden = errors.New("the hub does not allow these credentials to ask")
	// ErrLost says that a collector began and fell silent.
	ErrLost = errors.New("the collector fell silent")
)

// A Failure is an error as the collector puts it: the words, hint and exit code of a command there.
type Failure struct {
	From    string
	Message string
	Hint    string
	Exit    int
}

func (f *Failure) Error() string { return "collector " + f.From + ": " + f.Message }
