package mailwatch

import (
	"context"
	"errors"
	"fmt"

	"github.com/emersion/go-imap/v2"

	"rtmtgrab/mailwatch/alertmail"
)

// Bounds of what is read ahead.
const (
	aheadMails = 100
	aheadBytes = 1 << 20 // of texts, as the server gives their sizes
	aheadLeast = 4 << 10 // that a mail counts for, whatever its size
)

// text reads a mail, and with it some of those that come next: a backlog must not
// cost a round trip each.
func (r *run) text(ctx context.Context, s *session, m meta, next []meta) (raw []byte, found bool, err error) {
	if raw, found = r.ahead[m.uid]; found {
		delete(r.ahead, m.uid)
		return raw, true, nil
	}
	uids := r.together(m, next)
	if len(uids) < 2 || r.singly {
		return r.single(ctx, s, m)
	}
	r.ahead, err = s.bodies(uids)
	if err != nil {
		r.ahead, r.singly = nil, true // one of them may be what the server cannot give: find out which
		if no := (*imap.Error)(nil); !errors.As(err, &no) {
			return nil, false, err
		}
	}
	if raw, found = r.ahead[m.uid]; found {
		delete(r.ahead, m.uid)
		return raw, true, nil
	}
	return r.single(ctx, s, m)
}

// together are the UIDs of m and of those after it that are read with it.
func (r *run) together(m meta, next []meta) []uint32 {
	cost := func(m meta) int64 { return max(aheadLeast, min(m.size, alertmail.MaxRaw)) }
	uids, sum := []uint32{m.uid}, cost(m)
	for _, n := range next {
		if n.internal.Before(r.floor) {
			continue
		}
		if sum += cost(n); sum > aheadBytes || len(uids) == aheadMails {
			break
		}
		uids = append(uids, n.uid)
	}
	return uids
}

// bodies reads the texts of several mails. Those that are gone, and those that come
// after twice aheadBytes, for a server may lie about sizes, are left out.
func (s *session) bodies(uids []uint32) (map[uint32][]byte, error) {
	var set imap.UIDSet
	for _, uid := range uids {
		set.AddNum(imap.UID(uid))
	}
	all, sum := map[uint32][]byte{}, 0
	err := s.fetchBodies(set, func(uid uint32, raw []byte) {
		if sum += len(raw); sum <= 2*aheadBytes {
			all[uid] = raw
		}
	}, func() bool { return sum < 2*aheadBytes })
	return all, err
}

// settle makes safe what Handle took since, moves the cursor, and marks the mails.
func (r *run) settle(ctx context.Context, s *session) error {
	if len(r.loose) == 0 {
		return r.save()
	}
	uids := r.loose
	r.loose = nil
	s.g.setLimit(heldLimit)
	defer s.g.setLimit(readLimit)
	if err := r.Sync(ctx); err != nil {
		r.cur, r.ahead = r.safe, nil // the mails come again
		return &heldError{fmt.Errorf("make %d alerts safe: %w", len(uids), err)}
	}
	if err := r.save(); err != nil {
		r.cur, r.ahead = r.safe, nil
		return err
	}
	r.mark(s, uids...)
	return nil
}

func (r *run) mark(s *session, uids ...uint32) {
	if !r.marks() || s.g.Err() != nil {
		return
	}
	if err := s.setFlag(uids, r.Mark); err != nil {
		r.log.Warn("mails could not be marked", "uids", uids, "mark", r.Mark, "err", err)
	}
}
