package export

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/realsrv"
	"rtmtgrab/internal/registration"
)

var playedUntil = time.Date(2026, 3, 2, 14, 20, 0, 0, time.UTC)

// A row is what a message is in tshark's eyes, and by the plain reading of a log.
type row struct {
	time, from, to, what, cseq string
}

// TestScenarios: of every scenario of the laboratory tshark lists the messages that the
// logs have, and those of the report's ladder among them.
func TestScenarios(t *testing.T) {
	t.Parallel()
	tshark := realsrv.Need(t, "tshark")
	var all []registration.Source
	want := map[string]row{}      // by the place of the record
	odd := map[string]bool{}      // one of the message's records has no time to the millisecond
	ladder := map[string]string{} // the same, to what the ladder says
	calls := map[string]bool{}    // Call-IDs of registrations
	var mu sync.Mutex
	t.Run("played", func(t *testing.T) {
		for _, sc := range lab.Scenarios() {
			t.Run(sc.Name, func(t *testing.T) {
				t.Parallel()
				src := played(t, sc)
				rows, strange := plainRows(t, src)
				rep, err := registration.Analyze(t.Context(), src, registration.Options{})
				if err != nil {
					t.Fatal(err)
				}
				mu.Lock()
				defer mu.Unlock()
				all = append(all, src...)
				maps.Copy(want, rows)
				maps.Copy(odd, strange)
				for _, p := range rep.Phones {
					for _, tr := range p.Transactions {
						if len(tr.Hops) > 0 && rep.BodiesLogged == "yes" {
							calls[tr.CallID] = true
						}
					}
				}
				for _, p := range rep.Phones {
					for _, tr := range p.Transactions {
						for _, h := range tr.Hops {
							for _, pr := range h.Proofs {
								ladder[fmt.Sprintf("%s %s byte %d", pr.Host, pr.File, pr.Offset)] = stamp(pr.Time) + " " + h.What
							}
						}
					}
				}
			})
		}
	})
	file := filepath.Join(t.TempDir(), "all.pcapng")
	res := writeFile(t, file, all, Options{})
	if int(res.Messages) != len(want) || len(res.LeftOut) > 0 || len(res.Notes) > 0 || res.Duplicates > 0 {
		t.Errorf("%d messages in the logs: %+v", len(want), res)
	}
	got, missed := sharkRows(t, tshark, file)
	if len(missed) != int(res.Foreign) {
		t.Errorf("tshark takes %d messages for another protocol's, not %d: %v", len(missed), res.Foreign, missed)
	}
	if len(missed) > 0 {
		if got, missed = sharkRows(t, tshark, file, "-o", "tcp.try_heuristic_first:TRUE"); len(missed) > 0 {
			t.Errorf("with heuristics first too: %v", missed)
		}
	}
	for place, r := range got {
		if r != want[place] {
			t.Fatalf("%s: tshark says %+v, the log %+v", place, r, want[place])
		}
	}
	if len(got) != len(want) {
		for place, r := range want {
			if _, ok := got[place]; !ok {
				t.Errorf("%s is not listed: %+v", place, r)
				break
			}
		}
		t.Fatalf("tshark lists %d messages, the logs have %d", len(got), len(want))
	}
	shown := 0
	for place, says := range ladder {
		if r, ok := got[place]; ok {
			shown++
			at, what, _ := strings.Cut(says, " ")
			if what != r.what || at != r.time && !odd[place] {
				t.Fatalf("%s: the ladder says %s, tshark %+v", place, says, r)
			}
		}
	}
	if shown < 1000 {
		t.Errorf("only %d messages of ladders were compared", shown)
	}
	openInSngrep(t, file, calls)
}

// played are the logs of a scenario, under names that no other has.
func played(t *testing.T, sc lab.Scenario) []registration.Source {
	t.Helper()
	dir, err := os.MkdirTemp("", "export-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p, err := sc.Play(t.Context(), dir, playedUntil)
	if err != nil {
		t.Fatal(err)
	}
	var out []registration.Source
	for _, l := range p.Logs() {
		if l.Family == lab.DeveloperLog {
			continue
		}
		text, err := os.ReadFile(l.Path)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, registration.Source{Role: l.Role, Family: l.Family, File: sc.Name + "/" + l.Host + "/" + l.Family, Zone: l.Zone, MTime: p.Until,
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }})
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

var (
	headRE  = regexp.MustCompile(`^(\S+) (\S+) .*? Action="(Sent|Received)" Local-ip="([^"]*)" Local-port="(\d+)" (?:Src|Dst)-ip="([^"]*)" (?:Src|Dst)-port="(\d+)"`)
	startRE = regexp.MustCompile(`SIPMSG:\s*\|(?:SIP/2\.0 (\d+ [^\n]*)|(\S+) )`)
	utcRE   = regexp.MustCompile(`UTCTime="([^",]*),?(\d*)"`)
	hashRE  = regexp.MustCompile(`Msg-Hash="?=?(\d+)`)
	callRE  = regexp.MustCompile(`\r\nCall-ID: ([^\r]*)`)
	cseqRE  = regexp.MustCompile(`\n CSeq: (\d+ \S+)`)
)

// plainRows reads the messages of logs in a plain way, by the place of their records.
func plainRows(t *testing.T, src []registration.Source) (rows map[string]row, odd map[string]bool) {
	rows, odd = map[string]row{}, map[string]bool{}
	hashOf, oddHash := map[string]string{}, map[string]bool{} // the records at INFO and DEBUG share it
	for _, s := range src {
		r, err := s.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		at := 0
		for _, rec := range lab.SplitRecords(text) {
			hash := ""
			if h := hashRE.FindSubmatch(rec); h != nil {
				hash = string(h[1])
			}
			if start := startRE.FindSubmatch(rec); start != nil {
				h := headRE.FindSubmatch(rec)
				if h == nil {
					t.Fatalf("no addresses: %.300s", rec)
				}
				local, far := string(h[4])+" "+string(h[5]), string(h[6])+" "+string(h[7])
				one := row{plainTime(t, rec, string(h[1])), far, local, string(start[1]) + string(start[2]), string(cseqRE.FindSubmatch(rec)[1])}
				if string(h[3]) == "Sent" {
					one.from, one.to = one.to, one.from
				}
				place := fmt.Sprintf("%s %s byte %d", h[2], s.File, at)
				rows[place] = one
				hashOf[place] = hash
			}
			if u := utcRE.FindSubmatch(rec); hash != "" && (u == nil || len(u[2]) == 0) {
				oddHash[hash] = true
			}
			at += len(rec)
		}
	}
	for place, hash := range hashOf {
		odd[place] = oddHash[hash]
	}
	return rows, odd
}

// plainTime is UTCTime, whose milliseconds may be short or missing, or else the time in front.
func plainTime(t *testing.T, rec []byte, prefix string) string {
	if u := utcRE.FindSubmatch(rec); u != nil {
		return strings.Replace(string(u[1]), " ", "T", 1) + fmt.Sprintf(".%03s", u[2])
	}
	at, err := time.Parse("2006-01-02T15:04:05.000-07:00", prefix)
	if err != nil {
		t.Fatal(err)
	}
	return stamp(at)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000") }

func writeFile(t testing.TB, name string, src []registration.Source, o Options) *Result {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	res, err := PCAPNG(t.Context(), f, src, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return res
}

var sharkFields = []string{"frame.time_epoch", "ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "tcp.srcport", "udp.srcport", "tcp.dstport", "udp.dstport",
	"sip.Status-Line", "sip.Method", "sip.CSeq", "tcp.analysis.flags", "_ws.malformed", "frame.comment", "frame.interface_name", "_ws.col.Protocol"}

// sharkRows is what tshark lists, by the place in the packet's comment, and what it does
// not take for SIP. What it complains of is a fault.
func sharkRows(t *testing.T, tshark, file string, options ...string) (rows map[string]row, missed []string) {
	t.Helper()
	args := append(options, "-n", "-r", file, "-T", "fields", "-E", "separator=\t", "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE")
	for _, f := range sharkFields {
		args = append(args, "-e", f)
	}
	cmd := exec.CommandContext(t.Context(), tshark, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v: %s", err, stderr.String())
	}
	rows = map[string]row{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		f := strings.Split(lines.Text(), "\t")
		if len(f) != len(sharkFields) {
			t.Fatalf("tshark: %q", lines.Text())
		}
		if part := partRE.FindStringSubmatch(f[14]); part != nil && part[1] != part[2] {
			continue
		}
		place, _, _ := strings.Cut(f[14], ";")
		if f[9]+f[10] == "" {
			missed = append(missed, place)
			continue
		}
		if f[12] != "" || f[13] != "" && f[16] == "SIP" || f[15] != strings.Fields(place)[0] {
			t.Fatalf("tshark: %q", f)
		}
		var sec, nano int64
		fmt.Sscanf(f[0], "%d.%d", &sec, &nano)
		rows[place] = row{stamp(time.Unix(sec, nano)), f[1] + f[2] + " " + f[5] + f[6], f[3] + f[4] + " " + f[7] + f[8],
			strings.TrimPrefix(f[9], "SIP/2.0 ") + f[10], f[11]}
	}
	return rows, missed
}

var partRE = regexp.MustCompile(`part (\d+) of (\d+)`)

// openInSngrep lets sngrep read a file and write what it took for SIP. It keeps no
// message of a dialog whose beginning it has not seen, so registrations count alone.
func openInSngrep(t *testing.T, file string, calls map[string]bool) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "sngrep.pcap")
	cmd := exec.CommandContext(t.Context(), realsrv.Need(t, "sngrep"), "-F", "-q", "-N", "-l", "1000000", "-I", file, "-O", out)
	cmd.Env = append(os.Environ(), "TERM=xterm")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("sngrep: %v: %s", err, text)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, id := range callRE.FindAllSubmatch(text, -1) {
		got[string(id[1])] = true
	}
	for id := range calls {
		if !got[id] {
			t.Fatalf("sngrep has %d Call-IDs, and not %s of %d", len(got), id, len(calls))
		}
	}
}

// TestOddMessages: tshark reads what is long, cut, of IPv6, over UDP, without
// Content-Length, and at ports that are another protocol's, and loses nothing after it.
func TestOddMessages(t *testing.T) {
	t.Parallel()
	long := options(1, strings.Repeat("0123456789abcde\n", 70<<10/16))
	lacking := strings.Replace(options(2, "v=0\ns=-\n"), "Content-Length: 8\n", "", 1)
	cutHead, _, _ := strings.Cut(options(3, ""), "Content-Length")
	var ls []logged
	add := func(l logged) {
		l.after, l.hash = time.Duration(len(ls))*time.Second, fmt.Sprint(len(ls))
		ls = append(ls, l)
	}
	add(logged{text: long})
	add(logged{text: lacking})
	add(logged{text: cutHead, cut: true})
	add(logged{text: options(4, "0123456789")[:len(options(4, "0123456789"))-5], cut: true})
	add(logged{text: "SIP/2.0 200 OK\nCSeq: 5 OPTIONS\nCall-ID: x\nl: 3\n\nabcdefgh"})
	add(logged{local: "2001:db8::5 5061", peer: "2001:db8::9 40000", text: long})
	add(logged{local: "2001:db8::5 5060", peer: "2001:db8::9 5060", text: strings.Replace(options(7, "a\nb\n"), "/TLS", "/UDP", 1)})
	ports := 0
	for _, r := range claimedTCP {
		for p := r.from; p <= r.to; p++ {
			if in(listens, p) {
				continue
			}
			add(logged{local: "10.0.40.5 5061", peer: fmt.Sprint("198.51.100.7 ", p), text: options(100+ports, "")})
			add(logged{local: "10.0.40.5 5061", peer: fmt.Sprint("198.51.100.7 ", p), sent: true, text: "SIP/2.0 200 OK\nCSeq: 5 OPTIONS\nCall-ID: x\nl: 0\n\n"})
			ports++
		}
	}
	for _, p := range []int{1024, 4999, 5062, 9999, 25000, 29999, 34981, 44817, 65535} {
		add(logged{local: "10.0.40.5 5061", peer: fmt.Sprint("198.51.100.7 ", p), text: options(p, "")})
	}
	add(logged{text: options(8, "")})
	file := filepath.Join(t.TempDir(), "odd.pcapng")
	src := []registration.Source{source("a", log(ls...))}
	res := writeFile(t, file, src, Options{})
	got, missed := sharkRows(t, realsrv.Need(t, "tshark"), file)
	if len(got)+len(missed) != len(ls) || int(res.Messages) != len(ls) || res.Foreign == 0 || len(missed) > int(res.Foreign) {
		t.Errorf("%d of %d messages, missed %d %.500v: %+v", len(got), len(ls), len(missed), missed, res)
	}
}
