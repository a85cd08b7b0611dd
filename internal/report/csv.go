package report

import (
	"bufio"
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration"
)

// columns of the CSV, in order: docs/report.md says what they hold.
var columns = []string{
	"device", "mac", "numbers", "model", "user", "software", "verdict", "confidence", "cause", "cause_confidence",
	"time_utc", "kind", "cucm", "e", "c", "call_id", "cseq", "attempts", "challenge",
	"code", "answer", "new_registration", "expires_s", "gap_s", "late_by_s",
	"answered_utc", "host", "file", "offset", "length",
	"verdict_confidence", "due_utc", "cucm_node", "cucm_arrived_utc", "cucm_answered_utc", // later columns come last: scripts may count on the order
}

// CSV writes one row for each transaction, in the order of the report, and one row
// without a transaction for a phone that has none. It is UTF-8 with a byte order mark
// and CRLF, as Excel reads it; a cell of text that would begin with = + - @ has an
// apostrophe in front, so that no spreadsheet takes it for a formula.
func CSV(w io.Writer, r *registration.Report) error {
	b := bufio.NewWriter(w)
	b.WriteString("\ufeff")
	c := csv.NewWriter(b)
	c.UseCRLF = true
	c.Write(columns)
	for i := range r.Phones {
		p := &r.Phones[i]
		for j := range p.Transactions {
			t := &p.Transactions[j]
			c.Write(slices.Concat(phoneCells(p), transactionCells(t), laterCells(p, t)))
		}
		if len(p.Transactions) == 0 {
			later := laterCells(p, nil)
			row := make([]string, len(columns)-len(later))
			copy(row, phoneCells(p))
			c.Write(append(row, later...))
		}
	}
	if r.MorePhones > 0 {
		last := make([]string, len(columns))
		last[0] = more(r)
		c.Write(last)
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return err
	}
	return b.Flush()
}

// more says how many phones a report leaves out.
func more(r *registration.Report) string {
	return "and " + plural(r.MorePhones, "device") + " more"
}

func phoneCells(p *registration.Phone) []string {
	return []string{evidence.Cell(p.Device), evidence.Cell(p.MAC), evidence.Cell(numbers(p, " ")), evidence.Cell(p.Model), evidence.Cell(p.User), evidence.Cell(p.Software),
		evidence.Cell(p.Verdict), evidence.Cell(p.Confidence), evidence.Cell(p.Cause), evidence.Cell(p.CauseConfidence)}
}

// numbers are a phone's, and how many are left out.
func numbers(p *registration.Phone, between string) string {
	s := strings.Join(p.Numbers, between)
	if p.MoreNumbers > 0 {
		s += between + "and " + count(p.MoreNumbers) + " more"
	}
	return s
}

func transactionCells(t *registration.Transaction) []string {
	row := []string{moment(t.At), evidence.Cell(t.Kind), evidence.Cell(t.CUCM), evidence.Cell(t.E), evidence.Cell(t.C), evidence.Cell(t.CallID), strconv.FormatUint(uint64(t.CSeq), 10),
		strconv.Itoa(t.Attempts), evidence.Cell(t.Challenge), known(t.Code), evidence.Cell(t.Answer), strconv.FormatBool(t.NewReg), known(t.Expires),
		number(t.GapS), number(t.LateByS)}
	answered, where := time.Time{}, registration.Proof{}
	for _, h := range t.Hops {
		if h.From == registration.AtCUCM && h.Node == "" && finalAnswer(h.What) {
			answered = h.Time
		}
		if where.File == "" && h.Node == "" && len(h.Proofs) > 0 {
			where = h.Proofs[0]
		}
	}
	row = append(row, moment(answered))
	if where.File == "" {
		return append(row, "", "", "", "")
	}
	return append(row, evidence.Cell(where.Host), evidence.Cell(where.File), strconv.FormatInt(where.Offset, 10), strconv.FormatInt(where.Length, 10))
}

// laterCells are the columns that came last; t may be nil.
func laterCells(p *registration.Phone, t *registration.Transaction) []string {
	row := []string{evidence.Cell(p.VerdictConfidence), "", "", "", ""}
	if t != nil && t.Due != nil {
		row[1] = moment(*t.Due)
	}
	if t == nil || t.AtCUCM == nil {
		return row
	}
	row[2] = evidence.Cell(t.AtCUCM.Node)
	for i, at := range []*time.Time{t.AtCUCM.Arrived, t.AtCUCM.Answered} {
		if at != nil {
			row[3+i] = moment(*at)
		}
	}
	return row
}

// finalAnswer reports whether a message is an answer of 200 or more.
func finalAnswer(what string) bool { return status(what) >= 200 }

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func known(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func number(f *float64) string {
	if f == nil {
		return ""
	}
	return strconv.FormatFloat(*f, 'f', -1, 64)
}
