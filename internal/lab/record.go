package lab

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"regexp"
	"strconv"
	"time"
)

// The three families of docs/expressway-logs.md.
const (
	NetworkLog   = "network_log"
	Messages     = "messages"
	DeveloperLog = "developer_log"
)

// Families are all of them, in the order of the vendor's procedure.
func Families() []string { return []string{NetworkLog, Messages, DeveloperLog} }

// A Record is the lab's own row about one record that it wrote.
type Record struct {
	Seq    int64     // order of writing in its family, from 0
	Time   time.Time // UTC, as a reader should find it: UTCTime if the record has one, else the prefix
	Prefix time.Time // UTC, the stamp at the line's beginning
	Level  string    // DEBUG, INFO, ERROR; Event records have "1"
	// Marker stands in the record's text and in no other, but for the INFO and the
	// DEBUG record of one SIP message, which share it: their Msg-Hash.
	Marker    string
	Sum       [sha256.Size]byte // of the record's bytes, the line end included
	Len       int               // bytes
	WrittenAt time.Time         // real clock, read after the write had returned; zero: not on disk yet
	GoneAt    time.Time         // real clock, read before its file was removed; zero: still there
}

// Existed reports whether the record was on disk over the whole of [from, to] by
// the real clock: what takes hold of everything in that span must have it.
func (r Record) Existed(from, to time.Time) bool {
	return !r.WrittenAt.IsZero() && !r.WrittenAt.After(from) && (r.GoneAt.IsZero() || r.GoneAt.After(to))
}

var startRE = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d `)

// SplitRecords cuts the text of logs into records, each with its line ends. What
// stands before the first record comes first. It is plain on purpose, for tests to
// compare with.
func SplitRecords(text []byte) [][]byte {
	var out [][]byte
	begin, at := 0, 0
	for line := range bytes.Lines(text) {
		if at > begin && line[0] >= '0' && line[0] <= '9' && startRE.Match(line) {
			out = append(out, text[begin:at])
			begin = at
		}
		at += len(line)
	}
	if begin < len(text) {
		out = append(out, text[begin:])
	}
	return out
}

// An entry is a record before it has its times.
type entry struct {
	proc   string // with its colon, if it has one
	module string
	level  string
	marker string
	text   []byte // what follows Level="…":, further lines included, without the last line end
	event  bool   // an Event record: text first, UTCTime last
	// created is the host time in UTCTime; zero: some ms before the prefix, by chance.
	created time.Time
}

// A stamper gives entries their times and makes lines of them.
type stamper struct {
	host     string
	zone     *time.Location
	whole    bool          // whole seconds in the prefix, as up to X8.7
	disorder time.Duration // UTCTime lies up to so much before the prefix
	odd      int           // one in so many has an odd UTCTime; 0: none
	rng      *rand.Rand
}

func newStamper(host string, c LogConfig, seed uint64) *stamper {
	return &stamper{host: host, zone: c.Zone, whole: c.WholeSeconds, disorder: max(0, c.Disorder), odd: max(0, c.Odd), rng: NewRand(seed)}
}

// stamp appends the record of en, written at host time at, to b. The returned
// row lacks Seq, Sum and what comes with writing.
func (s *stamper) stamp(b []byte, en *entry, at time.Time) ([]byte, Record) {
	begin := len(b)
	r := Record{Level: en.level, Marker: en.marker, Prefix: at.Truncate(time.Millisecond).UTC()}
	created := en.created
	if created.IsZero() {
		created = at
	}
	if en.created.IsZero() && s.disorder > 0 {
		created = at.Add(-time.Duration(s.rng.Int64N(int64(s.disorder) + 1)))
	}
	r.Time = created.Truncate(time.Millisecond).UTC()
	b = at.In(s.zone).AppendFormat(b, s.layout())
	if s.whole {
		r.Prefix = at.Truncate(time.Second).UTC()
	}
	b = append(b, ' ')
	b = append(b, s.host...)
	b = append(b, ' ')
	b = append(b, en.proc...)
	odd := 0
	if s.odd > 0 && s.rng.IntN(s.odd) == 0 {
		odd = 1 + s.rng.IntN(4)
	}
	if en.event {
		b = append(b, ' ')
		b = append(b, en.text...)
		b = s.utc(b, &r, odd)
	} else {
		b = s.utc(b, &r, odd)
		b = append(b, ` Module="`...)
		b = append(b, en.module...)
		b = append(b, `" Level="`...)
		b = append(b, en.level...)
		if odd == oddLevel {
			b = append(b, ' ')
		}
		b = append(b, `":  `...)
		b = append(b, en.text...)
	}
	b = append(b, '\n')
	r.Len = len(b) - begin
	return b, r
}

func (s *stamper) layout() string {
	if s.whole {
		return "2006-01-02T15:04:05-07:00"
	}
	return "2006-01-02T15:04:05.000-07:00"
}

// The odd forms of UTCTime that were seen.
const (
	oddUnpadded   = 1 + iota // 17:46:20,92 for 92 ms
	oddNoFraction            // 17:46:20
	oddNone                  // no UTCTime at all
	oddLevel                 // Level="WARN ", with a blank
)

// utc appends ` UTCTime="…"` and lets the row tell the same time.
func (s *stamper) utc(b []byte, r *Record, odd int) []byte {
	if odd == oddNone {
		r.Time = r.Prefix
		return b
	}
	b = append(b, ` UTCTime="`...)
	b = r.Time.AppendFormat(b, "2006-01-02 15:04:05")
	switch ms := r.Time.Nanosecond() / 1e6; {
	case odd == oddNoFraction:
		r.Time = r.Time.Truncate(time.Second)
	case odd == oddUnpadded:
		b = append(b, ',')
		b = strconv.AppendInt(b, int64(ms), 10)
	default:
		b = append(b, ',', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
	}
	return append(b, '"')
}

// NewRand is chance by a seed: the same one, the same numbers.
func NewRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, Mix(seed))) }

// Mix is splitmix64: neighbouring numbers in, unlike numbers out, one to one.
func Mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
