package evidence

import (
	"math"
	"time"
)

// Times that others write are data, and may be anything: JSON cannot hold the year 10000,
// and nanoseconds in an int64 end in 2262. Whoever reads one bounds it.

// MaxOffset is how far a zone may be from UTC.
const MaxOffset = 14 * time.Hour

var (
	leastTime = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	mostTime  = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
)

// Believable reports whether a time that somebody wrote is of the years 1970 to 9998.
func Believable(t time.Time) bool {
	sec := t.Unix()
	return sec >= leastTime && sec < mostTime
}

// BoundedTime is t if that is believable, else the zero time.
func BoundedTime(t time.Time) time.Time {
	if !Believable(t) {
		return time.Time{}
	}
	return t
}

// Clamp is the believable time that is nearest to t: for what is reckoned from such times.
func Clamp(t time.Time) time.Time {
	sec := t.Unix()
	switch {
	case sec < leastTime:
		return time.Unix(leastTime, 0).UTC()
	case sec >= mostTime:
		return time.Unix(mostTime-1, 0).UTC()
	}
	return t
}

// Nanos is t in nanoseconds since 1970; what they cannot say becomes the nearest that
// they can.
func Nanos(t time.Time) int64 {
	const most = math.MaxInt64 / int64(time.Second)
	switch sec := t.Unix(); {
	case sec >= most:
		return math.MaxInt64
	case sec <= -most:
		return math.MinInt64
	}
	return t.UnixNano()
}
