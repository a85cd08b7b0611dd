package masking

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"path"
	"strings"
)

// Alarms in CUCM's traces and Event Viewer logs name the description of a device, and alert logs
// have messages: what people write as they like, which nothing tells from other words. It goes
// before anything else is looked for; lines and all other parameters stay.

// withoutDescriptions is a file of CUCM's without them, where who and where is to go.
func withoutDescriptions(j *job, name string, r io.Reader) io.Reader {
	if !j.identities() || !strings.HasPrefix(name, "cucm/") {
		return r
	}
	if strings.HasSuffix(strings.ToLower(path.Base(name)), ".csv") {
		return &alertLog{b: bufio.NewReaderSize(r, 64<<10)}
	}
	return &alarmLines{b: bufio.NewReaderSize(r, 64<<10)}
}

// maxAlarm is how long a line is looked at as a whole.
const maxAlarm = 4 << 20

// lineOf reads a line of at most so many bytes, with its end.
func lineOf(b *bufio.Reader, most int) ([]byte, error) {
	var line []byte
	for {
		part, err := b.ReadSlice('\n')
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) || len(line) >= most {
			if errors.Is(err, bufio.ErrBufferFull) {
				err = nil
			}
			return line, err
		}
	}
}

// alarmLines takes them out of lines with alarms.
type alarmLines struct {
	b    *bufio.Reader
	line []byte
	err  error
}

func (a *alarmLines) Read(p []byte) (int, error) {
	for len(a.line) == 0 {
		if a.err != nil {
			return 0, a.err
		}
		a.line, a.err = lineOf(a.b, maxAlarm)
		a.line = described(a.line)
	}
	n := copy(p, a.line)
	a.line = a.line[n:]
	return n, nil
}

// described is a line with an alarm without the description in it.
func described(line []byte) []byte {
	for _, form := range []struct {
		key  string
		ends func(rest []byte) int
	}{
		{", Description:", endOfParameter}, {",Description:", endOfParameter}, {"[Description=", endOfBracket}, {"[DeviceDescription=", endOfBracket}, {", DeviceDescription:", endOfParameter},
	} {
		key := []byte(form.key)
		for from := 0; ; {
			i := bytes.Index(line[from:], key)
			if i < 0 {
				break
			}
			at := from + i + len(key)
			end := at + form.ends(line[at:])
			line = bytes.Join([][]byte{line[:at], line[end:]}, []byte(gone))
			from = at + len(gone)
		}
	}
	return line
}

// parameters are those that come after a description, in alarms about devices.
var parameters = []string{"Reason", "LoadId", "LoadID", "AssociatedDirectoryNumbers", "MACAddress", "IPAddrAttributes", "IPV6Address", "IPv6Address", "IPV6AddrAttributes", "ActiveLoadId", "InactiveLoadId", "LastSignalReceived",
	"CallState", "PerfMonObjType", "ConnectingPort", "DeviceName", "DeviceType", "Protocol", "AppID", "ClusterID", "NodeID", "UNKNOWN_PARAMNAME", "ReasonCode", "NetworkType"}

// endOfParameter is where the value ends that begins b, in a list with commas: in front of the
// next parameter that is known, else with the line. A description may name them too: of each
// the last one counts, which is no person's.
func endOfParameter(b []byte) int {
	line := bytes.TrimRight(b, "\r\n")
	end := len(line)
	for _, p := range parameters {
		for _, comma := range []string{", ", ","} {
			if i := bytes.LastIndex(line, []byte(comma+p+":")); i >= 0 {
				end = min(end, i)
			}
		}
	}
	return end
}

// endOfBracket is where the value ends that begins b, in a list of brackets.
func endOfBracket(b []byte) int {
	line := bytes.TrimRight(b, "\r\n")
	end := -1
	for _, p := range parameters {
		if i := bytes.LastIndex(line, []byte("]["+p+"=")); i >= 0 && (end < 0 || i < end) {
			end = i
		}
	}
	if end < 0 {
		if end = bytes.Index(line, []byte("]:")); end < 0 {
			end = len(line)
		}
	}
	return end
}

// alertLog takes the messages out of an alert log.
type alertLog struct {
	b     *bufio.Reader
	rows  *csv.Reader
	words []int // columns of words; nil: it is none
	out   bytes.Buffer
	done  error
	begun bool
}

// wordColumns are columns of an alert log that people's words may stand in.
var wordColumns = map[string]bool{"alert message": true, "description": true, "alertmessage": true, "action": true, "alert description": true}

func (a *alertLog) Read(p []byte) (int, error) {
	if !a.begun {
		a.begun = true
		a.rows = csv.NewReader(a.b)
		a.rows.FieldsPerRecord, a.rows.LazyQuotes, a.rows.ReuseRecord = -1, true, true
	}
	for a.out.Len() == 0 {
		if a.done != nil {
			return 0, a.done
		}
		a.row()
	}
	return a.out.Read(p)
}

// row takes the next row over.
func (a *alertLog) row() {
	row, err := a.rows.Read()
	if err != nil {
		if a.done = err; errors.As(err, new(*csv.ParseError)) {
			a.done = isBroken
		}
		return
	}
	if a.words == nil {
		a.words = []int{}
		for i, name := range row {
			if wordColumns[strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))] {
				a.words = append(a.words, i)
			}
		}
	} else {
		for _, i := range a.words {
			if i < len(row) && row[i] != "" {
				row[i] = gone
			}
		}
	}
	w := csv.NewWriter(&a.out)
	w.Write(row) // a buffer takes all
	w.Flush()
}
