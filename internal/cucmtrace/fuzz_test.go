package cucmtrace

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"time"
)

var fuzzSeeds = []string{
	"",
	"00004001.001 |23:50:00.000 |FileHead |UTC:-05:00,Date: 2026/03/02, HostName: cucm01,\n00004002.000 |00:00:01.000 |SdlSig   |x\n",
	"torn line\n00004003.002 |23:50:07.534 |AppInfo  |SIPTcp - wait_SdlReadRsp: Incoming SIP TCP message from 10.0.30.2 on port 29535 index 835 with 70 bytes:\n[7001,NET]\n" +
		"REGISTER sip:a SIP/2.0\r\nCall-ID: x@y\r\n\r\n00004009.000 |23:59:00.000 |AlarmErr |\r\n\n00004004.000 |99:99:99.999 |AppInfo\n",
	"Nov 28 21:31:27 cucm01 local7 3 : 1: cucm01: Nov 29 2026 02:31:27.120 UTC :  %UC_CALLMANAGER-3-EndPointUnregistered: %[DeviceName=SEP1][Reason=13]: x\n",
	"Time Stamp,Alert\n1795902690000,x\n\"01/02/2026 03:04:05\",y\n",
}

// FuzzSDL: records tile the input, whatever it is and however it comes; times stay in what
// JSON can say.
func FuzzSDL(f *testing.F) {
	for _, s := range fuzzSeeds {
		f.Add([]byte(s), int64(1_795_902_690))
	}
	f.Fuzz(func(t *testing.T, in []byte, modified int64) {
		zone, err := time.LoadLocation("America/New_York")
		if err != nil {
			t.Fatal(err)
		}
		open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(in)), nil }
		place, _, err := Anchor(open, Place{Modified: time.Unix(modified, 0), Zone: zone})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []Records{
			NewReader(bytes.NewReader(in), place), NewReader(iotest.HalfReader(bytes.NewReader(in)), place), Whole(NewReader(bytes.NewReader(in), place)),
			NewLineReader(bytes.NewReader(in), Application, place), NewLineReader(bytes.NewReader(in), System, place), NewLineReader(bytes.NewReader(in), AlertLog, place),
		} {
			tiles(t, r, in)
		}
	})
}

// tiles goes through records, which have to be the input one after the other.
func tiles(t *testing.T, r Records, in []byte) {
	t.Helper()
	var got int
	for {
		rec, err := r.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			break
		}
		end := got + len(rec.Text)
		if len(rec.Text) == 0 || rec.Offset != int64(got) || end > len(in) || !bytes.Equal(rec.Text, in[got:end]) {
			t.Fatalf("the record at %d, %q, is not what stands at %d", rec.Offset, rec.Text, got)
		}
		if len(rec.Text) > MaxRecord {
			t.Fatalf("a record of %d bytes", len(rec.Text))
		}
		if _, err := rec.Time.MarshalJSON(); err != nil {
			t.Fatal(err)
		}
		rec.Message()
		rec.Alarm()
		got = end
	}
	if got != len(in) {
		t.Fatalf("%d of %d bytes were given", got, len(in))
	}
}
