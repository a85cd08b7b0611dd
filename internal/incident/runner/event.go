package runner

import (
	"time"

	"rtmtgrab/internal/evidence"
)

// An Event is told while an incident is worked on. Fields that do not apply are
// empty. Events come from several goroutines.
type Event struct {
	Time     time.Time
	What     string // one of Event…
	Incident string // ID
	Key      string
	Site     string
	Host     string
	Window   evidence.Window
	Result   *evidence.Host // of EventPass and EventLooked; not to be changed
	Coverage evidence.Coverage
	Bundle   string
	Err      error
	Again    bool // Err is what the attempt before failed with, in this run
}

// What an Event can tell.
const (
	EventStarted   = "started"    // hosts are about to be asked
	EventHeld      = "held"       // one host's files are held
	EventPass      = "pass"       // a pass over one host ended; Result, and Err if it did not go well
	EventLooked    = "looked"     // one host's records were looked over; Result
	EventFirstPass = "first_pass" // every host was asked once; Coverage so far
	EventGrown     = "grown"      // Window is the new one
	EventFull      = "full"       // no room on this machine; watch waits
	EventSealing   = "sealing"
	EventSealed    = "sealed" // Bundle, Coverage
	EventFailed    = "failed" // Err
)
