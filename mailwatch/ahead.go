package mailwatch

import (
	"errors"
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"

	"rtmtgrab/mailwatch/alertmail"
)

// Bounds of what is read ahead.
const (
	aheadMails = 100
	aheadBytes = 1 << 20 // of texts, as the server gives their sizes
	aheadLeast = 4 << 10 // that a mail counts for, whatever its size
)

// A mail that the server cannot give is tried maxTries times. It is left behind then if the
// server gives another one of those that wait behind it, for else it is the server that is
// sick and not the mail; after sickFor in any case.
const (
	maxTries = 5
	sickFor  = 15 * time.Minute
)

// readAhead reads the texts of mails. One goroutine uses it.
type readAhead struct {
	texts  map[uint32][]byte // that were read ahead, by UID
	singly bool              // nothing is read ahead until a look has succeeded
	sick   struct {          // the mail whose text could not be read, how often and since when
		uid   uint32
		tries int
		since time.Time
		alone bool // the server gave another mail just before
	}
}

// forget drops what was read ahead.
func (a *readAhead) forget() { a.texts = nil }

// text reads a mail, and with it some of those that come next and are no older than floor:
// a backlog must not cost a round trip each.
func (a *readAhead) text(s *session, m meta, next []meta, floor time.Time) (raw []byte, found bool, err error) {
	if raw, found = a.texts[m.uid]; found {
		delete(a.texts, m.uid)
		return raw, true, nil
	}
	uids := together(m, next, floor)
	if err := a.prove(s, m, next); err != nil {
		return nil, false, err
	}
	if len(uids) < 2 || a.singly {
		return a.single(s, m)
	}
	a.texts, err = s.bodies(uids)
	if err != nil {
		a.texts, a.singly = nil, true // one of them may be what the server cannot give: find out which
		if no := (*imap.Error)(nil); !errors.As(err, &no) {
			return nil, false, err
		}
	}
	if raw, found = a.texts[m.uid]; found {
		delete(a.texts, m.uid)
		return raw, true, nil
	}
	return a.single(s, m)
}

// together are the UIDs of m and of those after it that are read with it.
func together(m meta, next []meta, floor time.Time) []uint32 {
	cost := func(m meta) int64 { return max(aheadLeast, min(m.size, alertmail.MaxRaw)) }
	uids, sum := []uint32{m.uid}, cost(m)
	for _, n := range next {
		if n.internal.Before(floor) {
			continue
		}
		if sum += cost(n); sum > aheadBytes || len(uids) == aheadMails {
			break
		}
		uids = append(uids, n.uid)
	}
	return uids
}

// prove asks for another mail before the last try of one that the server could not give, each
// time for another one.
func (a *readAhead) prove(s *session, m meta, next []meta) error {
	if a.sick.alone = false; a.sick.uid != m.uid || a.sick.tries < maxTries-1 || len(next) == 0 {
		return nil
	}
	other := next[a.sick.tries%len(next)]
	_, found, err := s.text(other)
	if err != nil {
		a.sick.tries++
		return fmt.Errorf("nor can mail %d be read: %w", other.uid, err)
	}
	a.sick.alone = found
	return nil
}

// single reads one mail.
func (a *readAhead) single(s *session, m meta) (raw []byte, found bool, err error) {
	if raw, found, err = s.text(m); err == nil {
		return raw, found, nil
	}
	if a.sick.uid != m.uid {
		a.sick.uid, a.sick.tries, a.sick.since = m.uid, 0, time.Now()
	}
	a.sick.tries++
	return nil, false, err
}

var errWithheld = errors.New("the server has the mail and gives no text of it")

// text is body, which tells a mail that is empty or gone from one of which the server gives no
// text and does not say why.
func (s *session) text(m meta) (raw []byte, found bool, err error) {
	raw, found, err = s.body(m.uid)
	if err != nil || len(raw) > 0 || found && m.size == 0 {
		return raw, found, err
	}
	there, _, err := s.list(m.uid, m.uid)
	if err == nil && len(there) > 0 {
		err = errWithheld
	}
	return nil, false, err
}

// givesUp reports whether a mail was tried often enough, after how many tries, and then
// forgets them.
func (a *readAhead) givesUp(uid uint32) (tries int, yes bool) {
	often := a.sick.tries >= maxTries && (a.sick.alone || time.Since(a.sick.since) >= sickFor)
	if a.sick.uid != uid || !often {
		return 0, false
	}
	a.sick.uid = 0
	return a.sick.tries, true
}
