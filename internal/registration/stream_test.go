package registration

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testrace"
)

// writeSite writes the log of one C: phones that keep alive, among so much noise.
func writeSite(w io.Writer, phones int, span, every time.Duration, noise int64) (int64, error) {
	out := bufio.NewWriterSize(w, 1<<20)
	counter := &counting{w: out}
	since := playedUntil.Add(-span)
	rng := rand.New(rand.NewPCG(1, 1))
	steps := int64(span / every)
	for i := int64(0); i < steps; i++ {
		at := since.Add(time.Duration(i) * every)
		if noise > 0 {
			if _, err := lab.WriteLog(counter, lab.BulkOptions{Since: at, Size: noise / steps, Log: lab.LogConfig{Odd: -1, Seed: uint64(i)}}); err != nil {
				return 0, err
			}
		}
		for p := range phones {
			writeRegister(counter, rng, p, int(i), at.Add(time.Duration(p)*every/time.Duration(phones)))
		}
	}
	return counter.n, out.Flush()
}

type counting struct {
	w io.Writer
	n int64
}

func (c *counting) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// writeRegister is one REGISTER as a C logs it: received, sent, tried, answered, sent back.
func writeRegister(w io.Writer, rng *rand.Rand, p, i int, at time.Time) {
	call := fmt.Sprintf("00ebd5%06x-0000-aaaa@192.0.2.%d", p, p%250)
	for j, m := range []struct {
		action, start, detail string
		request               bool
	}{
		{"Received", "REGISTER sip:cucm01.example.com SIP/2.0", "Receive Request Method=REGISTER", true},
		{"Sent", "REGISTER sip:cucm01.example.com SIP/2.0", "Sending Request Method=REGISTER", true},
		{"Received", "SIP/2.0 100 Trying", "Receive Response Code=100, Method=REGISTER", false},
		{"Received", "SIP/2.0 200 OK", "Receive Response Code=200, Method=REGISTER", false},
		{"Sent", "SIP/2.0 200 OK", "Sending Response Code=200, Method=REGISTER", false},
	} {
		t := at.Add(time.Duration(j) * 2 * time.Millisecond)
		hash := rng.Uint64()
		head := fmt.Sprintf(`%s expc01 tvcs: UTCTime="%s" Module="network.sip" Level="%%s":  Action="%s" Local-ip="10.0.30.2" Local-port="25100" Dst-ip="10.0.20.11" Dst-port="5060" `,
			t.Format("2006-01-02T15:04:05.000-07:00"), t.Format("2006-01-02 15:04:05,000"), m.action)
		fmt.Fprintf(w, head+`Detail="%s, CSeq=%d, To=sip:%d@cucm01.example.com, Call-ID=%s, From-Tag=a, To-Tag=, Msg-Hash=%d"`+"\n", "INFO", m.detail, 100+i, 7000+p, call, hash)
		fmt.Fprintf(w, head+`Msg-Hash="%d"`+"\n SIPMSG:\n |%s\n Via: SIP/2.0/TCP 10.0.30.2:25100;branch=z9hG4bK%d\n Call-ID: %s\n CSeq: %d REGISTER\n To: <sip:%d@cucm01.example.com>\n", "DEBUG", hash, m.start, i, call, 100+i, 7000+p)
		fmt.Fprintf(w, " Contact: <sip:u@192.0.2.1:5061;transport=tls>;+u.sip!devicename.ccm.cisco.com=\"SEP00EBD5%06X\";+u.sip!model.ccm.cisco.com=\"36217\"\n", p)
		if m.request {
			io.WriteString(w, " Expires: 3600\n")
			if i == 0 {
				io.WriteString(w, " Content-Type: multipart/mixed;boundary=b\n Content-Length: 400\n \n --b\n <bulkregisterreq>\n <contact all=\"true\">\n <register></register>\n </contact>\n </bulkregisterreq>\n --b--\n |\n \n")
				continue
			}
		} else {
			io.WriteString(w, " Expires: 120\n")
		}
		io.WriteString(w, " Content-Length: 0\n \n |\n \n")
	}
}

// TestMemory: what a big log costs in memory does not grow with what is no REGISTER, and
// grows by little with each message of one.
func TestMemory(t *testing.T) {
	testrace.Whole(t)
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	var most atomic.Uint64
	run := func(noise int64) (int64, *Report, uint64) {
		most.Store(0)
		runtime.GC()
		pr, pw := io.Pipe()
		var size int64
		go func() {
			n, err := writeSite(pw, 60, 30*time.Minute, 115*time.Second, noise)
			size = n
			pw.CloseWithError(err)
		}()
		src := Source{Host: "expc01", Role: "C", Family: "network_log", File: "f", Complete: true, Open: func() (io.ReadCloser, error) { return &watched{pr, &most, 0}, nil }}
		r := analyze(t, []Source{src}, Options{Window: evidence.NewWindow(playedUntil.Add(-time.Hour), playedUntil.Add(time.Minute))})
		return size, r, most.Load()
	}
	small, r, least := run(0)
	big, r2, much := run(64 << 20)
	if len(r.Phones) != 60 || len(r2.Phones) != 60 || len(r.Phones[0].Transactions) < 15 || r.Verdict != VerdictHealthy || r2.Verdict != VerdictHealthy {
		t.Fatalf("%d and %d phones, %s: %s", len(r.Phones), len(r2.Phones), r.Verdict, r.Summary)
	}
	t.Logf("%d MiB take %d MiB, %d MiB take %d MiB", small>>20, least>>20, big>>20, much>>20)
	if much > least+16<<20 {
		t.Errorf("%d MiB take %d MiB of memory, and %d MiB %d MiB", small>>20, least>>20, big>>20, much>>20)
	}
}

// watched notes the most memory in use, looked at every 8 MiB.
type watched struct {
	*io.PipeReader
	most *atomic.Uint64
	n    int64
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.PipeReader.Read(b)
	if w.n += int64(n); w.n>>23 != (w.n-int64(n))>>23 || err != nil {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		w.most.Store(max(w.most.Load(), m.HeapInuse))
	}
	return n, err
}
