package checkup

import (
	"fmt"
	"io"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/mailheader"
)

// enoughHistory is how long mails must have been read until it says something that none
// came for a site.
const enoughHistory = 24 * time.Hour

// unmatched warns of the sites to which no mail ever went, while some went elsewhere, or
// nowhere.
func unmatched(cfg *config.Config, list []incident.ListedAlert, now time.Time) []Finding {
	matched := map[string]bool{}
	nowhere := map[string]int{}
	first, mails := now, 0
	for _, a := range list {
		if a.What == incident.Quarantined || a.What == incident.Dropped {
			continue
		}
		mails++
		if a.Seen.Before(first) {
			first = a.Seen
		}
		for _, s := range a.Sites {
			matched[strings.ToLower(s.Site)] = true
		}
		if a.What == incident.Unrouted && a.Cluster != "" {
			nowhere[a.Cluster]++
		}
	}
	var without, clusters []string
	for _, s := range cfg.Sites {
		if !matched[strings.ToLower(s.Name)] {
			without, clusters = append(without, s.Name), append(clusters, s.Clusters...)
		}
	}
	if len(without) == 0 || now.Sub(first) < enoughHistory && len(nowhere) == 0 {
		return nil
	}
	detail := "no mail ever matched " + some(without, "site") + ": of " + human.Plural(mails, "mail") + " since " + first.UTC().Format(time.DateOnly) + " none was theirs"
	for _, name := range likely(nowhere, clusters) {
		detail += fmt.Sprintf("; %s of cluster %s went nowhere, did you mean %s?", human.Plural(nowhere[name], "mail"), name, human.Nearest(name, clusters...))
	}
	return []Finding{{What: "sites", Status: StatusWarn, Detail: detail,
		Hint: "are clusters: and nodes: written as RTMT's mails write them? `grab check --mail FILE.eml` says where a mail goes, `grab list --alerts` where mails went"}}
}

// likely are at most three of the names that no site claims which are much like one of a
// site's.
func likely(nowhere map[string]int, clusters []string) (names []string) {
	for name := range nowhere {
		if human.Nearest(name, clusters...) != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names[:min(len(names), 3)]
}

// some names the first five.
func some(names []string, what string) string {
	const shown = 5
	if more := len(names) - shown; more > 0 {
		return strings.Join(names[:shown], ", ") + " and " + human.Plural(more, "more "+what)
	}
	return strings.Join(names, ", ")
}

var fixedRE = regexp.MustCompile(`^(?:EST|MST|HST|(?:Etc/)?GMT[+-]([0-9]{1,2}))$`)

// cities have summer time, or none, as it is where they are; by the offset in winter.
var cities = map[int]string{-10: "Pacific/Honolulu", -9: "America/Anchorage", -8: "America/Los_Angeles", -7: "America/Denver", -6: "America/Chicago", -5: "America/New_York",
	-4: "America/Halifax", -3: "America/Sao_Paulo", 1: "Europe/Berlin", 2: "Europe/Athens", 3: "Europe/Istanbul", 4: "Asia/Dubai", 5: "Asia/Karachi",
	7: "Asia/Bangkok", 8: "Asia/Singapore", 9: "Asia/Tokyo", 10: "Australia/Sydney", 12: "Pacific/Auckland"}

// fixedZones warns of time zones that have no summer time though they are no place's: times
// in mails would be read an hour wrong for half of the year.
func fixedZones(cfg *config.Config, st *incident.Store, list []incident.ListedAlert) (out []Finding) {
	for _, s := range cfg.Sites {
		if s.TimeZone == nil || !fixedRE.MatchString(s.TimeZone.String()) {
			continue
		}
		_, sec := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).In(s.TimeZone).Zone()
		if sec == 0 {
			continue
		}
		hours := sec / 3600
		detail := fmt.Sprintf("site %s: time_zone %s is UTC%+d all year: it has no summer time", s.Name, s.TimeZone, hours)
		if at, offset := otherOffset(&s, st, list); offset != "" {
			detail += fmt.Sprintf(", and a mail of %s bears %s", at.Format(time.DateOnly), offset)
		}
		city := "of a city there"
		if c := cities[hours]; c != "" {
			city += ", such as " + c
		}
		out = append(out, Finding{What: "time_zone", Status: StatusWarn, Detail: detail, Hint: "write the zone " + city + ": it knows when clocks are changed there"})
	}
	return out
}

// otherOffset is the Date of one of the site's newest mails whose offset is an hour from
// that of its zone; "" if none is.
func otherOffset(s *config.Site, st *incident.Store, list []incident.ListedAlert) (time.Time, string) {
	const looked = 10
	n := 0
	for _, a := range list {
		if n == looked {
			break
		}
		if !slices.ContainsFunc(a.Sites, func(l incident.ListedSite) bool { return l.Site == s.Name }) {
			continue
		}
		date, ok := mailDate(st, a.ID)
		if !ok {
			continue
		}
		n++
		_, here := date.In(s.TimeZone).Zone()
		if _, there := date.Zone(); there != 0 && (time.Duration(there-here)*time.Second).Abs() == time.Hour {
			return date, date.Format("-0700")
		}
	}
	return time.Time{}, ""
}

// mailDate is the Date of a mail in the store, in its own zone.
func mailDate(st *incident.Store, id string) (time.Time, bool) {
	f, err := st.OpenMail(id)
	if err != nil {
		return time.Time{}, false
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return time.Time{}, false
	}
	date, err := mail.ParseDate(mailheader.Read(raw).First("Date"))
	return date, err == nil
}
