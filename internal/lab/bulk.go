package lab

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"io"
	"time"
)

// BulkOptions says what WriteLog writes. Since is required, and Until or Size.
type BulkOptions struct {
	Family string    // zero: network_log
	Host   string    // zero: expc01
	Role   string    // zero: "C"
	Since  time.Time // of the first record
	Until  time.Time // end of the span, exclusive; zero: Rate decides
	Size   int64     // bytes, met within one record; zero: until Until
	Rate   float64   // records a second if Size or Until is not given; zero: 100
	Log    LogConfig // of it Level, Zone, WholeSeconds, Disorder, Odd and Seed count
	// Each is told of every record, with the offset of its first byte; nil: nobody,
	// which is faster, for the hashes are then not made.
	Each func(offset int64, r Record)
}

// BulkResult is what was written.
type BulkResult struct {
	Bytes, Records int64
	Last           time.Time // prefix of the last record
}

// WriteLog streams a log of background noise to w, deterministic by its options.
// With both Until and Size the records are spread so that the size fits the span.
func WriteLog(w io.Writer, o BulkOptions) (BulkResult, error) {
	var res BulkResult
	if o.Since.IsZero() || o.Size <= 0 && o.Until.IsZero() {
		return res, errors.New("write log: Since and one of Until and Size are needed")
	}
	o.setDefaults()
	st := newStamper(o.Host, o.Log, o.Log.Seed)
	n := newNoise(o.Family, o.Log.Level, o.Role, "10.0.30.2", Mix(o.Log.Seed))
	bw := bufio.NewWriterSize(w, 1<<20)
	var b []byte
	for at := o.Since; ; at = o.after(at, res) {
		if o.Size > 0 && res.Bytes >= o.Size || !o.Until.IsZero() && !at.Before(o.Until) {
			return res, bw.Flush()
		}
		var r Record
		b, r = st.stamp(b[:0], n.next(), at)
		if _, err := bw.Write(b); err != nil {
			return res, err
		}
		if o.Each != nil {
			r.Seq, r.Sum = res.Records, sha256.Sum256(b)
			o.Each(res.Bytes, r)
		}
		res.Bytes, res.Records, res.Last = res.Bytes+int64(len(b)), res.Records+1, r.Prefix
	}
}

// after is the time of the record that follows one at t.
func (o *BulkOptions) after(t time.Time, res BulkResult) time.Time {
	if o.Size > 0 && !o.Until.IsZero() {
		span := o.Until.Sub(o.Since)
		return o.Since.Add(min(span-1, time.Duration(float64(span)*(float64(res.Bytes)/float64(o.Size)))))
	}
	return t.Add(time.Duration(float64(time.Second) / o.Rate))
}

func (o *BulkOptions) setDefaults() {
	if o.Family == "" {
		o.Family = NetworkLog
	}
	if o.Host == "" {
		o.Host = "expc01"
	}
	if o.Role == "" {
		o.Role = "C"
	}
	if o.Rate <= 0 {
		o.Rate = 100
	}
	o.Log.setDefaults()
}
