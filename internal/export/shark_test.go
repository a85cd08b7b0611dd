package export

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/testserver"
)

var sharkFields = []string{"frame.time_epoch", "ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "tcp.srcport", "udp.srcport", "tcp.dstport", "udp.dstport",
	"sip.Status-Line", "sip.Method", "sip.CSeq", "tcp.analysis.flags", "_ws.malformed", "frame.comment", "frame.interface_name", "_ws.col.Protocol", "sip.resend-original"}

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
		if f[12] != "" || f[17] != "" && f[5] != "" || f[13] != "" && f[16] == "SIP" || f[15] != strings.Fields(place)[0] {
			t.Fatalf("tshark: %q", f)
		}
		var sec, nano int64
		fmt.Sscanf(f[0], "%d.%d", &sec, &nano)
		rows[place] = row{stamp(time.Unix(sec, nano)), f[1] + f[2] + " " + f[5] + f[6], f[3] + f[4] + " " + f[7] + f[8],
			strings.TrimPrefix(f[9], "SIP/2.0 ") + f[10], f[11]}
	}
	return rows, missed
}

var (
	partRE = regexp.MustCompile(`part (\d+) of (\d+)`)
	callRE = regexp.MustCompile(`\r\nCall-ID: ([^\r]*)`)
)

// openInSngrep lets sngrep read a file and write what it took for SIP. It keeps no
// message of a dialog whose beginning it has not seen, so registrations count alone.
func openInSngrep(t *testing.T, file string, calls map[string]bool) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "sngrep.pcap")
	cmd := exec.CommandContext(t.Context(), testserver.Need(t, "sngrep"), "-F", "-q", "-N", "-l", "1000000", "-I", file, "-O", out)
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
