package retention

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"rtmtgrab/bundle/custody"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/wiring"
)

// A Left is what is left of a removed incident.
type Left struct {
	Incident string            `json:"incident"`
	State    incident.State    `json:"state"`
	Site     string            `json:"site"`
	Case     string            `json:"case,omitempty"`
	Kind     incident.Kind     `json:"kind"`
	Time     time.Time         `json:"time"` // of the first alert, or of the event
	TimeZone string            `json:"time_zone,omitempty"`
	Coverage evidence.Coverage `json:"coverage"`
	Revision int               `json:"revision,omitempty"`
	Sealed   time.Time         `json:"sealed"`
	Removed  time.Time         `json:"removed"`
	Why      string            `json:"removed_why"`
	Verdict  *incident.Brief   `json:"brief,omitempty"` // nil: an earlier version removed it
	Bundles  []LeftBundle      `json:"bundles"`
	Bytes    int64             `json:"bytes"` // that the bundles had
}

// A LeftBundle is a bundle that is gone, and what was done with it.
type LeftBundle struct {
	Name    string          `json:"name"`
	Custody string          `json:"custody,omitempty"` // the file in which its chain goes on; empty: there is none
	Later   []custody.Entry `json:"later,omitempty"`   // the newest of it
}

const (
	maxEntries = 100      // of a bundle's custody that are shown
	maxEntry   = 64 << 10 // bytes of one
)

// LeftOf is what the store knows of a removed incident.
func LeftOf(store *incident.Store, r incident.Removal) Left {
	l := Left{Incident: r.Incident, State: incident.Removed, Site: r.Site, Case: r.Case, Kind: r.Kind, Time: r.At, TimeZone: r.TimeZone, Coverage: r.Coverage, Revision: r.Revision,
		Sealed: r.Sealed, Removed: r.Time, Why: r.Why, Verdict: r.Brief, Bytes: r.Bytes, Bundles: []LeftBundle{}}
	for _, path := range r.Bundles {
		b := LeftBundle{Name: filepath.Base(path)}
		if file := custody.LedgerOf(store.Dir).File(plainName(b.Name)); isRegular(file) {
			b.Custody, b.Later = file, entries(file)
		}
		l.Bundles = append(l.Bundles, b)
	}
	return l
}

func isRegular(name string) bool {
	info, err := os.Lstat(name)
	return err == nil && info.Mode().IsRegular()
}

// plainName is the name of a bundle without its format.
func plainName(file string) string {
	for _, ext := range []string{".zip", ".tar.zst", ".tar.gz"} {
		if name, ok := strings.CutSuffix(file, ext); ok {
			return name
		}
	}
	return file
}

// entries are the newest lines of a chain. It is only shown here: the bundle with which it
// begins is gone.
func entries(name string) (list []custody.Entry) {
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, maxEntry)
	for in.Scan() {
		var e custody.Entry
		if json.Unmarshal(in.Bytes(), &e) != nil || e.Act == "" {
			continue
		}
		if list = append(list, e); len(list) > maxEntries {
			list = list[1:]
		}
	}
	return list
}

// Write says it to people.
func (l Left) Write(out io.Writer) error {
	clock := human.Clock{Zone: wiring.ZoneNamed(l.TimeZone)}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "incident\t%s, of which the bundles are gone\n", l.Incident)
	fmt.Fprintf(w, "site\t%s\n", l.Site)
	if l.Case != "" {
		fmt.Fprintf(w, "case\t%s\n", evidence.Printable(l.Case, 100))
	}
	if !l.Time.IsZero() {
		fmt.Fprintf(w, "event\t%s\n", clock.At(l.Time.Truncate(time.Second)))
	}
	fmt.Fprintf(w, "sealed\t%s, coverage %s\n", clock.At(l.Sealed.Truncate(time.Second)), human.Dash(string(l.Coverage)))
	fmt.Fprintf(w, "verdict\t%s\n", l.verdict())
	fmt.Fprintf(w, "removed\t%s: %s\n", clock.At(l.Removed.Truncate(time.Second)), evidence.Printable(l.Why, 200))
	for _, b := range l.Bundles {
		fmt.Fprintf(w, "bundle\t%s\n", evidence.Printable(b.Name, 200))
		for _, e := range b.Later {
			fmt.Fprintf(w, "\t%s %s\n", clock.At(e.Time.Truncate(time.Second)), said(e))
		}
		if b.Custody != "" {
			fmt.Fprintf(w, "custody\t%s\n", b.Custody)
		}
	}
	return w.Flush()
}

func (l Left) verdict() string {
	if l.Verdict == nil || l.Verdict.Verdict == "" {
		return "not known"
	}
	s := evidence.Printable(l.Verdict.Verdict, 50)
	for i, p := range l.Verdict.Phones {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		s += fmt.Sprintf("%s%s (%s)", sep, evidence.Printable(p.Device, 60), evidence.Printable(p.Verdict, 50))
	}
	if l.Verdict.More > 0 {
		s += fmt.Sprintf(" and %d more", l.Verdict.More)
	}
	return s
}

// said is what an entry of custody says.
func said(e custody.Entry) string {
	s := evidence.Printable(e.Act, 40)
	if e.Later == nil {
		return s
	}
	if e.Later.By != "" {
		s += " by " + evidence.Printable(e.Later.By, 100)
	}
	for _, part := range []string{e.Later.Result, e.Later.Why, strings.Join(e.Later.To, ", ")} {
		if part != "" {
			s += ": " + evidence.Printable(part, 200)
		}
	}
	return s
}
