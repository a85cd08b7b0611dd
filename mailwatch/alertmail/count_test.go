package alertmail

import (
	"fmt"
	"math/rand/v2"
	"rtmtgrab/internal/testrace"
	"strings"
	"testing"
	"time"
)

// notCounts are texts with numbers in them that are no count: times in many forms,
// dates, addresses, ports, versions, thresholds, spans of time.
func notCounts(rng *rand.Rand) []string {
	t := time.Unix(1_600_000_000+rng.Int64N(400_000_000), rng.Int64N(1e9)).UTC()
	var all []string
	for _, layout := range []string{"15:04:05", "15:04", "15:04:05.000", "3:04 PM", "3:04:05 pm", "15.04.05", "15.04", "15h04", "15 h 04", "15 : 04 : 05", "15:04:05 MST",
		"Mon Jan 02 15:04:05 MST 2006", "Mon Jan 2 15:04:05 2006", "2006-01-02", "2006-01-02 15:04:05", "2006-01-02T15:04:05Z", "02/01/2006", "1/2/2006 3:04 PM", "02.01.2006 15:04", "2 January 2006", "2 Jan 2006",
		"02 Jan 06 15:04 +0000", "2. January 2006", "Jan 2, 2006", "Mon, 02 Jan 2006 15:04:05 +0000", "20060102150405", "15:04:05,000"} {
		all = append(all, t.Format(layout))
	}
	n := 1 + rng.IntN(99)
	return append(all, fmt.Sprint(t.UnixMilli()), fmt.Sprint(t.Unix()), "21. Mai 2021", "2 août 2021", "11 o'clock", "8 Uhr",
		fmt.Sprintf("10.%d.30.2", n), fmt.Sprintf("10.0.%d.2:5060", n), "[2001:db8::11]:5061", "fe80::11", "cucm01:8443", fmt.Sprintf("%d.5.1.13900-152", n), "14SU3", "v12.5",
		fmt.Sprintf("exceeds %d", n), fmt.Sprintf("over %d", n), fmt.Sprintf("> %d", n), fmt.Sprintf("threshold %d", n), fmt.Sprintf("threshold : %d", n), fmt.Sprintf("limit=%d", n),
		fmt.Sprintf("%d s", n), fmt.Sprintf("%d seconds", n), fmt.Sprintf("%d min", n), fmt.Sprintf("%d minutes ago", n), fmt.Sprintf("%dh", n), fmt.Sprintf("%d %%", n), fmt.Sprintf("%d%%", n), fmt.Sprintf("port : %d", n),
		fmt.Sprintf("severity : %d", n), fmt.Sprintf("version : %d", n))
}

// around are sentences and lines in which %s may stand.
var around = []string{
	"PartiallyRegisteredPhone at %s", "PartiallyRegisteredPhone: %s", "PartiallyRegisteredPhone : %s", "PartiallyRegisteredPhone = %s", "PartiallyRegisteredPhone=%s", "%s PartiallyRegisteredPhone",
	"%s: PartiallyRegisteredPhone", "%s PartiallyRegisteredPhone : seen", "PartiallyRegisteredPhone (%s)", "PartiallyRegisteredPhone (%s) is over 0 threshold.", "PartiallyRegisteredPhone since %s, still.",
	"At %s on node cucm01, the following PartiallyRegisteredPhone events generated:", "the following PartiallyRegisteredPhone events generated: %s", "Alert PartiallyRegisteredPhone on cucm01 %s: raised",
	"CounterValue : %s\nPartiallyRegisteredPhone", "PollValue : %s\nPartiallyRegisteredPhone", "PartiallyRegisteredPhone\t:\t%s", "PartiallyRegisteredPhone alert, %s", "PartiallyRegisteredPhone on %s: raised", "PartiallyRegisteredPhone %s",
	"AlertName : PartiallyRegisteredPhone TimeStamp : %s", "PartiallyRegisteredPhone in cluster a %s AppID : 1", "[RTMT] PartiallyRegisteredPhone - %s - critical", "PartiallyRegisteredPhone value %s",
}

// TestNoCountFromTimes: whatever number stands in a time, a date, an address, a version
// or a threshold, it is not the count; and the count beside it is still found.
func TestNoCountFromTimes(t *testing.T) {
	tried := 0
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 9))
		for _, number := range notCounts(rng) {
			for _, sentence := range around {
				if tried++; testrace.Skips(tried, 7) {
					continue
				}
				text := fmt.Sprintf(sentence, number) + "\n"
				mails := map[string][]byte{"text": rtmt(text), "html": rtmt(toHTML(text), "Content-Type", "text/html"),
					"cells": rtmt("<table><tr><td>"+strings.ReplaceAll(text, " : ", "</td><td>:</td><td>")+"</td></tr></table>", "Content-Type", "text/html")}
				for how, raw := range mails {
					if a, ok := (&Reader{}).Read(raw, got); ok && a.Count != nil {
						t.Fatalf("%s %q: count %d from %s", how, text, *a.Count, a.From["count"])
					}
				}
				want := 1 + rng.IntN(500)
				a, _ := (&Reader{}).Read(rtmt(text+fmt.Sprintf("PartiallyRegisteredPhone : %d\nTimeStamp : 08:11:00\n", want)), got)
				if a.Count == nil || *a.Count != want {
					t.Fatalf("%q: count %v, want %d", text, a.Count, want)
				}
			}
		}
	}
}

func TestCountLines(t *testing.T) {
	for line, want := range map[string]int{
		"PartiallyRegisteredPhone : 3": 3, "PartiallyRegisteredPhone: 3.0": 3, "PartiallyRegisteredPhone=12": 12, "PartiallyRegisteredPhone (cucm01.example.com) : 3": 3, "PartiallyRegisteredPhone on cucm01: 3": 3,
		"PartiallyRegisteredPhone (10.0.10.11) : 4 (threshold 0)": 4, "Number of PartiallyRegisteredPhone events : 7, more than before": 7, "PartiallyRegisteredPhone : 3 NodeID : pub1": 3, "PartiallyRegisteredPhone : 5 phones": 5,
		"08:11:00 PartiallyRegisteredPhone : 6": 6, "Mon Mar 02 09:14:07 EST 2026 PartiallyRegisteredPhone : 6.": 6, "PartiallyRegisteredPhone : 0": 0,
	} {
		a, ok := (&Reader{}).Read(rtmt(line+"\n"), got)
		if !ok || a.Count == nil || *a.Count != want {
			t.Errorf("%q: %v, want %d", line, a.Count, want)
		}
	}
}

// TestWhichTime: where a mail has two times, it is said which was used, and why.
func TestWhichTime(t *testing.T) {
	const sentence = "At Mon Mar 02 09:14:07 EST 2026 on node cucm01, the following PartiallyRegisteredPhone events generated:\n"
	for _, tt := range []struct{ text, from, want string }{
		{sentence, "sentence", ""},
		{sentence + "TimeStamp : Mon Mar 02 09:14:07 EST 2026\n", "sentence", ""},
		{sentence + "TimeStamp : Mon Mar 02 09:14:09 EST 2026\n", "sentence", "used because it says when the alert was raised on the node, instead of timestamp Mon Mar 02 09:14:09 EST 2026"},
		{strings.ReplaceAll(sentence, "2026", "2025") + "TimeStamp : Mon Mar 02 09:14:09 EST 2026\n", "timestamp", "used because no sentence about the alert has a time that is believed, instead of sentence Mon Mar 02 09:14:07 EST 2025"},
		{"PartiallyRegisteredPhone\nlast changed Mon Mar 02 09:10:00 EST 2026\n", "date", "used because no time in the text is believed, instead of Mon Mar 02 09:10:00 EST 2026"},
		{sentence + strings.ReplaceAll(sentence, "09:14:07", "09:14:37") + strings.ReplaceAll(sentence, "09:14:07", "09:15:07") + strings.ReplaceAll(sentence, "09:14:07", "09:16:07"), "sentence", "instead of Mon Mar 02 09:14:37 EST 2026, Mon Mar 02 09:15:07 EST 2026 and 1 more"},
	} {
		a, ok := (&Reader{}).Read(rtmt(tt.text), got)
		if !ok || a.TimeFrom != tt.from || !strings.HasPrefix(a.From["time"], tt.from) || !strings.Contains(a.From["time"], tt.want) || strings.Contains(a.From["time"], "used because") != (tt.want != "") {
			t.Errorf("%q: from %s (%s), want %s, %q", tt.text, a.TimeFrom, a.From["time"], tt.from, tt.want)
		}
	}
}

// FuzzCount: a number right before or behind a colon in a time is never the count.
func FuzzCount(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i, s := range around {
		f.Add(strings.Replace(s, "%s", "", 1), uint32(rng.Uint32()), i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, words string, sec uint32, seconds bool) {
		if strings.ContainsAny(words, "0123456789") {
			return
		}
		layout := "15:04"
		if seconds {
			layout = "15:04:05"
		}
		at := time.Unix(int64(sec), 0).UTC().Format(layout)
		for _, text := range []string{words + " " + at, "PartiallyRegisteredPhone " + words + " " + at, at + " " + words, "PartiallyRegisteredPhone" + words + at} {
			if a, ok := (&Reader{}).Read(rtmt(text), got); ok && a.Count != nil {
				t.Errorf("%q: count %d from %s", text, *a.Count, a.From["count"])
			}
		}
	})
}
