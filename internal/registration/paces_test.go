package registration

import (
	"bytes"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"rtmtgrab/internal/lab"
	labscenario "rtmtgrab/internal/lab/scenario"
)

// Logs at INFO that begin while phones repeat what nobody answers: their keep-alives to the
// secondary CUCM go along every 62 s, and every 115 s when all is well again. That is another
// cadence and no lateness, for which nobody is to set Timer Register Delta.
func TestAnotherCadence(t *testing.T) {
	t.Parallel()
	p := play(t, scenarioOf(t, "info-silent"))
	s, o := sources(p, true)
	for i := range s {
		changeRecords(&s[i], func(records [][]byte) [][]byte { return records[len(records)/2:] })
	}
	r := analyze(t, s, o)
	checkLies(t, p, r)
	for _, ph := range r.Phones {
		if ph.Cause == CauseLate {
			t.Errorf("%s: %s", ph.MAC, ph.Summary)
		}
	}
}

// Where it is not known that logs are whole, and records in them are cut, nothing is to be set
// for a lateness that cannot be told.
func TestLateOfCutRecords(t *testing.T) {
	t.Parallel()
	p := play(t, scenarioOf(t, "lost-e"))
	seeds := uint64(40)
	if testing.Short() {
		seeds = 4
	}
	for seed := range seeds {
		s, _ := sources(p, false)
		random := rand.New(rand.NewPCG(seed, seed))
		for i := range s {
			changeRecords(&s[i], func(records [][]byte) [][]byte {
				for j, rec := range records {
					if random.IntN(12) == 0 && len(rec) > 100 {
						records[j] = append(bytes.Clone(rec[:90+random.IntN(len(rec)-95)]), '\n')
					}
				}
				return records
			})
		}
		checkLies(t, p, analyze(t, s, Options{}))
	}
}

// What cannot be told is not told of a whole group either.
func TestPerhapsLate(t *testing.T) {
	t.Parallel()
	for _, sc := range labscenario.Scenarios() {
		if !strings.HasPrefix(sc.Name, "late") && sc.Level != "INFO" || testing.Short() {
			continue
		}
		p := play(t, sc)
		s, o := sources(p, true)
		for _, g := range analyze(t, s, o).Groups {
			if g.Cause == CauseLate && g.Confidence == CannotTell && !strings.HasPrefix(strings.ToLower(g.Summary), "perhaps") {
				t.Errorf("%s: %s", sc.Name, g.Summary)
			}
		}
	}
}

func scenarioOf(t *testing.T, name string) labscenario.Scenario {
	t.Helper()
	all := labscenario.Scenarios()
	i := slices.IndexFunc(all, func(sc labscenario.Scenario) bool { return sc.Name == name })
	if i < 0 {
		t.Fatalf("no scenario %s", name)
	}
	return all[i]
}

// changeRecords changes the log of a source, once.
func changeRecords(s *Source, change func([][]byte) [][]byte) {
	text, err := readSource(s)
	if err == nil {
		text = bytes.Join(change(lab.SplitRecords(text)), nil)
	}
	s.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), err }
}

func readSource(s *Source) ([]byte, error) {
	f, err := s.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}
