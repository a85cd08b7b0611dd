package mailwatch

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"rtmtgrab/mailwatch/alertmail"
)

// A meta is what is known of a mail before it is read.
type meta struct {
	uid      uint32
	internal time.Time
	size     int64
	seen     time.Time
}

// maxSearched bounds the mails among which those of a time are looked for: a server may
// say that it has four thousand millions.
const maxSearched = 1_000_000

// chunk is the most mails that are looked at in one go.
const chunk = 512

// list returns the mails with UIDs from lo to hi (zero: all from lo on) in the
// order of UIDs, the lowest chunk of them; more says that there are others. What was
// not asked for is passed over.
func (s *session) list(lo, hi uint32) (mails []meta, more bool, err error) {
	var set imap.UIDSet
	set.AddRange(imap.UID(lo), imap.UID(hi))
	now := time.Now()
	err = s.do(commandLimit, func() error {
		cmd := s.c.Fetch(set, &imap.FetchOptions{UID: true, InternalDate: true, RFC822Size: true})
		for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
			m := meta{seen: now.UTC()}
			for item := msg.Next(); item != nil; item = msg.Next() {
				m.take(item)
			}
			if m.uid < lo || hi != 0 && m.uid > hi { // "n:*" names the last mail even if it lies below n
				continue
			}
			m.internal = alertmail.Sane(m.internal, now)
			mails, more = insert(mails, m, more)
		}
		return cmd.Close()
	})
	return mails, more, err
}

func (m *meta) take(item imapclient.FetchItemData) {
	switch item := item.(type) {
	case imapclient.FetchItemDataUID:
		m.uid = uint32(item.UID)
	case imapclient.FetchItemDataInternalDate:
		m.internal = item.Time
	case imapclient.FetchItemDataRFC822Size:
		m.size = item.Size
	}
}

// insert keeps the lowest chunk of mails, sorted.
func insert(mails []meta, m meta, more bool) ([]meta, bool) {
	i, dup := slices.BinarySearchFunc(mails, m, func(a, b meta) int { return cmp.Compare(a.uid, b.uid) })
	switch {
	case dup:
	case i == chunk:
		return mails, true
	case len(mails) == chunk:
		return slices.Insert(mails[:chunk-1], i, m), true
	default:
		mails = slices.Insert(mails, i, m)
	}
	return mails, more
}

// body reads the first MaxRaw bytes of a mail; found is false if it is gone.
func (s *session) body(uid uint32) (raw []byte, found bool, err error) {
	err = s.fetchBodies(imap.UIDSetNum(imap.UID(uid)), func(_ uint32, b []byte) { raw, found = b, true }, func() bool { return !found })
	return raw, found, err
}

// bodies reads the texts of several mails. Those that are gone or have none, and those that
// come after twice aheadBytes, for a server may lie about sizes, are left out.
func (s *session) bodies(uids []uint32) (map[uint32][]byte, error) {
	var set imap.UIDSet
	for _, uid := range uids {
		set.AddNum(imap.UID(uid))
	}
	all, sum := map[uint32][]byte{}, 0
	err := s.fetchBodies(set, func(uid uint32, raw []byte) {
		if sum += len(raw); sum <= 2*aheadBytes && len(raw) > 0 {
			all[uid] = raw
		}
	}, func() bool { return sum < 2*aheadBytes })
	return all, err
}

// fetchBodies gives the texts of mails to take, as long as more says so; what comes
// then is dropped.
func (s *session) fetchBodies(set imap.UIDSet, take func(uid uint32, raw []byte), more func() bool) error {
	section := &imap.FetchItemBodySection{Peek: true, Partial: &imap.SectionPartial{Offset: 0, Size: alertmail.MaxRaw}}
	return s.doMails(bodyLimit, maxLiterals, func() error {
		cmd := s.c.Fetch(set, &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{section}})
		var bad error
		for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
			var uid uint32
			var raw []byte
			found := false
			for item := msg.Next(); item != nil; item = msg.Next() {
				switch b := item.(type) {
				case imapclient.FetchItemDataUID:
					uid = uint32(b.UID)
				case imapclient.FetchItemDataBodySection:
					if found || !more() {
						continue
					}
					found = true
					if raw, bad = readBody(b.Literal); bad != nil {
						// the connection ended within it: the client must not be
						// asked for the rest, for its own reader has gone on
						s.g.Close()
						return bad
					}
				}
			}
			if found {
				take(uid, raw)
			}
		}
		return cmd.Close()
	})
}

// readBody reads at most MaxRaw bytes; the client drops what is over. It takes
// a connection that ends within a literal for the literal's end.
func readBody(lit imap.LiteralReader) ([]byte, error) {
	if lit == nil {
		return nil, nil
	}
	raw, err := io.ReadAll(io.LimitReader(lit, alertmail.MaxRaw))
	if err == nil && int64(len(raw)) < min(lit.Size(), alertmail.MaxRaw) {
		err = io.ErrUnexpectedEOF
	}
	return raw, err
}

// oldest returns the lowest UID among the mails since a day, which servers
// count in a zone of their own; zero if there is none. total is the number of
// mails in the mailbox, of which the last maxSearched are looked at. alive is called
// after every step.
func (s *session) oldest(since time.Time, total uint32, alive func()) (lowest uint32, err error) {
	const step = 5000 // mails: their UIDs fit a response
	first := uint64(max(total, maxSearched)) - maxSearched + 1
	for from := first; from <= uint64(total); from += step {
		var seq imap.SeqSet
		seq.AddRange(uint32(from), uint32(min(from+step-1, uint64(total))))
		criteria := &imap.SearchCriteria{SeqNum: []imap.SeqSet{seq}, Since: since.UTC().AddDate(0, 0, -1)}
		err := s.do(commandLimit, func() error {
			data, err := s.c.UIDSearch(criteria, nil).Wait()
			if err != nil {
				return err
			}
			set, _ := data.All.(imap.UIDSet)
			for _, r := range set { // ranges as sent: never expanded
				if r.Start != 0 && (lowest == 0 || uint32(r.Start) < lowest) {
					lowest = uint32(r.Start)
				}
			}
			return nil
		})
		if err != nil {
			return 0, fmt.Errorf("search: %w", err)
		}
		alive()
	}
	return lowest, nil
}

// newest is the INTERNALDATE of the mail with this number.
func (s *session) newest(number uint32) (t time.Time, err error) {
	err = s.do(commandLimit, func() error {
		cmd := s.c.Fetch(imap.SeqSetNum(number), &imap.FetchOptions{InternalDate: true})
		for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
			for item := msg.Next(); item != nil; item = msg.Next() {
				if d, ok := item.(imapclient.FetchItemDataInternalDate); ok {
					t = alertmail.Sane(d.Time, time.Now())
				}
			}
		}
		return cmd.Close()
	})
	if err != nil {
		return t, fmt.Errorf("read the last mail: %w", err)
	}
	return t, nil
}

// remove marks a mail as deleted and expunges it.
func (s *session) remove(uid uint32) error {
	set := imap.UIDSetNum(imap.UID(uid))
	err := s.do(commandLimit, func() error {
		return s.c.Store(set, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close()
	})
	if err != nil {
		return err
	}
	return s.do(commandLimit, func() error { return s.c.UIDExpunge(set).Close() })
}
