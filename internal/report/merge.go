package report

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// minApart is how far the marks of one lane are apart, in percent of the width: ten
// pixels where the page is 800 wide. What is nearer is one mark with a count.
const (
	minApart = 1.7
	perDigit = 1.1 // of a count under a mark, from the second on
)

// maxTitles bounds what the title of a merged mark lists.
const maxTitles = 12

// A sight is something to be marked, before marks that are too near became one.
type sight struct {
	at    float64 // percent
	sign  string
	title string
}

// A mark is one sign of the legend. N is how many things it stands for.
type mark struct {
	X, Sign, Title string
	N              int
}

// ranks are the signs: of several in one place the first is shown.
var ranks = []string{"back", "no", "none", "tcp", "alert", "late", "full", "off", "reg", "keep", "second", "due"}

func rank(sign string) int {
	if i := slices.Index(ranks, sign); i >= 0 {
		return i
	}
	return len(ranks)
}

// A cluster is what becomes one mark.
type cluster struct {
	top sight // the most telling one: it gives place and sign
	all []sight
}

// merge makes marks that are at least minApart from each other, and farther where
// counts of several digits stand under them.
func (p *picture) merge(all []sight) []mark {
	slices.SortStableFunc(all, func(a, b sight) int { return cmp.Compare(a.at, b.at) })
	apart := minApart
	cs := clusters(all, apart)
	for _, least := range []int{10, 100} {
		if slices.ContainsFunc(cs, func(c cluster) bool { return len(c.all) >= least }) {
			apart += perDigit
			cs = clusters(all, apart)
		}
	}
	var out []mark
	for _, c := range cs {
		m := c.mark()
		p.used[m.Sign] = true
		out = append(out, m)
	}
	return out
}

// clusters joins what is nearer than apart; all is in order.
func clusters(all []sight, apart float64) []cluster {
	var out []cluster
	for _, s := range all {
		if n := len(out) - 1; n >= 0 && s.at-out[n].top.at < apart {
			out[n].all = append(out[n].all, s)
			if rank(s.sign) < rank(out[n].top.sign) {
				out[n].top = s
			}
			continue
		}
		out = append(out, cluster{s, []sight{s}})
	}
	return out
}

func (c cluster) mark() mark {
	m := mark{X: percent(c.top.at), Sign: c.top.sign}
	var titles []string
	beside := 0 // to the secondary, as there are with every keep-alive
	for _, s := range c.all {
		if s.sign == "due" && len(c.all) > 1 {
			continue // the late one beside it says when it was expected
		}
		if s.sign == "second" && c.top.sign != "second" {
			beside++
		} else {
			m.N++
		}
		titles = append(titles, s.title)
	}
	if more := len(titles) - maxTitles; more > 0 {
		titles = append(titles[:maxTitles], "and "+count(more)+" more")
	}
	if m.Title = strings.Join(titles, "\n"); m.N > 1 {
		m.Title = count(m.N+beside) + " close together:\n" + m.Title
	}
	if m.Sign == "keep" && beside > 0 {
		m.Sign = "both"
	}
	return m
}

// Count is the number beside a mark, empty for one.
func (m mark) Count() string {
	switch {
	case m.N < 2:
		return ""
	case m.N > 999:
		return "999+"
	}
	return strconv.Itoa(m.N)
}

func distance(a, b float64) float64 { return math.Abs(a - b) }

// An entry is one line of the legend.
type entry struct {
	Sign, Band, Text string
}

var legendWords = [][2]string{
	{"full", "full REGISTER"}, {"keep", "keep-alive"}, {"both", "keep-alive, and one to the secondary"}, {"second", "keep-alive to the secondary"},
	{"due", "expected here"}, {"late", "came late"}, {"back", "keep-alive taken for a new registration"}, {"reg", "REGISTER, kind not logged"}, {"off", "unregister"},
	{"no", "answered with an error"}, {"none", "no answer seen"}, {"tcp", "connection or zone went down"}, {"alert", "alert"},
}

var bandWords = [][2]string{
	{"wait", "on time so far"}, {"late", "late"}, {"lost", "registration lost"}, {"partial", "partially registered"},
}

// legend explains what the picture has, and nothing else.
func (p *picture) legend() []entry {
	var out []entry
	for _, w := range legendWords {
		if p.used[w[0]] {
			out = append(out, entry{Sign: w[0], Text: w[1]})
		}
	}
	for _, w := range bandWords {
		if p.used["band "+w[0]] {
			out = append(out, entry{Band: w[0], Text: w[1]})
		}
	}
	return out
}
