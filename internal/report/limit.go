package report

import (
	"slices"

	"rtmtgrab/internal/registration"
)

// What the page holds at most. The rest is in the CSV, the JSON and the logs, and the
// page says so.
const (
	maxPage   = 3 << 20   // bytes, about
	minTexts  = 768 << 10 // bytes of records' texts that affected phones have in any case
	perRow    = 240       // bytes of an arrow without texts
	perPhone  = 1800      // bytes of a phone without its ladder
	maxRows   = 5000      // arrows
	perLadder = 7         // arrows of a transaction, mostly
	maxLadder = 60        // transactions of one phone
	minLadder = 3         // less of a phone to which nothing happened tells nothing
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
	for _, g := range p.Groups {
		take(g.Proofs)
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

// trim shortens ladders, and opens what should be. The affected phones have most of
// the room, the others what is left, if it is enough for something.
func (p *page) trim() {
	asked := p.People[:len(p.Answers)]
	left := p.cut(asked, maxRows*3/4, 1)
	p.cut(p.People[len(asked):], left+maxRows/4, minLadder)
	for _, ph := range p.People {
		for j := range ph.Ladder {
			t := &ph.Ladder[j]
			p.Skipped = p.Skipped || t.Skipped > 0
			t.Open = t.Key
		}
	}
}

// cut shortens the ladders of phones to about so many arrows, and returns how many of
// them are left. Where they would be shorter than least they are left out, all of them.
func (p *page) cut(people []*phone, left, least int) int {
	out := left/max(len(people), 1)/perLadder < least
	for i, ph := range people {
		per := min(left/(len(people)-i)/perLadder, maxLadder)
		switch {
		case out && least > 1:
			per = 0
		case per < least:
			per = least
		}
		ph.Ladder = shorten(ph.Ladder, per)
		for j := range ph.Ladder {
			left -= len(ph.Ladder[j].Rows)
		}
		left = max(left, 0)
	}
	return left
}

// shorten keeps at most n transactions: those on which the verdict rests, those worth
// looking at with the one before each, then the first ones.
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
		if all[i].Tells {
			mark(i)
			mark(i - 1)
		}
	}
	for i := range all {
		if all[i].Key {
			mark(i)
		}
	}
	for i := range all {
		mark(i)
	}
	var out []transaction
	for i := 0; i < len(all); i++ {
		if keep[i] {
			out = append(out, all[i])
			continue
		}
		first := i
		for i+1 < len(all) && !keep[i+1] {
			i++
		}
		out = append(out, skipped(all[first:i+1]))
	}
	return out
}

// skipped stands for transactions that are not shown.
func skipped(all []transaction) transaction {
	what := "more transaction"
	if !slices.ContainsFunc(all, func(t transaction) bool { return t.Key || t.Kind != registration.KindKeepAlive }) {
		what = "keep-alive"
	}
	s := plural(len(all), what)
	if what == "keep-alive" {
		s += " answered with success"
	}
	s += ", " + all[0].Time
	if len(all) > 1 {
		s += " to " + all[len(all)-1].Time
	}
	return transaction{Transaction: all[0].Transaction, Has: all[0].Kind, Skipped: len(all), Skips: s}
}
