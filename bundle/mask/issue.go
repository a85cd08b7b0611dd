package mask

import (
	"net/netip"
	"slices"
	"strconv"

	"rtmtgrab/bundle/mask/find"
)

// fitting is how many pseudonyms are tried at most to find one that fits.
const fitting = 300

// issue gives a value of a class a pseudonym that is no value of it, issued or raw.
func (t *Table) issue(c find.Class, v string, raw map[string]struct{}) string {
	for try := 0; ; try++ {
		as := t.propose(c, v, try)
		if as == v || !fit(c, as) && (c == find.Addrs || try < fitting) {
			continue
		}
		_, isRaw := raw[as]
		_, given := t.given[c][as]
		_, issued := t.issued[c][as]
		_, retired := t.retired[c][as]
		if isRaw || given || issued || retired {
			continue
		}
		t.given[c][v], t.issued[c][as] = as, v
		return as
	}
}

// propose is a pseudonym of the same shape: another with each try, and longer ones where
// short ones are all taken.
func (t *Table) propose(c find.Class, v string, try int) string {
	switch c {
	case find.MACs:
		h := t.prf("mac", v, strconv.Itoa(try))
		return "02" + hexOf(h[:5]) // locally administered: no maker's
	case find.Addrs:
		return t.addr(v, try)
	}
	longer := try / 100
	return t.alike(find.ClassNames[c], v, try, longer)
}

// alike is a text with a letter for each letter and a digit for each digit, and so many more. Of a
// name's the first comes behind and the others in front: what begins with four numbers would be an
// address whatever stands behind them, unless the first has four digits.
func (t *Table) alike(class, v string, try, longer int) string {
	var out []byte
	var pool []byte
	next := func() byte {
		if len(pool) == 0 {
			h := t.prf(class, v, strconv.Itoa(try), strconv.Itoa(len(out)))
			pool = h[:]
		}
		b := pool[0]
		pool = pool[1:]
		return b
	}
	for i := 0; i < len(v); i++ {
		switch {
		case find.IsDigit(v[i]):
			d := '0' + next()%10
			if i == 0 && v[0] != '0' {
				d = '1' + next()%9
			}
			out = append(out, d)
		case find.IsLetter(v[i]):
			out = append(out, 'a'+next()%26)
		default:
			out = append(out, v[i])
		}
	}
	for i := range longer {
		switch {
		case class == find.ClassNames[find.Numbers]:
			out = append(out, '0'+next()%10)
		case i == 0:
			out = append(out, 'a'+next()%26)
		case find.IsDigit(v[0]):
			out = slices.Insert(out, 0, '9', '0'+next()%10, '0'+next()%10)
		default:
			out = slices.Insert(out, 0, 'a'+next()%26)
		}
	}
	return string(out)
}

// fit reports whether a pseudonym will be taken for what it is wherever it stands. One of a name is no address: whoever
// may send a message can call himself 10.1.2.300.
func fit(c find.Class, as string) bool {
	switch c {
	case find.MACs:
		return true
	case find.Addrs:
		a, err := netip.ParseAddr(as)
		return err == nil && find.BlockOf(a).Name != ""
	case find.Names:
		if find.Reserved(as) {
			return false
		}
	case find.Numbers:
		if len(as) == 4 && (as[:2] == "19" || as[:2] == "20") {
			return false // a year: in an answer nobody could tell which is meant
		}
	}
	hits, _ := find.Scan([]byte(as), find.Options{Identities: true}, nil)
	return !slices.ContainsFunc(hits, func(h find.Hit) bool { return h.Class == find.Addrs || h.Class == find.MACs })
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 2*len(b))
	for _, c := range b {
		out = append(out, digits[c>>4], digits[c&15])
	}
	return string(out)
}
