package lab

import (
	"time"
)

// A Rotation is how a full log makes way for a new one.
type Rotation string

// The styles. With all of them the live file has the family's bare name.
const (
	Numbered     Rotation = "numbered"     // network_log.1 is the newest
	Dated        Rotation = "dated"        // network_log-20260302-091407, by the host's clock and zone
	Gzip         Rotation = "gzip"         // as Numbered, the rotated file is then compressed to network_log.1.gz
	CopyTruncate Rotation = "copytruncate" // copied to network_log.1, then the live file is cut to nothing
)

// LogConfig says how the logs of an Expressway look and grow. Its zero value:
// three families at DEBUG in UTC, no background noise, numbered, 8 MiB, 5 kept.
type LogConfig struct {
	Families     []string       // nil: all three
	Level        string         // "DEBUG" or "INFO"; zero: DEBUG. At INFO no SIP bodies and no TCP records are logged
	Rate         float64        // records of background noise per second and family; zero: none
	RotateSize   int64          // bytes before a log rotates; zero: 8 MiB; negative: only when told to
	RotateKeep   int            // rotated files kept; zero: 5
	Style        Rotation       // zero: Numbered
	Zone         *time.Location // of the prefix; nil: UTC
	WholeSeconds bool           // a prefix without milliseconds, as up to X8.7
	Disorder     time.Duration  // UTCTime lies up to so much before the prefix; zero: 21 ms; negative: none
	// Odd lets one record in so many have an odd time stamp (not padded, without
	// fraction, none at all) or level; zero: 200; negative: none. The form that is
	// not padded can be read in two ways, 828 ms apart at most.
	Odd  int
	Torn bool   // writes reach the file in two halves, so that readers meet cut records at the end
	Seed uint64 // of all that is random; the same seed and start make the same records
}

func (c *LogConfig) setDefaults() {
	if c.Families == nil {
		c.Families = Families()
	}
	if c.Level == "" {
		c.Level = "DEBUG"
	}
	if c.RotateSize == 0 {
		c.RotateSize = 8 << 20
	}
	if c.RotateKeep == 0 {
		c.RotateKeep = 5
	}
	if c.Style == "" {
		c.Style = Numbered
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.Disorder == 0 {
		c.Disorder = 21 * time.Millisecond
	}
	if c.Odd == 0 {
		c.Odd = 200
	}
}
