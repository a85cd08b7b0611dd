package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"rtmtgrab/internal/registration"
)

// Columns of a ladder.
const (
	colPhone = iota
	colE
	colC
	colCUCM
)

// lateFrom is how much beyond its cadence a message is to be marked as late; less
// is jitter.
const lateFrom = 1.0

// maxHops bounds the messages that are shown of one transaction.
const maxHops = 40

// A transaction is a registration.Transaction with what the page says of it.
type transaction struct {
	*registration.Transaction
	Word     string
	Has      string // kind, late, refused: for the filter
	Late     bool
	Refused  bool // or not answered
	Key      bool // worth looking at
	Tells    bool // what the verdict rests on
	Open     bool
	Time     string // in the site's zone and in UTC
	Result   string
	Class    string // style of Result
	Notes    []string
	Lateness string
	Heads    [4]head
	Rows     []hop
	More     int    // hops that are not shown
	Skipped  int    // > 0: stands for that many transactions that are not shown
	Skips    string // says which
}

// A head names the end of a column.
type head struct {
	Name string
	Seen bool
}

// A hop is one arrow.
type hop struct {
	Time  string
	Delay string
	What  string
	Ends  string // "expe01 to expc01"
	Class string // columns and sort of message
	Texts []record
}

// A record is a place in a log and, when the page has room for it, its text.
type record struct {
	registration.Proof
	With bool // the text is to be shown
	text func(registration.Proof) ([]byte, error)
}

// Text is the record's text, masked; or why there is none.
func (r record) Text() string {
	b, err := r.text(r.Proof)
	if err != nil {
		return "This record could not be read: " + err.Error()
	}
	return show(b)
}

// With reports whether a text of the hop is to be shown.
func (h hop) With() bool { return slices.ContainsFunc(h.Texts, func(r record) bool { return r.With }) }

// Places are where the hop's records are, in one line.
func (h hop) Places() string {
	var parts []string
	before := ""
	for _, r := range h.Texts {
		s := "byte " + count(r.Offset) + ", " + count(r.Length) + " bytes"
		if where := r.Host + " " + r.Base(); where != before {
			s, before = where+" "+s, where
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, "; ")
}

// Base is the file's name without its folders; the whole one is in the table of files.
func (r record) Base() string { return r.File[strings.LastIndexAny(r.File, `/\`)+1:] }

func newTransaction(p *registration.Phone, r *registration.Transaction, roles map[string]string, c siteClock) transaction {
	t := transaction{Transaction: r, Word: word(kindWords, r.Kind)}
	t.Late = r.LateByS != nil && *r.LateByS >= lateFrom
	t.Refused = r.Code == 0 || r.Code >= 300
	t.Tells = t.Late || t.Refused || r.NewReg && r.Kind != registration.KindFull || p.At != nil && r.At.Sub(*p.At).Abs() < 2*time.Second
	t.Key = t.Tells || r.NewReg || r.Kind == registration.KindFull || r.Kind == registration.KindUnregister
	t.Has = r.Kind
	if t.Late {
		t.Has += " " + keyLate
	}
	if t.Refused {
		t.Has += " " + keyRefused
	}
	t.Time = c.both(r.At)
	if r.At.IsZero() {
		t.Time = ""
	}
	t.Result, t.Class = result(r)
	t.Notes = remarks(r)
	if t.Late {
		t.Lateness = "late by " + seconds(r.LateByS)
	}
	cols := columnsOf(r, roles)
	t.Heads = heads(p, r, cols)
	for i := range r.Hops {
		if i == maxHops {
			t.More = len(r.Hops) - maxHops
			break
		}
		t.Rows = append(t.Rows, newHop(&r.Hops[i], cols))
	}
	return t
}

func result(r *registration.Transaction) (text, class string) {
	switch {
	case r.Code == 0:
		return "no answer seen", "bad"
	case r.Code >= 300:
		return answer(r), "bad"
	case r.NewReg && r.Kind != registration.KindFull:
		return answer(r) + ", as a new registration", "warn"
	case r.NewReg:
		return answer(r) + ", new registration", "good"
	default:
		return answer(r), "good"
	}
}

func answer(r *registration.Transaction) string {
	code := strconv.Itoa(r.Code)
	if r.Answer == "" || strings.HasPrefix(r.Answer, code) {
		return strings.TrimSpace(code + strings.TrimPrefix(r.Answer, code))
	}
	return code + " " + r.Answer
}

func remarks(r *registration.Transaction) []string {
	var out []string
	if r.GapS != nil {
		out = append(out, seconds(r.GapS)+" after the one before")
	}
	if r.Expires > 0 {
		out = append(out, fmt.Sprintf("Expires %d", r.Expires))
	}
	if r.Attempts > 1 {
		s := fmt.Sprintf("%d attempts", r.Attempts)
		if r.Challenge != "" {
			s += ", " + r.Challenge + " challenge"
		}
		out = append(out, s)
	}
	return append(out, fmt.Sprintf("CSeq %d", r.CSeq))
}

// columnsOf gives each name that the hops use its column. A peer of which there is no
// file stands where its neighbours tell.
func columnsOf(r *registration.Transaction, roles map[string]string) map[string]int {
	cols := map[string]int{registration.AtPhone: colPhone, registration.AtCUCM: colCUCM}
	for _, h := range r.Hops {
		for _, host := range []string{h.From, h.To} {
			switch {
			case host == registration.AtPhone || host == registration.AtCUCM:
			case host == r.E || roles[host] == "E":
				cols[host] = colE
			case host == r.C || roles[host] == "C":
				cols[host] = colC
			}
		}
	}
	for _, h := range r.Hops {
		beside(cols, h.From, h.To)
		beside(cols, h.To, h.From)
	}
	return cols
}

// beside places a name next to its neighbour, if it has no column yet.
func beside(cols map[string]int, host, neighbour string) {
	if _, ok := cols[host]; ok {
		return
	}
	cols[host] = colE
	if c, ok := cols[neighbour]; ok && (c == colE || c == colCUCM) {
		cols[host] = colC
	}
}

func heads(p *registration.Phone, r *registration.Transaction, cols map[string]int) [4]head {
	h := [4]head{{name(p), true}, {"Exp-E: not in these logs", false}, {"Exp-C: not in these logs", false}, {r.CUCM, true}}
	if h[colCUCM].Name == "" {
		h[colCUCM].Name = "CUCM"
	}
	set := func(host string) {
		if c := cols[host]; c == colE || c == colC {
			switch {
			case !h[c].Seen:
				h[c] = head{host, true}
			case !strings.Contains(h[c].Name, host):
				h[c].Name += ", " + host
			}
		}
	}
	for i := range r.Hops {
		set(r.Hops[i].From)
		set(r.Hops[i].To)
	}
	return h
}

func newHop(h *registration.Hop, cols map[string]int) hop {
	out := hop{Time: clock(h.Time), Delay: millis(h.DelayMS), What: h.What, Ends: h.From + " to " + h.To}
	sort := status(h.What) / 100
	if h.Node != "" {
		out.Ends = h.Node + "'s own trace"
		if sort = status(strings.TrimPrefix(h.What, "answers ")) / 100; strings.Contains(h.What, "device") {
			sort = 4
		}
	}
	out.Class = fmt.Sprintf("a%d%d m%d", cols[h.From], cols[h.To], sort)
	for _, p := range h.Proofs {
		out.Texts = append(out.Texts, record{Proof: p})
	}
	return out
}

// status is the code at the beginning of an answer, 0 for a request.
func status(what string) int {
	code, _, _ := strings.Cut(what, " ")
	n, err := strconv.Atoi(code)
	if err != nil || n < 100 || n > 699 {
		return 0
	}
	return n
}
