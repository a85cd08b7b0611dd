package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration"
)

// verdictWords are in the order in which they are counted on the page.
var verdictWords = [][2]string{
	{registration.VerdictPartial, "Partially registered"},
	{registration.PhoneCameBack, "Came back by keep-alive"},
	{registration.PhoneRefused, "Refused"},
	{registration.VerdictRecovered, "Recovered"},
	{registration.VerdictUnknown, "Cannot tell"},
	{registration.PhoneUnregistered, "Unregistered"},
	{registration.PhoneRegistered, "Registered"},
	{registration.VerdictHealthy, "Healthy"},
}

var causeWords = map[string]string{
	registration.CauseLate:         "late keep-alive",
	registration.CauseTCP:          "TCP connection to CUCM dropped",
	registration.CauseTraversal:    "traversal zone down",
	registration.CausePath:         "the phone's path changed",
	registration.CauseFailover:     "CUCM failover or restart",
	registration.CauseAuth:         "authentication",
	registration.CauseRefused:      "refused",
	registration.CauseResetOrLogin: "reset or login",
	registration.CauseUnknown:      "cause not known",
}

var confidenceWords = map[string]string{
	registration.Certain:    "certain",
	registration.Likely:     "likely",
	registration.CannotTell: "cannot tell",
}

// kindWords are in the order of the page's filter.
var kindWords = [][2]string{
	{registration.KindFull, "full REGISTER"},
	{registration.KindKeepAlive, "keep-alive"},
	{registration.KindSecondary, "keep-alive to the secondary"},
	{registration.KindUnregister, "unregister"},
	{registration.KindRegister, "REGISTER, kind not logged"},
}

// word is the word for a key, or the key itself: new values are shown as they are.
func word(words [][2]string, key string) string {
	for _, w := range words {
		if w[0] == key {
			return w[1]
		}
	}
	return strings.ReplaceAll(key, "_", " ")
}

func lookup(words map[string]string, key string) string {
	if w, ok := words[key]; ok {
		return w
	}
	return strings.ReplaceAll(key, "_", " ")
}

// class is the style for a verdict: four of them carry a meaning, the rest is plain.
func class(verdict string) string {
	switch verdict {
	case registration.VerdictPartial, registration.PhoneRefused:
		return "bad"
	case registration.PhoneCameBack, registration.VerdictRecovered:
		return "warn"
	case registration.PhoneRegistered, registration.VerdictHealthy:
		return "good"
	default:
		return "plain"
	}
}

func bodies(logged string) string {
	switch logged {
	case "yes":
		return "SIP bodies were logged (network.sip at DEBUG)."
	case "no":
		return "SIP bodies were not logged: full registers and keep-alives cannot be told apart."
	case "mixed":
		return "SIP bodies were logged in part: for some messages it is not known what they registered."
	default:
		return "It is not known whether SIP bodies were logged."
	}
}

// coverage sums what the files say of the window.
func coverage(files []registration.File) string {
	var parts []evidence.Coverage
	for _, f := range files {
		if f.Coverage != "" {
			parts = append(parts, evidence.Coverage(f.Coverage))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return string(evidence.Sum(parts...))
}

// utc takes a time.Time or a *time.Time, which may be nil.
func utc(t any) (time.Time, bool) {
	switch t := t.(type) {
	case time.Time:
		return t.UTC(), !t.IsZero()
	case *time.Time:
		if t != nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

func clock(t any) string {
	if u, ok := utc(t); ok {
		return u.Format("15:04:05.000")
	}
	return ""
}

func stamp(t any) string {
	if u, ok := utc(t); ok {
		return u.Format("2006-01-02 15:04:05.000")
	}
	return ""
}

// count writes a number with commas.
func count(n any) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// plural is "1 phone" or "2 phones".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + one + "s"
}

// verb goes with a number.
func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// seconds are written to a tenth, which is what the logs bear out.
func seconds(s *float64) string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf("%.1f s", math.Round(*s*10)/10)
}

func millis(ms *float64) string {
	switch {
	case ms == nil:
		return ""
	case math.Abs(*ms) >= 9999.5:
		return fmt.Sprintf("%.1f s", *ms/1000)
	default:
		return fmt.Sprintf("%.0f ms", *ms)
	}
}
