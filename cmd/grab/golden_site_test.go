package main_test

import (
	"archive/zip"
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/mra"
	"rtmtgrab/internal/lab/rtmt"
)

// A goldenSite has a bit of everything that shows in what the program prints: two peers
// on which a phone went partial, a mailbox, a mail server, a webhook, a ring, metrics.
type goldenSite struct {
	oldSite
	http string // address of metrics and health
}

func newGoldenSite(t testing.TB) *goldenSite {
	t.Helper()
	s := &goldenSite{oldSite: oldSite{t: t, dir: t.TempDir(), hook: newHook(t), hosts: map[string]*lab.Expressway{}}, http: freeAddress(t)}
	var err error
	if s.login, err = lab.NewLogin(); err != nil {
		t.Fatal(err)
	}
	if s.mail, err = rtmt.NewMailbox(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.mail.Close() })
	for i, name := range []string{"expc01", "expe01"} {
		e, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Name: name, Role: string("CE"[i]), AuthorizedKey: s.login.Public, Logs: lab.LogConfig{Rate: 0.3, Seed: uint64(i + 7)}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.Close() })
		s.hosts[name] = e
	}
	site, err := mra.NewSite(mra.SiteConfig{C: []*lab.Expressway{s.hosts["expc01"]}, E: []*lab.Expressway{s.hosts["expe01"]}, Phones: 3, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer site.Close()
	if err := site.Schedule(mra.Event{At: time.Now().Add(-8 * time.Minute), Kind: mra.LateKeepAlive, Phone: 2}); err != nil {
		t.Fatal(err)
	}
	site.Backfill(time.Now().Add(-18 * time.Minute))
	s.write()
	return s
}

// write writes grab.yaml, down.yaml, whose second site is not there, and what they name.
func (s *goldenSite) write() {
	s.t.Helper()
	c, e := s.hosts["expc01"], s.hosts["expe01"]
	row := func(name string, host *lab.Expressway, more string) string {
		return fmt.Sprintf("      - {name: %s, role: %s, address: %q, logs: {dir: %q}%s}\n", name, host.Role(), host.Addr(), host.LogDir(), more)
	}
	base := "window: {before: 17m, after: 3s, max: 3h}\nsettle: 100ms\npatience: 2s\nssh: {key: {file: id}, known_hosts: known_hosts}\nbundle: {pcapng: true}\n"
	main := fmt.Sprintf(`mail: {server: %q, ca_file: imap.pem, user: %q, password: {file: imap.secret}, canary: {every: 1m, late: 30s}}
smtp: {server: %q, tls: none, from: grab@example.com}
alerts: {from: ["@cucm01.example.com"]}
notify: {after: 1s, webhooks: [{url: %q}, {url: %q}]}
heartbeats: [{name: daily, match: CpuPegging}]
drill: {every: 7d, from: rtmt@cucm01.example.com}
http: {listen: %q}
`, s.mail.Addr(), s.mail.User, smtpInto(s.t, s.mail), s.hook.URL+"/good", s.hook.URL+"/bad", s.http)
	site := "sites:\n  - name: hq\n    clusters: [StandAloneCluster]\n    time_zone: America/New_York\n    hosts:\n"
	gone := lab.ExpresswayConfig{Name: "gone"}
	down, err := lab.NewExpressway(s.t.Context(), gone)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { down.Close() })
	if err := down.SetDown(true); err != nil {
		s.t.Fatal(err)
	}
	for name, text := range map[string]string{
		"id": string(s.login.PEM), "known_hosts": string(lab.KnownHosts(c, e, down)), "imap.secret": s.mail.Password, "imap.pem": string(s.mail.CAPEM()),
		"grab.yaml": "store: store\nkeep: {free: 1MiB}\n" + base + main + site + row("expc01", c, ", ring: {enabled: true, every: 1s}") + row("expe01", e, ""),
		"down.yaml": "store: store-down\nkeep: {free: 1MiB}\n" + base + site + row("expc01", c, "") + row("gone", down, "") + "  - name: far\n    clusters: [X]\n    hosts:\n" + row("gone", down, ""),
		"bad.yaml":  "store: store\nnonsense: 1\n", "alert.eml": string(rtmt.Mail(rtmt.MailOptions{Time: time.Now()})), "other.eml": "Subject: hello\r\n\r\nno alert\r\n",
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
}

func freeAddress(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// smtpInto is a mail server that puts what it takes into a mailbox.
func smtpInto(t testing.TB, box *rtmt.Mailbox) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	t.Cleanup(func() { ln.Close() })
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serveSMTP(c, func(mail string) { box.Deliver([]byte(mail), time.Now()) })
			}()
		}
	})
	return ln.Addr().String()
}

// serveSMTP speaks as much SMTP as it takes.
func serveSMTP(c net.Conn, deliver func(mail string)) {
	fmt.Fprint(c, "220 ready\r\n")
	var mail strings.Builder
	data := false
	for in := bufio.NewScanner(c); in.Scan(); {
		line := in.Text()
		switch {
		case data && line == ".":
			data = false
			deliver(mail.String())
			fmt.Fprint(c, "250 taken\r\n")
		case data:
			mail.WriteString(strings.TrimPrefix(line, ".") + "\r\n")
		case strings.HasPrefix(strings.ToUpper(line), "DATA"):
			data = true
			mail.Reset()
			fmt.Fprint(c, "354 go on\r\n")
		case strings.HasPrefix(strings.ToUpper(line), "QUIT"):
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 yes\r\n")
		}
	}
}

// get fetches from the watcher's address.
func (s *goldenSite) get(path string) string {
	resp, err := http.Get("http://" + s.http + path)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return string(b)
}

var (
	metricType  = regexp.MustCompile(`(?m)^# TYPE (grab_\S+) (\S+)$`)
	metricLabel = regexp.MustCompile(`([a-z_]+)="(?:[^"\\]|\\.)*"`)
)

// metrics is a line for each metric: its name, its type, its labels. Not among them is
// grab_disk_days_left, which is there only after some days.
func (s *goldenSite) metrics() string {
	text := s.get("/metrics")
	var lines []string
	for _, m := range metricType.FindAllStringSubmatch(text, -1) {
		line := m[1] + " " + m[2]
		labels := map[string]bool{}
		for row := range strings.Lines(text) {
			if rest, ok := strings.CutPrefix(row, m[1]); ok && rest[0] != '_' {
				for _, l := range metricLabel.FindAllStringSubmatch(rest, -1) {
					labels[l[1]] = true
				}
			} else if rest, ok := strings.CutPrefix(row, m[1]+"_count"); ok && m[2] == "histogram" {
				for _, l := range metricLabel.FindAllStringSubmatch(rest, -1) {
					labels[l[1]] = true
				}
			}
		}
		for _, l := range sortedKeys(labels) {
			line += " " + l
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

func sortedKeys(m map[string]bool) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// bundleFiles is a line for each file of a bundle, below its folder.
func (s *goldenSite) bundleFiles(bundle string) string {
	s.t.Helper()
	z, err := zip.OpenReader(bundle)
	if err != nil {
		s.t.Fatal(err)
	}
	defer z.Close()
	mail := regexp.MustCompile(`^alerts/.+\.eml$`)
	var lines []string
	for _, f := range z.File {
		folder, name, _ := strings.Cut(f.Name, "/")
		if folder != strings.TrimSuffix(filepath.Base(bundle), ".zip") {
			s.t.Errorf("%s is not in the bundle's folder", f.Name)
		}
		lines = append(lines, mail.ReplaceAllString(name, "alerts/*.eml"))
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n") + "\n"
}
