package mailwatch

import (
	"errors"
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

// maxTries is how often the text of one mail is asked for that the server cannot give.
const maxTries = 5

// readAhead reads the texts of mails. One goroutine uses it.
type readAhead struct {
	texts  map[uint32][]byte // that were read ahead, by UID
	singly bool              // nothing is read ahead until a look has succeeded
	sick   struct {          // the mail whose text could not be read, and how often
		uid   uint32
		tries int
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

// single reads one mail.
func (a *readAhead) single(s *session, m meta) (raw []byte, found bool, err error) {
	if raw, found, err = s.body(m.uid); err == nil {
		return raw, found, nil
	}
	if a.sick.uid != m.uid {
		a.sick.uid, a.sick.tries = m.uid, 0
	}
	a.sick.tries++
	return nil, false, err
}

// givesUp reports whether a mail was tried often enough, after how many tries, and then
// forgets them.
func (a *readAhead) givesUp(uid uint32) (tries int, yes bool) {
	if a.sick.uid != uid || a.sick.tries < maxTries {
		return 0, false
	}
	a.sick.uid = 0
	return a.sick.tries, true
}
