package mra

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
)

// a scene is two C and two E peers with a Site, closed in the right order.
func scene(t *testing.T, cfg SiteConfig, logs lab.LogConfig) *Site {
	t.Helper()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	logs.RotateSize, logs.Zone = -1, zone
	for i := 1; i <= 2; i++ {
		cfg.C = append(cfg.C, startPeer(t, lab.ExpresswayConfig{Name: fmt.Sprintf("expc0%d", i), Role: "C", IP: fmt.Sprintf("10.0.30.%d", 1+i), Logs: logs}))
		cfg.E = append(cfg.E, startPeer(t, lab.ExpresswayConfig{Name: fmt.Sprintf("expe0%d", i), Role: "E", IP: fmt.Sprintf("10.0.40.%d", 4+i), Logs: logs}))
	}
	s, err := NewSite(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func startPeer(t *testing.T, cfg lab.ExpresswayConfig) *lab.Expressway {
	t.Helper()
	cfg.Dir = t.TempDir()
	e, err := lab.NewExpressway(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close %s: %v", e.Name(), err)
		}
	})
	return e
}

// networkLog is that of a peer of a scene, which does not rotate.
func networkLog(t *testing.T, e *lab.Expressway) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(e.Dir(), lab.NetworkLog))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// checkNetworkLog compares the records of a network log with the truth, one by one and in order.
func checkNetworkLog(t *testing.T, e *lab.Expressway) {
	t.Helper()
	got, want := lab.SplitRecords(networkLog(t, e)), e.Truth(lab.NetworkLog)
	if len(got) != len(want) {
		t.Fatalf("%s: %d records in the file, want %d", e.Name(), len(got), len(want))
	}
	for i, r := range want {
		if b := got[i]; sha256.Sum256(b) != r.Sum || r.Len != len(b) || r.WrittenAt.IsZero() || !bytes.Contains(b, []byte(r.Marker)) {
			t.Fatalf("%s: record %d is not what was written:\n%s\n%+v", e.Name(), i, b, r)
		}
	}
}

// of is what happened to one phone.
func of(s *Site, device string) []Happening {
	var out []Happening
	for _, h := range s.Happened() {
		if h.Device == device {
			out = append(out, h)
		}
	}
	return out
}

func kinds(hs []Happening) string {
	var b strings.Builder
	for _, h := range hs {
		if h.What == KeptAlive && strings.HasSuffix(b.String(), KeptAlive+" ") {
			continue
		}
		b.WriteString(h.What + " ")
	}
	return strings.TrimSpace(b.String())
}

var (
	detailRE = regexp.MustCompile(`Detail="(Receive|Sending) (Request Method|Response Code)=(\w+)(?:, Method=(\w+))?, CSeq=(\d+), To=sip:(\d+)@([\w.-]+), Call-ID=([^,]+), From-Tag=(\w+), To-Tag=(\w*), Msg-Hash=(\d+), `)
	hashRE   = regexp.MustCompile(` Msg-Hash="(\d+)"\n SIPMSG:\n \|`)
)

// hops are the records of one message, by host, verb and code: the hash, and the body at DEBUG.
type hop struct{ hash, body string }

func hops(t *testing.T, s *Site, callID string, cseq int) map[string]hop {
	t.Helper()
	out := map[string]hop{}
	for _, e := range slices.Concat(s.cfg.C, s.cfg.E) {
		records := lab.SplitRecords(networkLog(t, e))
		bodies := map[string]string{}
		for _, b := range records {
			if m := hashRE.FindSubmatch(b); m != nil {
				bodies[string(m[1])] = string(b)
			}
		}
		for _, b := range records {
			m := detailRE.FindStringSubmatch(string(b))
			if m != nil && m[8] == callID && m[5] == strconv.Itoa(cseq) {
				out[e.Name()[:4]+" "+m[1]+" "+m[3]+" "+fmt.Sprint(bytes.Contains(b, []byte(`-port="5060"`)))] = hop{m[11], bodies[m[11]]}
			}
		}
	}
	return out
}

func TestCauseALateKeepAlive(t *testing.T) {
	s := scene(t, SiteConfig{Phones: 4}, lab.LogConfig{})
	now := time.Now()
	late := now.Add(-5 * time.Minute)
	for _, ev := range []Event{{At: late, Kind: LateKeepAlive, Phone: 1}, {At: now.Add(-2 * time.Minute), Kind: Reset, Phone: 1}} {
		if err := s.Schedule(ev); err != nil {
			t.Fatal(err)
		}
	}
	s.Backfill(now.Add(-20 * time.Minute))
	for i, device := range s.Devices() {
		want := "registered kept_alive"
		if i == 1 {
			want = "registered kept_alive dropped came_back_by_keepalive kept_alive unregistered registered kept_alive"
		}
		if got := kinds(of(s, device)); !strings.HasPrefix(want, got) || len(got) < len(want)-len(" kept_alive") {
			t.Errorf("%s: %s, want %s", device, got, want)
		}
	}
	var back Happening
	for _, h := range of(s, s.Devices()[1]) {
		switch h.What {
		case CameBack:
			back = h
		case KeptAlive:
			if h.Gap < 114*time.Second || h.Gap > 117*time.Second {
				t.Errorf("a gap of %v is not the cadence", h.Gap)
			}
		}
	}
	if d := back.Sent.Sub(late); d < 0 || d > 100*time.Millisecond {
		t.Errorf("partial %v after the time that was asked for", d)
	}
	if back.Gap < 135*time.Second || back.Gap > 251*time.Second || !back.NewReg || back.Lines != 1 {
		t.Errorf("came back: %+v", back)
	}
	checkHops(t, s, back)
}

// checkHops follows one keep-alive through the logs.
func checkHops(t *testing.T, s *Site, h Happening) {
	t.Helper()
	got := hops(t, s, h.CallID, h.CSeq)
	hashes := map[string]bool{}
	for _, where := range []string{"expe Receive REGISTER false", "expe Sending REGISTER false", "expc Receive REGISTER false", "expc Sending REGISTER true",
		"expc Receive 200 true", "expc Sending 200 false", "expe Receive 200 false", "expe Sending 200 false", "expe Sending 100 false", "expc Receive 100 true"} {
		m, ok := got[where]
		if !ok || m.body == "" {
			t.Errorf("no record, or no body: %s", where)
			continue
		}
		hashes[m.hash] = true
		if !strings.Contains(m.body, "\n Call-ID: "+h.CallID+"\n CSeq: "+strconv.Itoa(h.CSeq)+" REGISTER\n") || !strings.HasSuffix(m.body, "\n \n |\n\n") {
			t.Errorf("%s: body\n%s", where, m.body)
		}
		if newreg := strings.Contains(m.body, ";x-cisco-newreg\n"); newreg != (h.NewReg && strings.Contains(where, " 200 ")) {
			t.Errorf("%s: newreg %v in\n%s", where, newreg, m.body)
		}
	}
	if len(hashes) != 10 || len(got) != 10 {
		t.Errorf("%d hashes in %d records, want 10 different ones", len(hashes), len(got))
	}
	first, last := got["expe Receive REGISTER false"].body, got["expc Sending REGISTER true"].body
	if strings.Count(first, "\n Via: ") != 1 || strings.Count(last, "\n Via: ") != 3 || strings.Count(last, "\n Path: ") != 3 || strings.Contains(last, "bulkregisterreq") ||
		!strings.Contains(last, "\n Content-Length: 0\n") || !strings.Contains(last, `;+u.sip!devicename.ccm.cisco.com="`+h.Device+`"`) || !strings.Contains(last, "\n User-Agent: Cisco-") {
		t.Errorf("at E:\n%s\nto CUCM:\n%s", first, last)
	}
}

func TestCauseBDroppedConnection(t *testing.T) {
	s := scene(t, SiteConfig{Phones: 4, CUCM: []string{"cucm01.example.com"}}, lab.LogConfig{})
	now := time.Now()
	dropped := now.Add(-4 * time.Minute)
	if err := s.Schedule(Event{At: dropped, Kind: DropTCP, Phone: 0}); err != nil {
		t.Fatal(err)
	}
	s.Backfill(now.Add(-15 * time.Minute))
	for i, device := range s.Devices() {
		want := "registered kept_alive"
		if i%2 == 0 { // the phones of expc01
			want = "registered kept_alive dropped came_back_by_keepalive kept_alive"
		}
		if got := kinds(of(s, device)); got != want {
			t.Errorf("%s: %s, want %s", device, got, want)
		}
	}
	if n := s.Partial("cucm01"); n != 2 {
		t.Errorf("%d phones partial, want 2", n)
	}
	log := string(networkLog(t, s.cfg.C[0]))
	stamp := dropped.UTC().Format(`UTCTime="2006-01-02 15:04:05`)
	if !regexp.MustCompile(regexp.QuoteMeta(stamp) + `.*Module="network.tcp" Level="DEBUG": .*Dst-ip="10.0.20.11" Dst-port="5060".*Detail="TCP Connection Closed" Reason="Got EOF on socket"`).MatchString(log) {
		t.Error("the connection's end is not in the log")
	}
	if n := strings.Count(log, `Detail="TCP Connection Established"`); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
	if strings.Contains(string(networkLog(t, s.cfg.C[1])), "TCP Connection Closed") {
		t.Error("the other peer lost its connection, too")
	}
}

func TestFullRegister(t *testing.T) {
	s := scene(t, SiteConfig{Phones: 1}, lab.LogConfig{})
	s.Backfill(time.Now().Add(-5 * time.Minute))
	h := of(s, s.Devices()[0])[0]
	if h.What != Registered || !h.NewReg || h.Lines != 2 {
		t.Fatalf("first: %+v", h)
	}
	if s.Devices()[0] != "SEP00EBD5D5D8C6" || !strings.HasPrefix(h.CallID, "00ebd5d5-d8c6") {
		t.Errorf("device %s, Call-ID %s", s.Devices()[0], h.CallID)
	}
	challenged, accepted := hops(t, s, h.CallID, h.CSeq-1), hops(t, s, h.CallID, h.CSeq)
	if b := challenged["expc Receive 401 true"].body; !strings.Contains(b, "\n WWW-Authenticate: Digest realm=") {
		t.Errorf("challenge:\n%s", b)
	}
	if b := challenged["expc Sending REGISTER true"].body; strings.Contains(b, "\n Authorization: ") || !strings.Contains(b, "<bulkregisterreq>") {
		t.Errorf("first REGISTER:\n%s", b)
	}
	b := accepted["expc Sending REGISTER true"].body
	for _, want := range []string{"\n Authorization: Digest username=\"" + h.Device, "\n Content-Type: multipart/mixed;boundary=uniqueBoundary\n", "\n <contact all=\"true\">\n",
		"\n Content-Type: application/x-cisco-remotecc-request+xml\n", "cisco-alarm:25 Name=" + h.Device, "\n --uniqueBoundary--\n |\n\n"} {
		if !strings.Contains(b, want) {
			t.Errorf("%q is not in\n%s", want, b)
		}
	}
	_, body, _ := strings.Cut(b, "\n \n")
	body = strings.TrimSuffix(body, " |\n\n")
	length := len(strings.ReplaceAll(strings.ReplaceAll("\n"+body, "\n ", "\n"), "\n", "\r\n")) - 2
	if want := fmt.Sprintf("\n Content-Length: %d\n", length); !strings.Contains(b, want) {
		t.Errorf("Content-Length is not %d in\n%s", length, b)
	}
	log := string(networkLog(t, s.cfg.C[0]))
	if !regexp.MustCompile(`;expires=0;cisco-keep-alive\n(?: [^|\n]*\n)* Expires: 0\n`).MatchString(log) {
		t.Error("no keep-alive to the secondary node")
	}
}

func TestSiteAtInfo(t *testing.T) {
	s := scene(t, SiteConfig{Phones: 2}, lab.LogConfig{Level: "INFO", Rate: 1})
	s.Backfill(time.Now().Add(-6 * time.Minute))
	h := of(s, s.Devices()[1])
	got := hops(t, s, h[0].CallID, h[0].CSeq)
	if len(got) != 10 {
		t.Errorf("%d records of the full REGISTER, want 10", len(got))
	}
	for _, e := range slices.Concat(s.cfg.C, s.cfg.E) {
		if text := networkLog(t, e); bytes.Contains(text, []byte("SIPMSG")) || bytes.Contains(text, []byte("Authorization")) {
			t.Errorf("%s logs bodies at INFO", e.Name())
		}
		checkNetworkLog(t, e)
	}
}

func TestSameSeedSameSite(t *testing.T) {
	run := func() string {
		s := scene(t, SiteConfig{Phones: 3, Seed: 5}, lab.LogConfig{Seed: 9, Rate: 2})
		since := time.Date(2026, 3, 2, 13, 0, 0, 0, time.UTC)
		s.BackfillUntil(since, since.Add(10*time.Minute))
		return string(networkLog(t, s.cfg.E[1])) + kinds(s.Happened())
	}
	if a, b := run(), run(); a != b || len(a) < 10000 {
		t.Errorf("two runs of %d and %d bytes differ", len(a), len(b))
	}
}

func TestSiteInRealTime(t *testing.T) {
	var mu sync.Mutex
	var told []Happening
	cfg := SiteConfig{Phones: 3, Expires: time.Second, Delta: 100 * time.Millisecond, Grace: 100 * time.Millisecond,
		Notify: func(h Happening) { mu.Lock(); defer mu.Unlock(); told = append(told, h) }}
	s := scene(t, cfg, lab.LogConfig{Rate: 50})
	s.Backfill(time.Now().Add(-20 * time.Second))
	s.Start(t.Context())
	if err := s.Schedule(Event{At: time.Now(), Kind: LateKeepAlive, Phone: 2}); err != nil {
		t.Fatal(err)
	}
	cured := false
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		got := kinds(of(s, s.Devices()[2]))
		if !cured && strings.Contains(got, CameBack) && s.Partial("cucm01.example.com") == 1 {
			s.Schedule(Event{At: time.Now(), Kind: Reset, Phone: 2})
			cured = true
		}
		if cured && strings.Contains(got, Unregistered+" "+Registered) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("what happened: %s", got)
		}
	}
	s.Close()
	if n := s.Partial("cucm01"); n != 0 {
		t.Errorf("%d phones are still partial", n)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(told) != len(s.Happened()) {
		t.Errorf("told of %d happenings of %d", len(told), len(s.Happened()))
	}
	for _, e := range slices.Concat(s.cfg.C, s.cfg.E) {
		checkNetworkLog(t, e)
	}
	if err := s.Schedule(Event{Phone: 99}); err == nil {
		t.Error("a phone that does not exist was scheduled")
	}
}
