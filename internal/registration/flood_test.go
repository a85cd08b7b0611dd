package registration

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/testrace"
)

// writeStranger is one REGISTER of a stranger as an E logs it: received, and refused.
func writeStranger(w io.Writer, device, call, user string, cseq int, at time.Time) {
	for j, m := range []struct {
		action, start, detail string
	}{
		{"Received", "REGISTER sip:cucm01.example.com SIP/2.0", "Receive Request Method=REGISTER"},
		{"Sent", "SIP/2.0 403 Forbidden", "Sending Response Code=403, Method=REGISTER"},
	} {
		t := at.Add(time.Duration(j) * 2 * time.Millisecond)
		hash := t.UnixNano() ^ int64(len(call))
		head := fmt.Sprintf(`%s expe01 tvcs: UTCTime="%s" Module="network.sip" Level="%%s":  Action="%s" Local-ip="10.0.40.5" Local-port="5061" Dst-ip="203.0.113.9" Dst-port="40000" `,
			t.Format("2006-01-02T15:04:05.000-07:00"), t.Format("2006-01-02 15:04:05,000"), m.action)
		fmt.Fprintf(w, head+`Detail="%s, CSeq=%d, To=sip:%s@cucm01.example.com, Call-ID=%s, From-Tag=a, To-Tag=, Msg-Hash=%d"`+"\n", "INFO", m.detail, cseq, user, call, hash)
		fmt.Fprintf(w, head+`Msg-Hash="%d"`+"\n SIPMSG:\n |%s\n Via: SIP/2.0/TLS 203.0.113.9:40000;branch=z9hG4bK%d\n Call-ID: %s\n CSeq: %d REGISTER\n To: <sip:%s@cucm01.example.com>\n", "DEBUG", hash, m.start, hash, call, cseq, user)
		fmt.Fprintf(w, " Contact: <sip:u@203.0.113.9:5061;transport=tls>;+u.sip!devicename.ccm.cisco.com=\"%s\";+u.sip!model.ccm.cisco.com=\"36217\"\n Expires: 3600\n Content-Length: 0\n \n |\n \n", device)
	}
}

// writeFlood is the log of an E on which so many strangers' devices register, once each.
func writeFlood(w io.Writer, devices int) error {
	out := bufio.NewWriterSize(w, 1<<20)
	for i := range devices {
		writeStranger(out, fmt.Sprintf("SEPBAD%09X", i), fmt.Sprintf("bad%d@203.0.113.9", i), fmt.Sprint(100000+i), 101, playedUntil.Add(-10*time.Minute+time.Duration(i)*3*time.Millisecond))
	}
	return out.Flush()
}

// writeUsers is the log of an E on which one device registers for so many users.
func writeUsers(w io.Writer, users int) error {
	out := bufio.NewWriterSize(w, 1<<20)
	for i := range users {
		writeStranger(out, "SEPBAD000000001", fmt.Sprintf("bad%d@203.0.113.9", i), fmt.Sprint(100000+i), 101, playedUntil.Add(-10*time.Minute+time.Duration(i)*3*time.Millisecond))
	}
	return out.Flush()
}

// writeWorst is what costs the most for the least: one record for each registration.
func writeWorst(w io.Writer, phones, each int) error {
	out := bufio.NewWriterSize(w, 1<<20)
	for i := range each {
		for p := range phones {
			at := playedUntil.Add(-10*time.Minute + time.Duration(i*phones+p)*time.Millisecond)
			fmt.Fprintf(out, `%s expe01 tvcs: UTCTime="%s" Module="network.sip" Level="DEBUG":  Action="Sent" Local-ip="10.0.40.5" Local-port="5061" Dst-ip="203.0.113.9" Dst-port="40000" Msg-Hash="%d"`,
				at.Format("2006-01-02T15:04:05.000-07:00"), at.Format("2006-01-02 15:04:05,000"), at.UnixNano())
			fmt.Fprintf(out, "\n SIPMSG:\n |SIP/2.0 200 OK\n Via: SIP/2.0/TLS 203.0.113.9:40000;branch=z9hG4bK%d\n Call-ID: p%d@203.0.113.9\n CSeq: %d REGISTER\n To: <sip:%d@cucm%d.example.com>\n Contact: <sip:u@203.0.113.9:5061;transport=tls>;+u.sip!devicename.ccm.cisco.com=\"SEPC0D%09X\"\n Expires: 120\n Content-Length: 0\n \n |\n \n",
				at.UnixNano(), p, 100+i, 7000+p, i%50, p)
		}
	}
	return out.Flush()
}

// flooded analyses what write writes as the log of an Expressway-E, and says how much memory
// that took at most.
func flooded(t *testing.T, o Options, write func(io.Writer) error) (*Report, uint64) {
	t.Helper()
	var most atomic.Uint64
	runtime.GC()
	pr, pw := io.Pipe()
	go func() { pw.CloseWithError(write(pw)) }()
	src := Source{Host: "expe01", Role: "E", Family: "network_log", File: "f", Complete: true, Open: func() (io.ReadCloser, error) { return &watched{pr, &most, 0}, nil }}
	o.Window = evidence.NewWindow(playedUntil.Add(-time.Hour), playedUntil.Add(time.Minute))
	r := analyze(t, []Source{src}, o)
	return r, most.Load()
}

// TestFlood: strangers' devices crowd out neither phones that register after them nor one
// that was asked for, cost a bounded room, and are counted.
func TestFlood(t *testing.T) {
	const honest = 3
	strangers := testrace.Smaller(25000, 4) // more than a report names
	asked := fmt.Sprintf("SEPBAD%09X", strangers-1)
	r, most := flooded(t, Options{PhonesNamed: []string{asked}}, func(w io.Writer) error {
		return errors.Join(writeFlood(w, strangers), writeWorst(w, honest, 5))
	})
	found := map[string]bool{}
	for _, p := range r.Phones {
		found[p.Device] = true
	}
	for i := range honest {
		if d := fmt.Sprintf("SEPC0D%09X", i); !found[d] {
			t.Errorf("%s registered and is not in the report", d)
		}
	}
	if !found[asked] || r.Phones[0].Device != asked {
		t.Error("the phone that was asked for is not the first of the report")
	}
	if len(r.Phones) != logs.MaxPhones || r.MorePhones != strangers+honest-logs.MaxPhones {
		t.Errorf("%d phones and %d more of %d", len(r.Phones), r.MorePhones, strangers)
	}
	if words := strings.Join(r.Notes, "\n"); !strings.Contains(words, fmt.Sprintf("And %d devices more", r.MorePhones)) {
		t.Errorf("the notes do not say how many more there are: %s", words)
	}
	t.Logf("%d MiB", most>>20)
	if most > 200<<20 {
		t.Errorf("it took %d MiB while it was read", most>>20)
	}
}

// TestUsers: one device with very many users is one phone of bounded length, and what is
// left out is counted.
func TestUsers(t *testing.T) {
	testrace.Whole(t)
	const users = 12000
	r, _ := flooded(t, Options{}, func(w io.Writer) error { return writeUsers(w, users) })
	if len(r.Phones) != 1 {
		t.Fatalf("%d phones", len(r.Phones))
	}
	p := r.Phones[0]
	if len(p.Numbers) != logs.MaxNumbers || p.MoreNumbers == 0 || len(p.CallIDs) != logs.MaxCallIDs || len(p.Transactions) != logs.MaxOfPhone {
		t.Errorf("%d numbers and %d more, %d Call-IDs and %d more, %d transactions and %d more", len(p.Numbers), p.MoreNumbers, len(p.CallIDs), p.MoreCallIDs, len(p.Transactions), p.MoreTransactions)
	}
	if len(p.Transactions)+p.MoreTransactions != len(p.CallIDs)+p.MoreCallIDs || p.MoreTransactions == 0 {
		t.Errorf("of %d and %d Call-IDs there are %d and %d transactions", len(p.CallIDs), p.MoreCallIDs, len(p.Transactions), p.MoreTransactions)
	}
	if len(p.Summary) > 2000 || len(r.Summary) > 2000 {
		t.Errorf("sentences of %d and %d bytes", len(p.Summary), len(r.Summary))
	}
}

// TestTooMuch: a log that holds more than is kept is read as far as that goes, and no phone
// is said to have fallen silent for it.
func TestTooMuch(t *testing.T) {
	testrace.Whole(t)
	r, most := flooded(t, Options{}, func(w io.Writer) error { return writeWorst(w, 5000, 90) })
	if words := strings.Join(r.Notes, "\n"); !strings.Contains(words, "could not be read to its end (it holds more REGISTERs than one report can") {
		t.Errorf("the notes do not say that there was too much: %s", words)
	}
	for _, p := range r.Phones {
		if p.Verdict != VerdictUnknown && p.Verdict != PhoneRegistered {
			t.Fatalf("%s is %s: %s", p.Device, p.Verdict, p.Summary)
		}
	}
	t.Logf("%d MiB", most>>20)
}
