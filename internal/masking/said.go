package masking

import (
	"cmp"
	"slices"
	"strings"

	"rtmtgrab/bundle/mask"
	"rtmtgrab/bundle/mask/find"
)

// said are names that are known to be somebody's, and what they are called in what is
// masked. A masker takes short ones for names only where names stand; in a few lines that
// this program wrote itself they are names wherever they are said.
type said []saidName

type saidName struct {
	raw, as string
	word    bool // it means something else in sentences, too
}

// saidNames have been learned by the masker. The longest come first.
func saidNames(m *mask.Masker, names []string) (said, error) {
	var all said
	slices.Sort(names)
	for _, raw := range slices.Compact(names) {
		as, err := m.Name(raw)
		if err != nil {
			return nil, err
		}
		all = all.and(raw, as)
		first, _, full := strings.Cut(raw, ".") // a host's, without its domain
		if asFirst, _, too := strings.Cut(as, "."); full && too && strings.Trim(first, "0123456789") != "" {
			all = all.and(first, asFirst)
		}
	}
	slices.SortStableFunc(all, func(a, b saidName) int { return cmp.Compare(len(b.raw), len(a.raw)) })
	return all, nil
}

func (s said) and(raw, as string) said {
	if len(raw) < 2 || as == raw {
		return s
	}
	return append(s, saidName{raw, as, find.Reserved(strings.ToLower(raw))})
}

// in is a text with them replaced where they stand as whole words. words: those too that
// mean something else in sentences.
func (s said) in(text string, words bool) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		n := s.at(text, i, words)
		if n == nil {
			b.WriteByte(text[i])
			i++
			continue
		}
		b.WriteString(n.as)
		i += len(n.raw)
	}
	return b.String()
}

// at is the one that stands at i; nil: none.
func (s said) at(text string, i int, words bool) *saidName {
	if i > 0 && inWord(text[i-1]) {
		return nil
	}
	for k := range s {
		n := &s[k]
		to := i + len(n.raw)
		if to <= len(text) && (words || !n.word) && strings.EqualFold(text[i:to], n.raw) && (to == len(text) || !inWord(text[to])) {
			return n
		}
	}
	return nil
}

func inWord(c byte) bool { return find.IsLetter(c) || find.IsDigit(c) }
