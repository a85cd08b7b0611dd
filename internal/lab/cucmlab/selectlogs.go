package cucmlab

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// javaDate is how Java's Date tells a time.
const javaDate = "Mon Jan 02 15:04:05 MST 2006"

// listLogs tells of each node which services and logs it has.
func listLogs(q *asking) answer {
	if err := q.body.inOrder(nsAST, "ListRequest"); err != nil {
		return invalid("%v", err)
	}
	out := el("listNodeServiceLogsResponse")
	for _, n := range q.c.nodes {
		r := el("listNodeServiceLogsReturn", value("name", q.c.cfg.Listed(n.FQDN)))
		if !q.faults.Logs.NoNames {
			services := append(strings.Split(otherServices, "|"), CallManager, AMC)
			logs := append(strings.Split(otherLogs, "|"), EventApplication, EventSystem)
			r.add(items("ServiceLog", services), items("SystemLog", logs))
		}
		out.add(r)
	}
	return mayBeMultipart(q, q.soap(out))
}

func items(name string, of []string) *element {
	slices.Sort(of)
	e := el(name)
	for _, s := range of {
		e.add(value("item", s))
	}
	return e
}

// selection is what selectLogFiles is asked for.
type selection struct {
	services, systems []string
	since, until      time.Time // zero: any
}

var selectionOrder = []string{"ServiceLogs", "SystemLogs", "SearchStr", "Frequency", "JobType", "ToDate", "FromDate", "TimeZone", "RelText", "RelTime", "Port", "IPAddress", "UserName", "Password", "ZipInfo", "RemoteFolder"}

func readSelection(q *asking) (selection, error) {
	var s selection
	if err := q.body.inOrder(nsAST, "FileSelectionCriteria"); err != nil {
		return s, err
	}
	k := q.body.kid("FileSelectionCriteria")
	if err := k.inOrder(nsAST, selectionOrder...); err != nil {
		return s, err
	}
	for of, list := range map[string]*[]string{"ServiceLogs": &s.services, "SystemLogs": &s.systems} {
		for _, i := range k.kid(of).kids {
			if i.name != "item" {
				return s, fmt.Errorf("%s has a %s", of, i.name)
			}
			if name := strings.TrimSpace(i.text); name != "" {
				*list = append(*list, name)
			}
		}
	}
	for name, allowed := range map[string][]string{"Frequency": {"OnDemand", "Daily", "Weekly", "Monthly"}, "JobType": {"DownloadtoClient"}, "RelText": {"None", "Minutes", "Hours", "Days", "Weeks", "Months"}} {
		if !slices.Contains(allowed, k.get(name)) {
			return s, fmt.Errorf("%s is %q", name, k.get(name))
		}
	}
	if _, err := strconv.ParseInt(k.get("RelTime"), 10, 8); err != nil {
		return s, fmt.Errorf("RelTime is %q", k.get("RelTime"))
	}
	return s, s.span(k, q.faults.Logs.ByOffset)
}

// span reads the dates, which are of the client's zone and to the minute.
func (s *selection) span(k *node, byOffset bool) error {
	if k.get("FromDate") == "" && k.get("ToDate") == "" {
		return nil
	}
	zone, err := readZone(k.get("TimeZone"), byOffset)
	if err != nil {
		return err
	}
	for name, t := range map[string]*time.Time{"FromDate": &s.since, "ToDate": &s.until} {
		if *t, err = time.ParseInLocation("01/02/06 03:04 PM", k.get(name), zone); err != nil {
			return fmt.Errorf("%s is %q", name, k.get(name))
		}
	}
	return nil
}

var zoneText = regexp.MustCompile(`^(?:Client: |Server: )?\(GMT([+-])([0-9]{1,2}):([0-9]{1,2})\)(.+)$`)

// readZone goes by the zone's name where that is known, or by the offset before it, which
// is that of the winter: what a real one does is not known.
func readZone(text string, byOffset bool) (*time.Location, error) {
	m := zoneText.FindStringSubmatch(text)
	if m == nil {
		return nil, fmt.Errorf("TimeZone is %q", text)
	}
	if _, name, found := strings.Cut(m[4], "Greenwich Mean Time-"); found {
		m[4] = name
	}
	if zone, err := time.LoadLocation(m[4]); err == nil && !byOffset {
		return zone, nil
	}
	h, _ := strconv.Atoi(m[2])
	minutes, _ := strconv.Atoi(m[3])
	seconds := h*3600 + minutes*60
	if m[1] == "-" {
		seconds = -seconds
	}
	return time.FixedZone(m[4], seconds), nil
}

// takes reports whether a file of these is in the span.
func (s *selection) takes(f File, d Dates) bool {
	if s.since.IsZero() || d == DatesIgnored {
		return true
	}
	end := s.until.Add(time.Minute)
	if d == DatesModified {
		return !f.Modified.Before(s.since) && f.Modified.Before(end)
	}
	return !f.Modified.Before(s.since) && f.First.Before(end)
}

// selectLogs lists the asked node's files.
func selectLogs(q *asking) answer {
	s, err := readSelection(q)
	if err != nil {
		return invalid("Invalid file selection criteria: %v", err)
	}
	all := filesOn(q.c, q.n)
	list := el("ServiceList")
	for _, name := range s.services {
		list.add(filesOf(q, "ServiceLogs", name, all, &s, false))
	}
	for _, name := range s.systems {
		list.add(filesOf(q, "SystemLogs", name, all, &s, true))
	}
	a := mayBeMultipart(q, q.soap(el("selectLogFilesResponse", el("ResultSet", el("SchemaFileSelectionResult", el("Node", value("name", q.n.Name()), list))))))
	a.item = strings.Join(slices.Concat(s.services, s.systems), ",")
	return a
}

// filesOf is one log's part of the answer.
func filesOf(q *asking, as, log string, all []File, s *selection, system bool) *element {
	set := el("SetOfFiles")
	nameOf, pathOf := "name", "absolutepath"
	if q.faults.Logs.Odd {
		nameOf, pathOf = "filename", "AbsolutePath"
	}
	for _, f := range all {
		if f.Log != log || f.System != system || !s.takes(f, q.faults.Logs.Dates) {
			continue
		}
		size := f.Size
		if strings.HasSuffix(f.Path, openSuffix) {
			size = max(size-q.faults.Logs.Lag, 0)
		}
		set.add(el("File", value(nameOf, path.Base(f.Path)), value(pathOf, f.Path), value("filesize", strconv.FormatInt(size, 10)), value("modifiedDate", f.Modified.In(q.c.cfg.Zone).Format(javaDate))))
	}
	e := el(as, value("name", log))
	if len(set.kids) > 0 {
		e.add(set)
	}
	return e
}

// getTimeZone tells the server's own.
func getTimeZone(q *asking) answer {
	if q.faults.Logs.NoZone {
		return invalid("No such operation 'getTimeZone'")
	}
	_, january := time.Date(2026, 1, 1, 0, 0, 0, 0, q.c.cfg.Zone).Zone()
	_, july := time.Date(2026, 7, 1, 0, 0, 0, 0, q.c.cfg.Zone).Zone()
	offset := min(january, july) // as Java has it, without summer time
	sign := "+"
	if offset < 0 {
		sign, offset = "-", -offset
	}
	return q.soap(el("getTimeZoneResponse", value("getTimeZoneReturn", fmt.Sprintf("Server: (GMT%s%d:%d)%s", sign, offset/3600, offset%3600/60, q.c.cfg.Zone))))
}
