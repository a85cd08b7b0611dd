package cucm

import (
	"context"
	"encoding/xml"
	"fmt"
	"regexp"
	"strings"
	"time"

	"rtmtgrab/internal/cucm/soap"
)

// listDate is a time as selectLogFiles takes it, in minutes.
func listDate(t time.Time, loc *time.Location) string { return t.In(loc).Format("01/02/06 03:04 PM") }

var javaDateRE = regexp.MustCompile(`^[A-Z][a-z]{2} ([A-Z][a-z]{2}) +([0-9]{1,2}) ([0-9]{2}:[0-9]{2}:[0-9]{2}) ([^ ]+) ([0-9]{4})$`)

// listedTime reads Java's Date.toString(), "Sat Nov 28 21:31:27 EST 2026". Its letters for
// the zone mean several zones, so the node's zone counts; they only tell which of the two
// is meant in the hour that comes twice, and twice is left only if they do not.
func listedTime(s string, loc *time.Location) (at time.Time, twice bool) {
	m := javaDateRE.FindStringSubmatch(s)
	if m == nil {
		return time.Time{}, false
	}
	at, err := time.ParseInLocation("Jan 2 15:04:05 2006", m[1]+" "+m[2]+" "+m[3]+" "+m[5], loc)
	if err != nil {
		return time.Time{}, false
	}
	const wall = "2006-01-02 15:04:05"
	first, second := at, at
	for _, d := range []time.Duration{-time.Hour, time.Hour} {
		if other := at.Add(d); other.Format(wall) == at.Format(wall) {
			if other.Before(at) {
				first = other
			} else {
				second = other
			}
		}
	}
	if first.Equal(second) {
		return at, false
	}
	a, _ := first.Zone()
	b, _ := second.Zone()
	switch m[4] {
	case a:
		return first, false
	case b:
		return second, false
	}
	return first, true
}

// maxZone bounds a zone's text.
const maxZone = 200

// askZone asks a node for its zone's text.
func askZone(ctx context.Context, c *Cluster, n Node) (string, error) {
	r := soap.Request{Service: logService, Path: logPath, Action: "getTimeZone", Background: true,
		Body: `<a:getTimeZone><a:LocalHost>` + escape(n.Name) + `</a:LocalHost></a:getTimeZone>`}
	zone := ""
	err := c.soap.Call(ctx, target(n), r, func(d *xml.Decoder, start xml.StartElement) error {
		for {
			t, err := d.Token()
			if err != nil {
				return err
			}
			switch t := t.(type) {
			case xml.EndElement:
				return nil
			case xml.CharData:
				if s := clean(string(t)); zone == "" && len(s) <= maxZone {
					zone = s
				}
			case xml.StartElement:
				if s, err := decodeText(d, t); err != nil {
					return err
				} else if zone == "" && len(s) <= maxZone {
					zone = s
				}
			}
		}
	})
	return zone, err
}

// zoneText is the zone in which a node is asked for dates: as the node itself says it, or
// made of the configured one.
func zoneText(ctx context.Context, c *Cluster, n Node) string {
	c.found.mu.Lock()
	zone, known := c.found.zones[n.Name]
	c.found.mu.Unlock()
	if !known {
		var err error
		zone, err = askZone(ctx, c, n)
		if err == nil {
			c.found.mu.Lock()
			if c.found.zones == nil {
				c.found.zones = map[string]string{}
			}
			c.found.zones[n.Name] = zone
			c.found.mu.Unlock()
		}
	}
	if at := offsetRE.FindStringIndex(zone); at != nil && zoneOf(zone) != nil {
		return "Client: " + zone[at[0]:] // what clients are known to send
	}
	if loc := zoneOf(zone); loc != nil {
		return ownZone(loc, time.Now())
	}
	return ownZone(configuredZone(c), time.Now())
}

var offsetRE = regexp.MustCompile(`\(GMT[+-][0-9]{1,2}:[0-9]{1,2}\)`)

// ownZone is a zone's text as CUCM writes it, "Client: (GMT-5:0)America/New_York": the
// offset is that of the winter.
func ownZone(loc *time.Location, now time.Time) string {
	_, a := time.Date(now.Year(), 1, 1, 0, 0, 0, 0, loc).Zone()
	_, b := time.Date(now.Year(), 7, 1, 0, 0, 0, 0, loc).Zone()
	offset := min(a, b)
	sign := "+"
	if offset < 0 {
		sign, offset = "-", -offset
	}
	return fmt.Sprintf("Client: (GMT%s%d:%d)%s", sign, offset/3600, offset/60%60, loc)
}

var zoneNameRE = regexp.MustCompile(`([A-Za-z]+(?:/[A-Za-z0-9_+-]+)+|UTC|GMT)\s*$`)

// zoneOf is the zone that a node's text names, nil if it names none that is known.
func zoneOf(text string) *time.Location {
	m := zoneNameRE.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	name := m[1]
	for {
		if loc, err := time.LoadLocation(name); err == nil && name != "Local" {
			return loc
		}
		i := strings.IndexAny(name, "-")
		if i < 0 {
			return nil
		}
		name = name[i+1:] // "Time-Europe/London"
	}
}

func configuredZone(c *Cluster) *time.Location {
	if c.cfg.Zone != nil {
		return c.cfg.Zone
	}
	return time.UTC
}

// location is the zone of what a node lists.
func location(c *Cluster, text string) *time.Location {
	if loc := zoneOf(text); loc != nil {
		return loc
	}
	return configuredZone(c)
}
