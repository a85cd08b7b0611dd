package masking

import (
	"slices"
	"strings"

	"rtmtgrab/bundle/mask"
	"rtmtgrab/bundle/mask/find"
)

// said are names that are known to be somebody's, and what they are called in what is
// masked. A masker takes short ones for names only where names stand; in a few lines that
// this program wrote itself they are names wherever they are said.
type said struct {
	names   map[string]saidName // by the name in lower case; of those that differ in case alone the first
	lengths []int               // of names, the longest first
}

type saidName struct {
	as   string
	word bool // it means something else in sentences, too
}

// saidNames have been learned by the masker.
func saidNames(m *mask.Masker, names []string) (said, error) {
	all := said{names: map[string]saidName{}}
	slices.Sort(names)
	for _, raw := range slices.Compact(names) {
		as, err := m.Name(raw)
		if err != nil {
			return said{}, err
		}
		all.and(raw, as)
		first, _, full := strings.Cut(raw, ".") // a host's, without its domain
		if asFirst, _, too := strings.Cut(as, "."); full && too && strings.Trim(first, "0123456789") != "" {
			all.and(first, asFirst)
		}
	}
	slices.Sort(all.lengths)
	slices.Reverse(all.lengths)
	all.lengths = slices.Compact(all.lengths)
	return all, nil
}

func (s *said) and(raw, as string) {
	key := strings.ToLower(raw)
	if _, there := s.names[key]; there || len(raw) < 2 || as == raw {
		return
	}
	s.names[key] = saidName{as, find.Reserved(key) || number(key)} // a number is of a date or an address, too
	s.lengths = append(s.lengths, len(raw))
}

// in is a text with them replaced where they stand as whole words. words: those too that
// mean something else in sentences.
func (s said) in(text string, words bool) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		as, n := s.at(text, i, words)
		if n == 0 {
			b.WriteByte(text[i])
			i++
			continue
		}
		b.WriteString(as)
		i += n
	}
	return b.String()
}

// at is what the longest one is called that stands at i, and its length; 0: none does.
func (s said) at(text string, i int, words bool) (as string, n int) {
	if i > 0 && inWord(text[i-1]) {
		return "", 0
	}
	for _, n := range s.lengths {
		to := i + n
		if to > len(text) || to < len(text) && inWord(text[to]) {
			continue
		}
		if name, there := s.names[strings.ToLower(text[i:to])]; there && (words || !name.word) {
			return name.as, n
		}
	}
	return "", 0
}

func inWord(c byte) bool { return find.IsLetter(c) || find.IsDigit(c) }

// number reports whether a name has nothing but digits.
func number(name string) bool { return strings.Trim(name, "0123456789") == "" }
