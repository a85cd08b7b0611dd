package sources

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rtmtgrab/internal/expressway"
)

// served puts a syslog server's header before each record of a log.
func served(log []byte, head string) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(log) {
		if _, ok := expressway.HeadTime(line, expressway.Ref{}); ok {
			out.WriteString(head)
		}
		out.Write(line)
	}
	return out.Bytes()
}

// TestSyslogFolder: files of a syslog server are taken beside one that is named
// messages, and beside an appliance's own logs; what is none of an Expressway's is not.
func TestSyslogFolder(t *testing.T) {
	const rfc = `<134>1 2026-03-02T14:14:07.975Z relay01 tvcs - - [origin ip="10.0.0.1"][meta sequenceId="2"] `
	a, b := someLog(1, 5, "a"), someLog(2, 5, "b")
	dir := t.TempDir()
	put(t, dir, file{"messages", served(a, "Mar  2 14:14:07 relay01 ")}, file{"expe01.log", served(b, rfc)}, file{"expc01.log.gz", gz(served(b, "417 "+rfc))}, file{"own.log", b},
		file{"kern.log", []byte("Mar  2 09:14:08 host kernel: hello\n")}, file{"peer/network_log", a}, file{"peer/served.log", served(a, rfc)}, file{"peer/packagesd.log", b})
	s := mustOpen(t, dir)
	var names []string
	for _, src := range s.Sources {
		if names = append(names, src.File); src.Host != "" {
			t.Errorf("%s is of host %s", src.File, src.Host)
		}
	}
	if want := []string{"expc01.log.gz", "expe01.log", "messages", "own.log", "peer/network_log", "peer/served.log"}; !slices.Equal(sorted(names), want) {
		t.Errorf("%q\nwant %q\n%q", names, want, s.Notes())
	}
}

// TestHostOfName: only where records name no host the file's name does.
func TestHostOfName(t *testing.T) {
	log := someLog(1, 5, "a")
	nameless := bytes.ReplaceAll(log, []byte(" expc01 tvcs:"), []byte(" tvcs:"))
	dir := t.TempDir()
	put(t, dir, file{"10.0.30.2.log", nameless}, file{"10.0.40.5.log", log}, file{"expe01.example.com/syslog-20260302.gz", gz(nameless)}, file{"expc02-2026-03-02.log.1", nameless}, file{"all/2026-03-02.log", nameless})
	s := mustOpen(t, dir)
	got := map[string]string{}
	for _, src := range s.Sources {
		got[filepath.ToSlash(src.File)] = src.Host
	}
	for name, want := range map[string]string{"10.0.30.2.log": "10.0.30.2", "10.0.40.5.log": "", "expe01.example.com/syslog-20260302.gz": "expe01.example.com", "expc02-2026-03-02.log.1": "expc02", "all/2026-03-02.log": ""} {
		if host, ok := got[name]; !ok || host != want {
			t.Errorf("%s is of %q, want %q (%s)", name, host, want, strings.Join(s.Notes(), "; "))
		}
	}
}
