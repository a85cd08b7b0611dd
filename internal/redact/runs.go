package redact

// shortestRun is how many characters of base64 or hexadecimal hold shortest bytes.
const shortestRun = 6

// decoded are the views of what the runs of base64 and of hexadecimal in a text may stand
// for, at every alignment: where a run begins, what came before the secret and whether a
// word stands right before it, nobody says. Ends of lines do not end a run. With blanks a
// blank does not either: a log shows an end of line as one.
func (v view) decoded(blanks bool) (views []view) {
	for at := 0; at < len(v.b); {
		var run []letter
		for ; at < len(v.b); at++ {
			if n := sextet(v.b[at]); n >= 0 {
				run = append(run, letter{at: at, bits: n})
			} else if len(run) == 0 || !skipped(v.b[at], blanks) {
				break
			}
		}
		cut := v.cut && at == len(v.b)
		at++
		if len(run) < shortestRun {
			continue
		}
		v.words(run)
		for shift := range 4 {
			views = append(views, sextets(run[shift:], cut))
		}
		if pairs, ok := v.nibbles(run, cut); ok {
			views = append(views, pairs...)
		}
	}
	return views
}

// A letter is a character that may be one of base64.
type letter struct {
	at       int // index into the view
	bits     int
	from, to int // the word that it stands in, in the text: all of it goes with the secret
}

// words finds the word of each letter of a run, padding included.
func (v view) words(run []letter) {
	for i := 0; i < len(run); {
		end := i + 1
		for end < len(run) && run[end].at == run[end-1].at+1 {
			end++
		}
		to := run[end-1].at
		for to+1 < len(v.b) && v.b[to+1] == '=' {
			to++
		}
		for k := i; k < end; k++ {
			run[k].from, run[k].to = v.from[run[i].at], v.to[to]
		}
		i = end
	}
}

func skipped(c byte, blanks bool) bool { return c == '\n' || c == '\r' || c == ' ' && blanks }

// sextets decodes characters of base64: each byte comes from the two that hold its bits.
func sextets(run []letter, cut bool) view {
	out := view{cut: cut}
	for i := 0; i+1 < len(run); i++ {
		a, b := run[i], run[i+1]
		switch i % 4 {
		case 0:
			out.add(byte(a.bits<<2|b.bits>>4), a.from, b.to)
		case 1:
			out.add(byte(a.bits<<4|b.bits>>2), a.from, b.to)
		case 2:
			out.add(byte(a.bits<<6|b.bits), a.from, b.to)
		}
	}
	return out
}

// nibbles decodes hexadecimal digits, from the first of them and from the second.
func (v view) nibbles(run []letter, cut bool) (views []view, ok bool) {
	found := 0
	for shift := range 2 {
		out := view{cut: cut}
		for i := shift; i+1 < len(run); i += 2 {
			a, b := nibble(v.b[run[i].at]), nibble(v.b[run[i+1].at])
			if a < 0 || b < 0 {
				a, b = 0, 0
			} else {
				found++
			}
			out.add(byte(a<<4|b), run[i].from, run[i+1].to)
		}
		views = append(views, out)
	}
	return views, found >= shortest
}

// sextet is what a character of base64 stands for, in either alphabet; -1: it is none.
func sextet(c byte) int {
	switch {
	case c >= 'A' && c <= 'Z':
		return int(c - 'A')
	case c >= 'a' && c <= 'z':
		return int(c-'a') + 26
	case c >= '0' && c <= '9':
		return int(c-'0') + 52
	case c == '+' || c == '-':
		return 62
	case c == '/' || c == '_':
		return 63
	}
	return -1
}

func nibble(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
