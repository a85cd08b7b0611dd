package registration

import (
	"fmt"
	"slices"
	"strings"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration/hear"
)

// heardNotes say what CUCM's own records are worth here, and what they contradict.
func heardNotes(o Options, h *hear.Heard, all []told) []string {
	var out []string
	n := 0
	for _, t := range all {
		if len(t.out.Contradictions) > 0 {
			n++
		}
	}
	if n > 0 {
		phones := "1 phone"
		if n > 1 {
			phones = fmt.Sprintf("%d phones", n)
		}
		out = append(out, fmt.Sprintf("Of %s CUCM's own records contradict what the Expressways' logs alone suggest; the records count, and the phones' statements tell.", phones))
	}
	for _, node := range h.Nodes {
		switch {
		case node.Traced && !node.SIP:
			out = append(out, fmt.Sprintf("The SDL trace of %s shows no SIP messages: SIP Call Processing Trace is off there, or nothing came. What its alarms say is joined by device and time.", node.Name))
		case node.SIP && h.Joins[node] == 0:
			out = append(out, fmt.Sprintf("No REGISTER in the SDL trace of %s is one of these logs: its clock was not compared with the Expressways'.", node.Name))
		case h.Set[node]:
			out = append(out, fmt.Sprintf("The clock of %s was set within its trace: REGISTERs stand there before they were sent, or were answered after the answers had come. What it took and answered counts; its alarms, and when it did anything, do not.", node.Name))
		}
	}
	for i, s := range h.Scans {
		if s.Err != nil {
			out = append(out, fmt.Sprintf("%s was not read to its end: %s.", h.Sources[i].File, evidence.Printable(s.Err.Error(), 200)))
		}
		if s.Dropped > 0 {
			out = append(out, fmt.Sprintf("%s holds %d more messages or alarms than are kept.", h.Sources[i].File, s.Dropped))
		}
	}
	return append(out, namesNote(o, all)...)
}

// namesNote says which phones CUCM named that these logs do not show.
func namesNote(o Options, all []told) []string {
	shown := map[string]bool{}
	for _, t := range all {
		shown[strings.ToUpper(t.Device)] = true
		if t.MAC != "" {
			shown["SEP"+strings.ToUpper(t.MAC)] = true
		}
	}
	var absent []string
	for _, c := range o.Names {
		for _, p := range c.Phones {
			if p.Status == evidence.CUCMPartially && !shown[strings.ToUpper(p.Device)] {
				absent = append(absent, p.Device)
			}
		}
	}
	if len(absent) == 0 {
		return nil
	}
	slices.Sort(absent)
	more := ""
	if n := len(absent) - 10; n > 0 {
		absent, more = absent[:10], fmt.Sprintf(" and %d more", n)
	}
	return []string{"CUCM names partially registered phones that these logs do not show: " + strings.Join(absent, ", ") + more + "."}
}
