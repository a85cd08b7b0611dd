package export

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/registration"
)

// TestCopies: E's Sent and C's Received of one hop are a packet each, in the same
// direction of the same connection, one after the other.
func TestCopies(t *testing.T) {
	first := logged{after: time.Second, host: "expe01", sent: true, local: "10.0.40.5 7001", peer: "10.0.30.2 25013", hash: "1", text: options(1, "")}
	second := len(first.record())
	e := source("expe01/network_log", log(first,
		logged{after: 3 * time.Second, host: "expe01", local: "10.0.40.5 7001", peer: "10.0.30.2 25013", hash: "4", text: "SIP/2.0 200 OK\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n"}))
	c := source("expc01/network_log", log(
		logged{after: 1001 * time.Millisecond, local: "10.0.30.2 25013", peer: "10.0.40.5 7001", hash: "2", text: options(1, "")},
		logged{after: 2998 * time.Millisecond, sent: true, local: "10.0.30.2 25013", peer: "10.0.40.5 7001", hash: "3", text: "SIP/2.0 200 OK\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n"}))
	res, got := run(t, Options{}, c, e, c) // c twice
	if len(got) != 4 || res.Messages != 4 || res.Packets != 4 || res.Duplicates != 2 || len(res.Hosts) != 2 || !res.First.Equal(begin.Add(time.Second)) {
		t.Fatalf("%+v\n%+v", res, got)
	}
	ms := []int{1000, 1001, 2998, 3000}
	hosts := []string{"expe01", "expc01", "expc01", "expe01"}
	next := map[string]uint32{}
	for i, p := range got {
		from, to := "10.0.40.5 7001", "10.0.30.2 25013"
		if i > 1 {
			from, to = to, from
		}
		if p.from != from || p.to != to || !p.at.Equal(begin.Add(time.Duration(ms[i])*time.Millisecond)) || p.on != hosts[i] || !p.tcp || !p.push {
			t.Errorf("%d: %+v", i, p)
		}
		if want, ok := next[p.from]; ok && p.seq != want {
			t.Errorf("%d: sequence number %d, not %d", i, p.seq, want)
		}
		if want, ok := next[p.to]; ok && p.ack != want {
			t.Errorf("%d: acknowledges %d, not %d", i, p.ack, want)
		}
		next[p.from] = p.seq + uint32(len(p.text))
	}
	if got[0].comment != "expe01 expe01/network_log byte 0" || got[3].comment != "expe01 expe01/network_log byte "+strconv.Itoa(second) {
		t.Errorf("%q, %q", got[0].comment, got[3].comment)
	}
}

// TestOrder: records of one log that are up to 5 s out of order come by time.
func TestOrder(t *testing.T) {
	var ls []logged
	for i := range 200 {
		ls = append(ls, logged{after: time.Duration(i)*100*time.Millisecond - time.Duration(i*7919%50)*99*time.Millisecond + 5*time.Second, hash: strconv.Itoa(i), text: options(i, "")})
	}
	_, got := run(t, Options{}, source("a", log(ls[:100]...)), source("b", log(ls[100:]...)))
	for i := 1; i < len(got); i++ {
		if got[i].at.Before(got[i-1].at) {
			t.Fatalf("%v after %v", got[i].at, got[i-1].at)
		}
	}
	if len(got) != 200 {
		t.Errorf("%d messages", len(got))
	}
}

func TestIPv6AndUDP(t *testing.T) {
	long := strings.Repeat("long\n", 200)
	udp := strings.Replace(options(2, ""), "/TLS ", "/UDP ", 1)
	_, got := run(t, Options{}, source("a", log(
		logged{local: "2001:db8::5 5061", peer: "2001:db8::9 40000", text: options(1, long)},
		logged{after: 1, local: "2001:db8::5 5060", peer: "2001:db8::9 5060", text: udp},
		logged{after: 2, local: "10.0.30.2 5060", peer: "10.0.60.1 5060", text: udp},
		logged{after: 3, local: "10.0.30.2 7001", peer: "10.0.60.1 29418", hash: "3", text: options(3, "")}))) // the last over TCP would be SSH
	if len(got) != 4 || got[0].from != "2001:db8::9 40000" || !got[0].tcp || got[1].tcp || got[2].tcp || got[1].to != "2001:db8::5 5060" ||
		got[3].tcp || !strings.Contains(got[3].comment, "over UDP") {
		t.Errorf("%+v", got)
	}
}

// TestLong: 70 KiB are two segments whose payloads joined are the message.
func TestLong(t *testing.T) {
	text := options(1, strings.Repeat("0123456789abcde\n", 70<<10/16))
	res, got := run(t, Options{}, source("a", log(logged{text: text}, logged{after: time.Second, text: options(2, "")})))
	want := strings.ReplaceAll(text[:strings.Index(text, "\n\n")+2], "\n", "\r\n") + text[strings.Index(text, "\n\n")+2:]
	if len(got) != 3 || got[0].text+got[1].text != want || got[0].push || !got[1].push || got[1].seq != got[0].seq+uint32(len(got[0].text)) || got[2].seq != got[1].seq+uint32(len(got[1].text)) {
		t.Fatalf("%d packets, %d bytes", len(got), len(got[0].text))
	}
	if !strings.HasSuffix(got[0].comment, "part 1 of 2") || res.Messages != 2 || res.Packets != 3 || res.Padded != 0 {
		t.Errorf("%q, %+v", got[0].comment, res)
	}
}

// TestLeftOut: nothing is guessed.
func TestLeftOut(t *testing.T) {
	res, got := run(t, Options{}, source("a", log(
		logged{peer: "-", text: options(1, "")},
		logged{after: 1, local: "10.0.30.2 0", text: options(2, "")},
		logged{after: 2, peer: "2001:db8::1 5061", text: options(3, "")},
		logged{after: 3, text: strings.Replace(options(4, ""), "Length: 0", "Length: 99999999", 1)},
		logged{after: 4, text: options(5, "")})))
	if len(got) != 1 || len(res.LeftOut) != 3 || res.LeftOut[0] != (LeftOut{NoAddress, 2}) || res.LeftOut[1].Reason != MixedFamily || res.LeftOut[2].Reason != TooLong {
		t.Errorf("%+v", res)
	}
	_, err := PCAPNG(t.Context(), io.Discard, []registration.Source{source("a", log(logged{peer: "-", text: options(1, "")}))}, Options{})
	if !errors.Is(err, ErrNothing) || !strings.Contains(err.Error(), NoAddress) {
		t.Error(err)
	}
}

func TestNothing(t *testing.T) {
	var info bytes.Buffer
	if _, err := lab.WriteLog(&info, lab.BulkOptions{Since: begin, Size: 100 << 10, Log: lab.LogConfig{Level: "INFO"}}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text string
		o    Options
		want error
		says string
	}{
		"INFO":           {info.String(), Options{}, ErrInfo, "INFO"},
		"INFO, of phone": {info.String(), Options{Phones: []string{"7022"}}, ErrInfo, "INFO"},
		"empty":          {"", Options{}, ErrNothing, "the logs have none"},
		"another phone":  {log(logged{text: options(1, "")}), Options{Phones: []string{"7999"}}, ErrNothing, "7999"},
		"another time":   {log(logged{text: options(1, "")}), Options{Since: begin.Add(1)}, ErrNothing, "the logs have 1, none matches"},
	} {
		_, err := PCAPNG(t.Context(), io.Discard, []registration.Source{source("a", c.text)}, c.o)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := registration.Source{File: "gone", Open: func() (io.ReadCloser, error) { return nil, errors.New("deliberate") }}
	if _, err := PCAPNG(t.Context(), io.Discard, []registration.Source{broken}, Options{}); !errors.Is(err, ErrNothing) || !strings.Contains(err.Error(), "deliberate") {
		t.Error(err)
	}
	if res, got := run(t, Options{}, broken, source("a", log(logged{text: options(1, "")}))); len(got) != 1 || len(res.Notes) != 1 {
		t.Errorf("%+v", res)
	}
}

// TestNarrow: a phone is found by number, device and MAC, and what shares a Call-ID
// with it belongs to it; a span is half-open.
func TestNarrow(t *testing.T) {
	register := "REGISTER sip:cucm01 SIP/2.0\nVia: SIP/2.0/TLS 1.2.3.4;branch=z\nFrom: <sip:7022@a>;tag=1\nTo: <sip:7022@b>\nCall-ID: r1@a\nCSeq: 1 REGISTER\n" +
		`Contact: <sip:x@1.2.3.4>;+sip.instance="<urn:uuid:00000000-0000-0000-0000-00ebd5d5d8c6>";+u.sip!devicename.ccm.cisco.com="SEP00EBD5D5D8C6"` + "\nContent-Length: 0\n\n"
	text := log(
		logged{text: register},
		logged{after: time.Second, text: "SIP/2.0 200 OK\nFrom: <sip:elsewhere@a>\nCall-ID: r1@a\nCSeq: 1 REGISTER\nContent-Length: 0\n\n"},
		logged{after: 2 * time.Second, text: strings.Replace(options(9, ""), "call9@a", "00ebd5d5-d8c60008-3d372b84-5f6b0fd9@192.0.2.35", 1)},
		logged{after: 3 * time.Second, text: strings.ReplaceAll(options(3, ""), "7022", "70221")})
	for phone, want := range map[string]int{"SEP00EBD5D5D8C6": 3, "sep00ebd5d5d8c6": 3, "00:EB:D5:D5:D8:C6": 3, "00ebd5d5d8c6": 3, "7022": 3, "70221": 1, "elsewhere": 2} {
		if _, got := run(t, Options{Phones: []string{phone}}, source("a", text)); len(got) != want {
			t.Errorf("%s: %d messages, not %d", phone, len(got), want)
		}
	}
	if res, got := run(t, Options{Since: begin.Add(time.Second), Until: begin.Add(3 * time.Second)}, source("a", text)); len(got) != 2 || res.Narrowed != 2 {
		t.Errorf("%+v", res)
	}
}
