package triage

import (
	"bytes"
	"cmp"
	"log/slog"
	"slices"
	"time"

	"rtmtgrab/internal/incident"
)

// Bounds of the mails that are kept as they came, those in quarantine aside, which have
// bounds of their own.
const (
	mailBudget = 256 << 20 // bytes
	maxHeader  = 16 << 10  // of a mail of which only the header is kept
)

// headerOnly is the note of an alert of whose mail only the header is kept.
const headerOnly = "only the header of the mail is kept: the budget for mails (256 MiB) was reached"

// notKept is the note of an alert that was no mail, of which nothing is kept as it came.
const notKept = "what came is not kept as it came: the budget for mails (256 MiB) was reached"

// Skimping is what the budget for mails has cost.
type Skimping struct {
	Mails int       // of which only the header was kept, or nothing any more, since Since
	Since time.Time // of the first, after a day without
	Last  time.Time
	said  time.Time
}

// A mailSpace knows how much room the mails take, and keeps it within a budget.
type mailSpace struct {
	st     *incident.Store
	log    *slog.Logger
	kept   map[string]keptMail // by alert ID
	bytes  int64
	budget int64
	tight  bool // nothing could be given up, and nothing was decided since
	skimp  Skimping
}

type keptMail struct {
	size int64
	head bool // only the header is left
}

// note looks how much room the mail of a record takes.
func (m *mailSpace) note(rec incident.AlertRecord) {
	id := rec.Alert.ID
	m.forget(id)
	if rec.What == incident.Quarantined {
		return
	}
	if size := m.st.MailSize(id); size >= 0 {
		m.keep(id, keptMail{size, slices.Contains(rec.Alert.Notes, headerOnly)})
	}
}

func (m *mailSpace) keep(id string, k keptMail) {
	m.kept[id] = k
	m.bytes += k.size
}

func (m *mailSpace) forget(id string) {
	m.bytes -= m.kept[id].size
	delete(m.kept, id)
}

// count counts mails that were cut, and says so once an hour.
func (m *mailSpace) count(n int, now time.Time) {
	s := &m.skimp
	if now.Sub(s.Last) >= 24*time.Hour {
		*s = Skimping{Since: now, said: s.said}
	}
	s.Mails, s.Last = s.Mails+n, now
	if now.Sub(s.said) >= time.Hour {
		s.said = now
		m.log.Warn("the budget for mails is reached: of some only the header is kept, the oldest repeats first", "budget", m.budget, "bytes", m.bytes, "mails", s.Mails)
	}
}

// headerOf is the header of a mail, or its beginning.
func headerOf(raw []byte) []byte {
	for _, end := range []string{"\r\n\r\n", "\n\n"} {
		if i := bytes.Index(raw[:min(len(raw), maxHeader)], []byte(end)); i >= 0 {
			return raw[:i+len(end)]
		}
	}
	return raw[:min(len(raw), maxHeader)]
}

// fit is what is kept of a mail that has just come, beside those that came with it: all
// of it if there is room, or if room can be made, else its header. What is no mail has no
// header. open reports whether the incident of a key is.
func (x *index) fit(rec incident.AlertRecord, raw []byte, beside int64, open func(key string) bool, now time.Time) (incident.AlertRecord, []byte) {
	m := x.mails
	need := beside + int64(len(raw))
	if m.bytes+need > m.budget && !m.tight {
		x.makeRoom(need, open, now)
	}
	if m.bytes+need > m.budget && !rec.Alert.IsMail() {
		m.count(1, now)
		rec.Alert.Notes = append(slices.Clone(rec.Alert.Notes), notKept)
		return rec, nil
	}
	if head := headerOf(raw); m.bytes+need > m.budget && len(head) < len(raw) {
		m.count(1, now)
		rec.Alert.Truncated, rec.Alert.Notes = true, append(slices.Clone(rec.Alert.Notes), headerOnly)
		return rec, head
	}
	return rec, raw
}

// How much a mail is worth: what is less goes first.
const (
	worthless = iota // nothing was grabbed for it
	bundled          // its incident is sealed, and the bundle has it
	wanted           // it is undecided, or of an open incident
)

// makeRoom gives up an eighth of the budget, and what is needed, or as many mails as
// may hold up everybody else, oldest first: of mails for which nothing was grabbed the
// text, when that is gone all of them, then the text of those that are in bundles.
func (x *index) makeRoom(need int64, open func(key string) bool, now time.Time) {
	m := x.mails
	goal := max(0, m.budget-m.budget/8-need)
	lists := x.byWorth(open)
	before := m.bytes
	n, err := m.cutTexts(lists[worthless], goal)
	if err == nil && n == 0 {
		n = m.removeSome(lists[worthless], goal)
	}
	if err == nil && n == 0 {
		n, err = m.cutTexts(lists[bundled], goal)
	}
	if err != nil {
		m.log.Error("old mails cannot be cut to make room for others", "err", err)
	}
	if n > 0 {
		m.count(n, now)
	}
	m.tight = m.bytes == before
}

// byWorth lists the alerts whose mails are kept, by what they are worth, the oldest first.
func (x *index) byWorth(open func(key string) bool) (lists [wanted][]string) {
	for id := range x.mails.kept {
		if w := x.worth(id, open); w < wanted {
			lists[w] = append(lists[w], id)
		}
	}
	for _, list := range lists {
		slices.SortFunc(list, func(a, b string) int { return cmp.Or(x.seen[a].Compare(x.seen[b]), cmp.Compare(a, b)) })
	}
	return lists
}

func (x *index) worth(id string, open func(key string) bool) int {
	worth := worthless
	for _, s := range x.sites {
		e := s.byID[id]
		switch {
		case e == nil, e.d.What == incident.Repeat, e.d.What == incident.Limited:
		case e.d.What == incident.InIncident && !open(e.d.Incident):
			worth = max(worth, bundled)
		default:
			return wanted
		}
	}
	return worth
}

// cutTexts cuts some mails to their headers, until goal is reached, and says so in
// their alerts' records.
func (m *mailSpace) cutTexts(ids []string, goal int64) (n int, err error) {
	files := incident.Batch{St: m.st}
	defer files.Drop()
	left := m.bytes
	var cut []string
	for _, id := range ids {
		if left <= goal || len(cut) == maxIntake {
			break
		}
		saved, err := m.cutText(&files, id)
		if err != nil {
			return 0, err
		}
		if saved > 0 {
			left -= saved
			cut = append(cut, id)
		}
	}

	if err := files.Commit(); err != nil {
		return 0, err
	}
	for _, id := range cut {
		m.forget(id)
		m.keep(id, keptMail{m.st.MailSize(id), true})
	}
	return len(cut), nil
}

// cutText adds a mail's header, and its alert's record that says so, to files. A mail
// that is little more than its header, or cannot be read, saves nothing.
func (m *mailSpace) cutText(files *incident.Batch, id string) (saved int64, err error) {
	if m.kept[id].head {
		return 0, nil
	}
	raw, errMail := m.st.Mail(id)
	rec, errRec := m.st.Alert(id)
	if errMail != nil || errRec != nil || !rec.Alert.IsMail() {
		return 0, nil
	}
	head := headerOf(raw)
	if len(raw)-len(head) < 512 {
		return 0, nil
	}
	rec.Alert.Truncated, rec.Alert.Notes = true, append(rec.Alert.Notes, headerOnly)
	return int64(len(raw) - len(head)), files.WriteAlert(rec, head)
}

// removeSome removes some mails, until goal is reached.
func (m *mailSpace) removeSome(ids []string, goal int64) (n int) {
	for _, id := range ids {
		if m.bytes <= goal || n == 8*maxIntake {
			break
		}
		if err := m.st.Remove(m.st.MailPath(id)); err != nil {
			m.log.Error("a mail cannot be removed", "alert", id[:12], "err", err)
			return n
		}
		m.forget(id)
		n++
	}
	return n
}

// lately is what the budget has cost in the last day.
func (m *mailSpace) lately(now time.Time) Skimping {
	if now.Sub(m.skimp.Last) >= 24*time.Hour {
		return Skimping{}
	}
	return m.skimp
}
