package report

import (
	"strings"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration"
)

// A done is what people did about phones: problem reports that came, or were asked for and did
// not, and resets.
type done struct {
	PRTs   []prtRow
	Asked  []askedRow
	Resets []resetRow
	More   int // of all, that the page does not list
}

type prtRow struct {
	Phone                      *phone // nil: it is not on the page
	Name, Received, From, Path string
	Bytes                      int64
}

type askedRow struct {
	Phone *phone
	At    string
}

type resetRow struct {
	Phone                            *phone // nil: it is not on the page
	Name, At, By, PRT, Became, Lines string
	Bad                              bool // not all its lines came back
}

// maxDone bounds what the page lists of each.
const maxDone = 100

// doneOf is nil where there is nothing to say.
func doneOf(p *page) *done {
	d := &done{}
	for _, r := range p.PRTs {
		if len(d.PRTs) == maxDone {
			d.More++
			continue
		}
		d.PRTs = append(d.PRTs, prtRow{Phone: phoneNamed(p, r.Device), Name: evidence.Printable(r.Device, 100), Received: p.Clock.both(r.Received), From: evidence.Printable(r.From, 100),
			Path: evidence.Printable(r.Path, 200), Bytes: r.Bytes})
	}
	for _, ph := range p.People {
		switch {
		case ph.PRTAsked == nil || ph.PRTReceived != nil:
		case len(d.Asked) == maxDone:
			d.More++
		default:
			d.Asked = append(d.Asked, askedRow{ph, p.Clock.both(ph.PRTAsked)})
		}
	}
	for _, r := range p.Resets {
		if len(d.Resets) == maxDone {
			d.More++
			continue
		}
		d.Resets = append(d.Resets, resetOf(p, r))
	}
	if len(d.PRTs)+len(d.Asked)+len(d.Resets) == 0 {
		return nil
	}
	return d
}

func resetOf(p *page, r evidence.Reset) resetRow {
	row := resetRow{Phone: phoneNamed(p, r.Device), Name: evidence.Printable(r.Device, 100), At: p.Clock.both(r.At), By: evidence.Printable(r.By, 100)}
	switch r.PRT {
	case "received":
		row.PRT = "received before"
	case "asked":
		row.PRT = "asked for before"
	default:
		row.PRT = "none"
	}
	if r.Why != "" {
		row.PRT += ": " + evidence.Printable(r.Why, 300)
	}
	ended := ""
	if r.Ended != nil {
		ended = " (" + p.Clock.both(r.Ended) + ")"
	}
	switch r.State {
	case evidence.ResetBack:
		row.Became = "all its lines are registered again" + ended
	case evidence.ResetNotBack:
		row.Became, row.Bad = "not all its lines came back while it was watched"+ended, true
	case evidence.ResetFailed:
		row.Became, row.Bad = "CUCM did not do it: "+evidence.Printable(r.Error, 300), true
	case evidence.ResetTaken:
		row.Became = "CUCM took the order; whether its lines came back is not known yet"
	case evidence.ResetOrdered:
		row.Became = "ordered; whether CUCM took it is not known"
	default:
		row.Became = evidence.Printable(r.State, 60)
	}
	if len(r.Lines) > 0 {
		row.Lines = registration.LineWords(r.Lines)
	}
	return row
}

// phoneNamed is the phone of a device's name; nil: it is not on the page.
func phoneNamed(p *page, device string) *phone {
	for _, ph := range p.People {
		if strings.EqualFold(ph.Device, device) && device != "" || ph.Device == "" && ph.MAC != "" && strings.EqualFold("SEP"+ph.MAC, device) {
			return ph
		}
	}
	return nil
}
