package report

import "rtmtgrab/internal/registration"

// What the page holds at most. The rest is in the CSV, the JSON and the logs, and the
// page says so.
const (
	maxPage   = 8 << 20 // bytes, about
	minTexts  = 3 << 20 // bytes of records' texts that affected phones have in any case
	perRow    = 280     // bytes of an arrow without texts
	perPhone  = 3000    // bytes of a phone without its ladder
	maxRows   = 30000   // arrows
	maxLadder = 60      // transactions of one phone
)

// limit leaves out transactions that are not worth looking at, and decides which
// texts are shown: first those that prove what is said of affected phones and of
// connections, then the rest of affected phones, then all others or none.
func (p *page) limit(text func(registration.Proof) ([]byte, error)) {
	p.trim()
	if text == nil {
		return
	}
	left := max(maxPage-perPhone*int64(len(p.People))-perRow*p.arrows(), minTexts)
	take := func(rs []record) {
		for i := range rs {
			n := size(rs[i])
			if n > left {
				p.Trimmed = true
				continue
			}
			left -= n
			rs[i].With, rs[i].text = true, text
		}
	}
	for _, c := range p.Conns {
		take(c.Proofs)
	}
	for _, ph := range p.Answers {
		take(ph.Proofs)
	}
	for _, key := range []bool{true, false} {
		for _, ph := range p.Answers {
			ph.rows(key, take)
		}
	}
	rest, need := p.People[len(p.Answers):], int64(0)
	sum := func(rs []record) {
		for i := range rs {
			need += size(rs[i])
		}
	}
	for _, ph := range rest {
		ph.texts(sum)
	}
	if p.Omitted = need > left; !p.Omitted {
		for _, ph := range rest {
			ph.texts(take)
		}
	}
}

// size is about how many bytes a record's text takes in the page.
func size(r record) int64 { return 200 + min(r.Length, maxText)*9/8 }

// arrows is how many there are.
func (p *page) arrows() int64 {
	n := 0
	for _, ph := range p.People {
		for i := range ph.Ladder {
			n += len(ph.Ladder[i].Rows)
		}
	}
	return int64(n)
}

// rows hands over the texts of the transactions that are worth looking at, or those
// of the others.
func (p *phone) rows(key bool, take func([]record)) {
	for i := range p.Ladder {
		if t := &p.Ladder[i]; t.Key == key {
			for j := range t.Rows {
				take(t.Rows[j].Texts)
			}
		}
	}
}

func (p *phone) texts(take func([]record)) {
	take(p.Proofs)
	p.rows(true, take)
	p.rows(false, take)
}

// trim shortens ladders, and opens what should be.
func (p *page) trim() {
	left := maxRows
	for i, ph := range p.People {
		per := left / (len(p.People) - i) / 6
		ph.Ladder = shorten(ph.Ladder, max(min(per, maxLadder), 1))
		for j := range ph.Ladder {
			t := &ph.Ladder[j]
			left -= len(t.Rows)
			p.Skipped = p.Skipped || t.Skipped > 0
			t.Open = t.Key || len(ph.Ladder) <= 12
		}
		left = max(left, 0)
	}
}

// shorten keeps at most n transactions: those worth looking at with the one before
// each, then the first ones.
func shorten(all []transaction, n int) []transaction {
	if len(all) <= n {
		return all
	}
	keep := make([]bool, len(all))
	kept := 0
	mark := func(i int) {
		if i >= 0 && !keep[i] && kept < n {
			keep[i], kept = true, kept+1
		}
	}
	for i := range all {
		if all[i].Key {
			mark(i)
			mark(i - 1)
		}
	}
	for i := range all {
		mark(i)
	}
	var out []transaction
	for i := range all {
		switch {
		case keep[i]:
			out = append(out, all[i])
		case len(out) > 0 && out[len(out)-1].Skipped > 0:
			out[len(out)-1].Skipped++
		default:
			out = append(out, transaction{Transaction: all[i].Transaction, Skipped: 1})
		}
	}
	return out
}
