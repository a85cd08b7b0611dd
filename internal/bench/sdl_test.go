//go:build linux

package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"rtmtgrab/internal/cucmtrace"
	"rtmtgrab/internal/evidence"
)

// sdlPerSecond is what reading SDL has to reach: a node writes a GB in some hours.
const sdlPerSecond = 150 << 20

// BenchmarkSDL reads a trace of a CUCM node as the verdict does (records, their times, SIP
// messages, alarms), cuts two minutes out of it, and finds its date without a head.
func BenchmarkSDL(b *testing.B) {
	path := filepath.Join(b.TempDir(), "SDL001_100_000001.txt")
	total, begin, end := writeSDL(b, path, size/4)
	t := newTable(fmt.Sprintf("SDL. A trace of %s", sizeText(total)), "a second of CPU", "a second")
	for _, c := range []struct {
		what string
		read func(io.Reader) int64
	}{
		{"records, times, SIP messages, alarms", func(f io.Reader) int64 { return heard(b, f) }},
		{"two minutes cut out", func(f io.Reader) int64 {
			s, err := cucmtrace.Cut(io.Discard, cucmtrace.NewReader(f, cucmtrace.Place{}), evidence.NewWindow(end.Add(-3*time.Minute), end.Add(-time.Minute)))
			must(b, err)
			return s.Records
		}},
		{"the date without a head", func(f io.Reader) int64 {
			skip := make([]byte, 400)
			_, err := io.ReadFull(f, skip) // the head
			must(b, err)
			p, ok, err := cucmtrace.Anchor(func() (io.ReadCloser, error) { return io.NopCloser(f), nil }, cucmtrace.Place{Modified: end})
			must(b, err)
			if !ok || p.First.Sub(begin).Abs() > time.Minute {
				b.Errorf("it began at %s, and is said to at %s", begin, p.First)
			}
			return 1
		}},
	} {
		f, err := os.Open(path)
		must(b, err)
		at, used := time.Now(), ownCPU(b)
		n := c.read(f)
		took, cpu := time.Since(at), ownCPU(b)-used
		must(b, f.Close())
		rate := int64(float64(total) / cpu.Seconds()) // by CPU, for others work on the machine as well
		t.add(0, measured{what: c.what, bytes: total, time: took, cpu: cpu}, sizeText(rate), sizeText(int64(float64(total)/took.Seconds())))
		if n == 0 {
			b.Errorf("%s: nothing was read", c.what)
		}
		if rate < sdlPerSecond {
			b.Errorf("%s: %s a second, want %s", c.what, sizeText(rate), sizeText(sdlPerSecond))
		}
	}
	t.print()
}

// ownCPU is what this process has used.
func ownCPU(b *testing.B) time.Duration {
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// heard reads everything that a verdict wants.
func heard(b *testing.B, f io.Reader) (records int64) {
	r := cucmtrace.NewReader(f, cucmtrace.Place{})
	messages, alarms := 0, 0
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(b, err)
		if _, ok := rec.Message(); ok {
			messages++
		}
		if _, ok := rec.Alarm(); ok {
			alarms++
		}
		records++
	}
	if messages == 0 || alarms == 0 {
		b.Errorf("%d messages and %d alarms in %d records", messages, alarms, records)
	}
	return records
}

// writeSDL writes a trace of about so many bytes: of a busy node, in which three of a hundred
// records are REGISTERs or answers to them.
func writeSDL(b *testing.B, path string, size int64) (total int64, begin, end time.Time) {
	f, err := os.Create(path)
	must(b, err)
	begin = time.Date(2026, 3, 2, 22, 0, 0, 0, time.UTC)
	signal := "SdlSig   |DbObjectCacheTimer                     |initialized                    |Db(1,100,213,1)                  |SdlTimerService(1,100,3,1)       |1,100,150,1.18^*^*                       |[R:N-H:0,N:0,L:0,V:0,Z:0,D:0]  AppCorr: 0\n"
	alarm := "AlarmErr |AlarmClass: CallManager, AlarmName: EndPointUnregistered, AlarmSeverity: Error, AlarmMessage: , AlarmDescription: x, AlarmParameters: DeviceName:SEP00EBD5D5D8C6, Reason:13, LastSignalReceived:SIPStationDPrimaryLineTimeout, NodeID:cucm01,\n"
	var buf bytes.Buffer
	fmt.Fprintf(&buf, "%08d.000 |22:00:00.000 |FileHead |UTC:+00:00,Date: 2026/03/02, AppName: CCM, AppId: 100, HostName: cucm01, HostIPAddress: 10.0.20.11%300s\n", 1, "")
	at := begin
	for n := 2; total < size; n++ {
		at = at.Add(4 * time.Millisecond)
		fmt.Fprintf(&buf, "%08d.000 |%s |", n, at.Format("15:04:05.000"))
		switch {
		case n%100 < 3:
			msg := fmt.Sprintf("REGISTER sip:cucm01.example.com SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.30.2:29535;branch=z9hG4bK%d\r\nVia: SIP/2.0/TLS 10.0.40.5:7001;egress-zone=TraversalZone;branch=z9hG4bK8ca6090d2290a72a600d8f16efae804c;rport\r\n"+
				"Call-ID: 00ebd5d5-d8c6377b-d236316b-%08x@192.0.2.35\r\nCSeq: %d REGISTER\r\nContact: <sip:e461cd88@192.0.2.35:50566;transport=tls>;+u.sip!devicename.ccm.cisco.com=\"SEP00EBD5D5D8C6\";video;bfcp\r\n"+
				"From: <sip:7022@cucm01.example.com>;tag=00ebd5d5d8c6bb05dc56c8e3\r\nTo: <sip:7022@cucm01.example.com>\r\nMax-Forwards: 15\r\nUser-Agent: Cisco-CP8865/14.1.1\r\nExpires: 3600\r\nSupported: replaces,join,sdp-anat,norefersub,path\r\nContent-Length: 0\r\n\r\n", n, n, n%1000)
			fmt.Fprintf(&buf, "AppInfo  |SIPTcp - wait_SdlReadRsp: Incoming SIP TCP message from 10.0.30.2 on port 29535 index 835 with %d bytes:\n[%d,NET]\n%s\n", len(msg), n, msg)
		case n%1000 == 999:
			buf.WriteString(alarm)
		default:
			buf.WriteString(signal)
		}
		if buf.Len() > 1<<20 {
			total += int64(buf.Len())
			_, err := buf.WriteTo(f)
			must(b, err)
		}
	}
	total += int64(buf.Len())
	_, err = buf.WriteTo(f)
	must(b, err)
	must(b, f.Close())
	return total, begin, at
}
