package lab

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/fetch/hostconn/hostcmd"
)

// dateRE is all that exec answers: date, date -u, an ISO form, one format.
var dateRE = regexp.MustCompile(`^(?:LC_ALL=C )?(?:/bin/)?date( -u| --utc)?(?: -I(seconds|ns)| ['"]?\+['"]?([^'"$;|&<>()\x60]*)['"]?)?$`)

// exec answers date by the host's clock and the commands of package hostcmd, and
// refuses everything else.
func (s *shell) exec(ch ssh.Channel, cmd string) uint32 {
	if verb, args, ok := hostcmd.Parse(cmd); ok {
		return s.hostCommand(ch, verb, args)
	}
	m := dateRE.FindStringSubmatch(cmd)
	if m == nil {
		fmt.Fprintln(ch.Stderr(), "bash: command not allowed in the laboratory")
		return 127
	}
	t := s.clock()
	if m[1] != "" {
		t = t.UTC()
	}
	out := t.Format("Mon Jan _2 15:04:05 MST 2006")
	switch {
	case m[2] == "seconds":
		out = t.Format("2006-01-02T15:04:05-07:00")
	case m[2] == "ns":
		out = t.Format("2006-01-02T15:04:05,000000000-07:00")
	case strings.Contains(cmd, "+"):
		out = strftime(t, m[3])
	}
	io.WriteString(ch, out+"\n")
	return 0
}

var strftimeRE = regexp.MustCompile(`%(:z|[1-9]?N|.)`)

// strftime knows the conversions that a clock is asked for with; others stay as they are.
func strftime(t time.Time, format string) string {
	layouts := map[string]string{"Y": "2006", "m": "01", "d": "02", "H": "15", "M": "04", "S": "05", "z": "-0700", ":z": "-07:00",
		"Z": "MST", "F": "2006-01-02", "T": "15:04:05", "a": "Mon", "b": "Jan", "e": "_2"}
	return strftimeRE.ReplaceAllStringFunc(format, func(s string) string {
		switch c := s[1:]; {
		case c == "s":
			return strconv.FormatInt(t.Unix(), 10)
		case c == "%":
			return "%"
		case strings.HasSuffix(c, "N"):
			n := 9
			if len(c) == 2 {
				n = int(c[0] - '0')
			}
			return fmt.Sprintf("%09d", t.Nanosecond())[:n]
		case layouts[c] != "":
			return t.Format(layouts[c])
		}
		return s
	})
}
