package registration

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
	labscenario "rtmtgrab/internal/lab/scenario"
	"rtmtgrab/internal/testrace"
)

// A form is another way in which the same records may come: it changes sources and their texts.
type form struct {
	name string
	of   func(*rand.Rand, []Source, [][]byte) ([]Source, [][]byte)
}

// eachRecord is a form that changes records one by one.
func eachRecord(name string, do func([]byte) []byte) form {
	return form{name, func(_ *rand.Rand, s []Source, texts [][]byte) ([]Source, [][]byte) {
		out := make([][]byte, len(texts))
		for i, text := range texts {
			for _, r := range lab.SplitRecords(text) {
				out[i] = append(out[i], do(r)...)
			}
		}
		return s, out
	}}
}

// eachHeader changes the headers of messages: it gives the lines of one.
func eachHeader(name string, do func(header, value string) []string) form {
	return eachRecord(name, func(r []byte) []byte {
		head, msg, ok := bytes.Cut(r, []byte("\n |"))
		if !ok {
			return r
		}
		var out []string
		ended := false
		for i, l := range strings.Split(string(msg), "\n") {
			h, v, ok := strings.Cut(strings.TrimPrefix(l, " "), ": ")
			if ended = ended || l == " "; i == 0 || ended || !ok {
				out = append(out, l)
				continue
			}
			for _, n := range do(h, v) {
				out = append(out, " "+n)
			}
		}
		return []byte(string(head) + "\n |" + strings.Join(out, "\n"))
	})
}

// inZones writes the stamps in front of records in the zone of their time; UTCTime stays.
func inZones(name string, hoursBefore, hoursAfter int) form {
	return eachRecord(name, func(r []byte) []byte {
		at, ok := stampOf(r)
		if !ok {
			return r
		}
		hours := hoursBefore
		if !at.Before(playedUntil.Add(-10 * time.Minute)) {
			hours = hoursAfter
		}
		return append([]byte(at.In(time.FixedZone("", hours*3600)).Format("2006-01-02T15:04:05.000-07:00")), r[29:]...)
	})
}

func stampOf(r []byte) (time.Time, bool) {
	stamp, _, _ := bytes.Cut(r, []byte(" "))
	at, err := time.Parse("2006-01-02T15:04:05.000-07:00", string(stamp))
	return at, err == nil
}

var shortNames = map[string]string{"Via": "v", "To": "t", "From": "f", "Call-ID": "i", "Contact": "m", "Content-Length": "l", "Content-Type": "c", "Supported": "k", "Event": "o"}

// forms are those that change nothing of what the records say.
func forms() []form {
	return []form{
		eachHeader("short names of headers", func(h, v string) []string {
			if s := shortNames[h]; s != "" {
				h = s
			}
			return []string{h + ": " + v}
		}),
		eachHeader("names in lower case", func(h, v string) []string { return []string{strings.ToLower(h) + ":" + v} }),
		eachHeader("blanks about colons", func(h, v string) []string { return []string{h + " :  " + v + "\t"} }),
		eachHeader("folded", func(h, v string) []string {
			if f, rest, ok := strings.Cut(v, " "); ok && h != "Date" && h != "Reason" {
				return []string{h + ": " + f, "  " + rest}
			}
			return []string{h + ":", "\t" + v}
		}),
		eachRecord("CRLF", func(r []byte) []byte { return bytes.ReplaceAll(r, []byte("\n"), []byte("\r\n")) }),
		eachRecord("every record twice", func(r []byte) []byte { return append(bytes.Clone(r), r...) }),
		{"in two families", twoFamilies},
		{"rotated often", manyFiles},
		{"lines of threads overtake each other", overtaken},
		inZones("in another zone", 5, 5), inZones("as summer time begins", -5, -4), inZones("as summer time ends", -4, -5),
	}
}

// twoFamilies has what is in network_log in developer_log, too.
func twoFamilies(_ *rand.Rand, s []Source, texts [][]byte) ([]Source, [][]byte) {
	for i := range len(s) {
		if s[i].Family == lab.NetworkLog {
			x := s[i]
			x.File, x.Family = strings.Replace(x.File, lab.NetworkLog, lab.DeveloperLog, 1), lab.DeveloperLog
			s, texts = append(s, x), append(texts, texts[i])
		}
	}
	return s, texts
}

// manyFiles cuts each log at records, also between those of one REGISTER, into files that come in
// whatever order.
func manyFiles(rng *rand.Rand, s []Source, texts [][]byte) (ss []Source, out [][]byte) {
	for i := range s {
		recs := lab.SplitRecords(texts[i])
		for k := 0; len(recs) > 0; k++ {
			n := min(len(recs), 1+rng.IntN(1+len(texts[i])/2000))
			x := s[i]
			x.File = fmt.Sprintf("%s.%d", x.File, k)
			ss, out = append(ss, x), append(out, bytes.Join(recs[:n], nil))
			recs = recs[n:]
		}
	}
	rng.Shuffle(len(ss), func(i, j int) { ss[i], ss[j], out[i], out[j] = ss[j], ss[i], out[j], out[i] })
	return ss, out
}

func overtaken(rng *rand.Rand, s []Source, texts [][]byte) ([]Source, [][]byte) {
	out := make([][]byte, len(texts))
	for i, text := range texts {
		recs := lab.SplitRecords(text)
		for j := 0; j+1 < len(recs); j++ {
			if rng.IntN(3) == 0 {
				recs[j], recs[j+1] = recs[j+1], recs[j]
				j++
			}
		}
		out[i] = bytes.Join(recs, nil)
	}
	return s, out
}

// saidOf is what a report says of phones, one line each, without where.
func saidOf(r *Report) []string {
	out := []string{r.Verdict + " " + r.BodiesLogged}
	for _, ph := range r.Phones {
		late := "-"
		if ph.LateByS != nil {
			late = fmt.Sprintf("%.1f", *ph.LateByS)
		}
		out = append(out, fmt.Sprintf("%s %s: %s/%s %s/%s %s %s shares %d, %d transactions", ph.Device, ph.MAC, ph.Verdict, ph.VerdictConfidence, ph.Cause, ph.CauseConfidence, late, ph.LateAt,
			len(ph.Shares), len(ph.Transactions)))
	}
	slices.Sort(out[1:])
	return out
}

// textsOf are the sources of a scenario, known to be whole, and their texts.
func textsOf(t *testing.T, p *labscenario.Played) ([]Source, [][]byte, Options) {
	s, o := sources(p, true)
	texts := make([][]byte, len(s))
	for i := range s {
		texts[i] = contents(t, s[i])
	}
	return s, texts, o
}

func analyzeTexts(t *testing.T, s []Source, texts [][]byte, o Options) *Report {
	t.Helper()
	out := slices.Clone(s)
	for i := range s {
		out[i] = with(s[i], texts[i])
	}
	return analyze(t, out, o)
}

// TestSameInAnyForm: the same records in another form tell the same.
func TestSameInAnyForm(t *testing.T) {
	testrace.Whole(t)
	t.Parallel()
	for i, sc := range labscenario.Scenarios() {
		if i%(6*Every()) != 1 && Every() != 1 {
			continue
		}
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			p := play(t, sc)
			s, texts, o := textsOf(t, p)
			want := saidOf(analyzeTexts(t, s, texts, o))
			for _, f := range forms() {
				s2, t2 := f.of(rand.New(rand.NewPCG(uint64(i), 7)), slices.Clone(s), slices.Clone(texts))
				if got := saidOf(analyzeTexts(t, s2, t2, o)); !slices.Equal(got, want) {
					t.Errorf("%s:\n\t%s\nand not\n\t%s", f.name, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
				}
			}
		})
	}
}

// TestClockSetInSeveralFiles: where a clock was set forward, how the log is cut into files does not
// change what is said.
func TestClockSetInSeveralFiles(t *testing.T) {
	testrace.Whole(t)
	t.Parallel()
	s, texts, o := textsOf(t, scenario(t, "step-in-late"))
	want := saidOf(analyzeTexts(t, s, texts, o))
	for seed := range uint64(20) {
		s2, t2 := manyFiles(rand.New(rand.NewPCG(seed, 7)), s, texts)
		if got := saidOf(analyzeTexts(t, s2, t2, o)); !slices.Equal(got, want) {
			t.Fatalf("seed %d, in %d files:\n\t%s\nand not\n\t%s", seed, len(s2), strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
		}
	}
}
