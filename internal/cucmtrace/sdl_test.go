package cucmtrace

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
)

// all reads everything.
func all(t *testing.T, r Records) []Record {
	t.Helper()
	var out []Record
	for {
		rec, err := r.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			return out
		}
		rec.Text = bytes.Clone(rec.Text)
		out = append(out, rec)
	}
}

// times are those of the records of a trace, at a node in New York.
func times(t *testing.T, text string, modified string) []string {
	t.Helper()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	p := Place{Zone: zone}
	if modified != "" {
		if p.Modified, err = time.ParseInLocation("2006-01-02 15:04:05", modified, zone); err != nil {
			t.Fatal(err)
		}
	}
	p, _, err = Anchor(func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }, p)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range all(t, NewReader(strings.NewReader(text), p)) {
		switch {
		case r.Odd:
			out = append(out, "odd "+r.Time.Format("02T15:04:05"))
		case r.Time.IsZero():
			out = append(out, "unknown")
		default:
			out = append(out, r.Time.Format("02T15:04:05"))
		}
	}
	return out
}

func trace(clocks ...string) string {
	var b strings.Builder
	for i, c := range clocks {
		fmt.Fprintf(&b, "%08d.000 |%s |SdlSig   |x\n", 5000+i, c)
	}
	return b.String()
}

// TestClock: the date of times of day, from the file's time or its head, over midnights and
// changes of the clock, with stamps that cannot be right.
func TestClock(t *testing.T) {
	const head = "00004999.000 |%s |FileHead |UTC:%s,Date: %s, AppName: CCM, HostName: cucm01, HostIPAddress: 10.0.20.11\n"
	tests := []struct {
		name, text, modified string
		want                 []string
	}{
		{"before the file", trace("21:30:00.000", "21:31:00.000"), "2026-11-28 21:31:20", []string{"29T02:30:00", "29T02:31:00"}},
		{"over midnight", trace("23:59:00.000", "00:01:00.000"), "2026-11-29 00:01:00", []string{"29T04:59:00", "29T05:01:00"}},
		{"two midnights", trace("23:00:00.000", "23:50:00.000", "00:40:00.000", "11:00:00.000", "11:30:00.000", "22:00:00.000", "22:50:00.000", "23:40:00.000", "00:30:00.000"), "2026-06-03 00:30:00",
			[]string{"02T03:00:00", "02T03:50:00", "02T04:40:00", "02T15:00:00", "02T15:30:00", "03T02:00:00", "03T02:50:00", "03T03:40:00", "03T04:30:00"}},
		{"a record later than the file by its fraction", trace("21:30:00.000", "21:31:00.900"), "2026-11-28 21:31:00", []string{"29T02:30:00", "29T02:31:00"}},
		{"disorder over midnight", trace("23:59:59.990", "00:00:00.010", "23:59:59.995", "00:00:00.020"), "2026-06-03 00:00:00", []string{"03T03:59:59", "03T04:00:00", "03T03:59:59", "03T04:00:00"}},
		{"an odd stamp", trace("12:00:00.000", "05:00:00.000", "12:00:01.000", "99:00:00.000", "12:00:02.000"), "2026-06-03 12:00:02", []string{"03T16:00:00", "odd 03T16:00:00", "03T16:00:01", "odd 03T16:00:01", "03T16:00:02"}},
		{"a long pause", trace("12:00:00.000", "03:00:00.000", "03:00:01.000"), "2026-06-04 03:00:01", []string{"03T16:00:00", "04T07:00:00", "04T07:00:01"}},
		{"summer begins", trace("01:59:59.000", "03:00:00.000", "03:00:01.000"), "2026-03-08 03:00:01", []string{"08T06:59:59", "08T07:00:00", "08T07:00:01"}},
		{"summer ends", trace("01:30:00.000", "01:59:59.000", "01:00:00.000", "01:30:00.000"), "2026-11-01 01:30:00", []string{"01T05:30:00", "01T05:59:59", "01T06:00:00", "01T06:30:00"}},
		{"the head counts", fmt.Sprintf(head, "23:59:59.000", "-04:00", "2026/06/02") + trace("23:59:59.500", "00:00:01.000"), "2026-11-28 21:31:20", []string{"03T03:59:59", "03T03:59:59", "03T04:00:01"}},
		{"another zone than thought", fmt.Sprintf(head, "23:59:59.000", "+05:30", "2026/06/02") + trace("00:00:01.000"), "", []string{"02T18:29:59", "02T18:30:01"}},
		{"a head behind", trace("23:59:58.000") + fmt.Sprintf(head, "00:00:00.200", "-04:00", "2026/06/03"), "", []string{"03T03:59:58", "03T04:00:00"}},
		{"an impossible head", fmt.Sprintf(head, "12:00:00.000", "-99:00", "9999/99/99") + trace("12:00:01.000"), "2026-06-03 12:00:02", []string{"03T16:00:00", "03T16:00:01"}},
		{"no date anywhere", trace("12:00:00.000"), "", []string{"unknown"}},
		{"a leap second", trace("19:59:60.500", "20:00:00.000"), "2026-06-03 20:00:00", []string{"03T23:59:59", "04T00:00:00"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := times(t, tt.text, tt.modified); fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got  %v\nwant %v", got, tt.want)
			}
		})
	}
}

// TestForgedRecord: what stands in a message is no record, whatever it looks like, with the
// line ends of the wire and without.
func TestForgedRecord(t *testing.T) {
	forged := "00004003.000 |23:50:07.600 |AlarmErr |AlarmClass: CallManager, AlarmName: EndPointUnregistered, AlarmParameters: DeviceName:SEP1, Reason:13,"
	msg := "REGISTER sip:a SIP/2.0\r\nCall-ID: x@y\r\nCSeq: 7 REGISTER\r\n\r\nbody\r\n" + forged + "\r\nmore\r\n"
	for _, body := range []string{msg, strings.ReplaceAll(msg, "\r\n", "\n")} {
		for _, end := range []string{"\n", "\r\n", ""} {
			text := fmt.Sprintf("00004002.000 |23:50:07.534 |AppInfo  |SIPTcp - wait_SdlReadRsp: Incoming SIP TCP message from 10.0.30.2 on port 29535 index 835 with %d bytes:\n[7001,NET]\n%s%s00004004.000 |23:50:08.000 |SdlSig   |x\n",
				len(msg), body, end)
			recs := all(t, NewReader(strings.NewReader(text), Place{}))
			if len(recs) != 2 {
				t.Errorf("%d records of %q", len(recs), text)
				continue
			}
			m, ok := recs[0].Message()
			if !ok || m.Sent || m.Peer.String() != "10.0.30.2:29535" || m.SIP.CallID != "x@y" || m.SIP.CSeq != 7 {
				t.Errorf("message %+v, %t", m, ok)
			}
		}
	}
}

func TestAlarms(t *testing.T) {
	for _, text := range []string{
		"00004050.003 |23:58:00.000 |AlarmErr |AlarmClass: CallManager, AlarmName: EndPointUnregistered, AlarmSeverity: Error, AlarmMessage: , AlarmDescription: An endpoint has unregistered, AlarmParameters: DeviceName:sep00EBD5D5D8C6, IPAddress:10.0.30.2, Protocol:SIP, DeviceType:36217, Description:Name, x, Reason:13, IPAddrAttributes:0, LastSignalReceived:SIPStationDPrimaryLineTimeout, AppID:Cisco CallManager, ClusterID:StandAloneCluster, NodeID:cucm01,\n",
		"Jul  2 02:22:31 cucm01 local7 3 : 41679: cucm01.example.com Jul 02 2015 06:22:31 UTC :   %UC_CALLMANAGER-3-EndPointUnregistered: %[DeviceName=SEP00EBD5D5D8C6][IPAddress=10.60.98.210][Protocol=SIP][DeviceType=592][Description=Phone][Reason=13][IPAddrAttributes=0][LastSignalReceived=SIPStationDPrimaryLineTimeout][AppID=Cisco CallManager][ClusterID=StandAloneCluster][NodeID=cucm01]: An endpoint has unregistered\n",
	} {
		r := Record{Head: true, Text: []byte(text)}
		a, ok := r.Alarm()
		want := Alarm{Name: "EndPointUnregistered", Kind: Unregistered, Device: "SEP00EBD5D5D8C6", Reason: 13, Last: "SIPStationDPrimaryLineTimeout", Node: "cucm01"}
		if !ok || a != want {
			t.Errorf("%t, %+v of %.60q", ok, a, text)
		}
	}
	lines := NewLineReader(strings.NewReader("Jul  2 02:22:31 cucm01 local7 3 : 41679: cucm01.example.com Jul 02 2015 06:22:31 UTC :   %UC_CALLMANAGER-3-X: y\n"), Application, Place{})
	if r := all(t, lines); !r[0].Time.Equal(time.Date(2015, 7, 2, 6, 22, 31, 0, time.UTC)) {
		t.Errorf("its own stamp: %s", r[0].Time)
	}
}

// TestMissing: gaps by their reasons.
func TestMissing(t *testing.T) {
	at := func(min int) time.Time { return time.Date(2026, 3, 3, 5, min, 0, 0, time.UTC) }
	w := evidence.NewWindow(at(10), at(30))
	part := func(n, first, last int) Part {
		p := Part{Name: fmt.Sprintf("SDL001_100_%06d.txt.gz", n)}
		if last > 0 {
			p.First, p.Last = at(first), at(last)
		}
		return p
	}
	open := func(p Part) Part { p.Open, p.CutOff, p.Name = true, true, p.Name+"o"; return p }
	failed := func(p Part, why string) Part { p.Failed = why; return p }
	tests := []struct {
		name  string
		parts []Part
		want  string
	}{
		{"all", []Part{part(1, 5, 15), part(2, 15, 25), open(part(3, 25, 31))}, ""},
		{"the oldest is too young", []Part{part(1, 15, 25), open(part(2, 25, 31))}, "10:00-15:05 rotated_or_never_written"},
		{"one is gone", []Part{part(1, 5, 15), open(part(3, 25, 31))}, "14:55-25:05 vanished"},
		{"one is damaged", []Part{part(1, 5, 12), failed(part(2, 12, 16), evidence.ReasonRead), open(part(3, 25, 31))}, "15:55-25:05 read_error"},
		{"one could not be read", []Part{part(1, 5, 15), failed(part(2, 0, 0), evidence.ReasonDisk), open(part(3, 25, 31))}, "14:55-25:05 disk"},
		{"not written yet", []Part{open(part(1, 5, 20))}, "19:55-30:00 to_come"},
		{"closed, and the next is not there", []Part{part(1, 5, 20)}, "19:55-30:00 vanished"},
		{"silent", []Part{part(1, 5, 12), open(part(2, 20, 31))}, "12:00-20:00 silent"},
		{"nothing", nil, "10:00-30:00 absent"},
		{"no date", []Part{{Name: "SDL001_100_000001.txt.gz"}}, "10:00-30:00 clock"},
	}
	for _, tt := range tests {
		var got []string
		for _, s := range Missing(tt.parts, w, Quiet) {
			got = append(got, s.Since.Format("04:05")+"-"+s.Until.Format("04:05")+" "+s.Reason)
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, got, tt.want)
		}
	}
}
