//go:build !windows

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testdocs"
	"rtmtgrab/internal/testrace"
	"rtmtgrab/internal/testserver"
)

// TestDocumentsRun: what README.md and docs/ tell people to type does what they say. Each
// document is followed from its first block to its last. README.md begins with nothing, and
// the others go on where it has led; but docs/setup.md and docs/mailbox.md, which set up, begin anew.
func TestDocumentsRun(t *testing.T) {
	testrace.Without(t)
	t.Parallel()
	docs := documents(t)
	m, run := newMachine(t), 0
	for _, d := range docs {
		if d.Name == "README.md" {
			run += m.read(d)
		}
	}
	if t.Failed() {
		return
	}
	m.setUp()
	for _, d := range docs {
		switch d.Name {
		case "README.md":
		case "docs/setup.md", "docs/mailbox.md":
			run += newMachine(t).read(d)
		default:
			run += m.read(d)
		}
	}
	if run < 30 {
		t.Errorf("only %d blocks were run", run)
	}
}

// A machine is a folder in place of /, with stand-ins for what would change the real one; an
// OpenSSH server in place of the Expressways, one for hand-over, and Dovecot.
type machine struct {
	t     *testing.T
	root  string
	work  string // where commands are typed: each document has a folder
	env   []string
	mail  *testserver.Dovecot
	begin []string // what is done before each document
	is    []string // the names and addresses of the documents, each with what it is here
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	root := t.TempDir()
	m := &machine{t: t, root: root, mail: testserver.StartDovecot(t, testserver.DovecotOptions{})}
	for _, dir := range []string{"README", "setup", "run", "home/.config/fish/completions", "var/lib/grab", "etc/grab", "etc/bash_completion.d", "etc/cron.daily", "etc/dovecot/private",
		"usr/local/share/zsh/site-functions", "mnt/analysts/grab", "upload"} {
		if err := os.MkdirAll(filepath.Join(root, filepath.FromSlash(dir)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	logs := t.TempDir()
	e, err := lab.NewExpressway(t.Context(), lab.ExpresswayConfig{Dir: logs, Logs: lab.LogConfig{Rate: 8}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	e.Backfill(time.Now().Add(-25 * time.Minute))
	e.Start()
	peer := func(key string) *testserver.SSHD {
		return testserver.StartSSHD(t, testserver.SSHDOptions{Extra: []string{"AuthorizedKeysFile " + filepath.Join(root, "etc/grab", key+".pub")}})
	}
	expc, expe, drop := peer("id_ecdsa"), peer("id_ecdsa"), peer("id_drop")
	known := ""
	for _, d := range []*testserver.SSHD{expc, expe} {
		b, err := os.ReadFile(d.KnownHosts())
		if err != nil {
			t.Fatal(err)
		}
		known += string(b)
	}
	for name, text := range map[string]string{
		"etc/grab/known_hosts": known, "etc/grab/ca.pem": string(m.mail.CA), "etc/dovecot/dovecot.conf": "",
	} {
		m.file(name, text)
	}
	for _, dir := range []string{"README/", "setup/"} {
		m.file(dir+"imap.secret", m.mail.Password+"\n")
		m.file(dir+"rtmtgrab_1_amd64.deb", "")
	}
	m.is = []string{"10.0.30.2", expc.Addr(), "10.0.40.5:5022", expe.Addr(), "10.0.40.5", expe.Addr(), "imap.example.com:993", m.mail.IMAPS, "127.0.0.1:993", m.mail.IMAPS,
		"--mail-user rtmt ", "--mail-user " + m.mail.User + " ", "sftp.example.com:22", drop.Addr(), "user: grab", "user: " + drop.User, "dir: upload", "dir: " + filepath.Join(root, "upload"),
		"age1...", "$(age-keygen -y analyst.key)", "BUNDLE.zip.age", filepath.Join(root, "upload", "*.age"), `"TEXT"`, `"$(ls 2*/hosts)"`}
	stand, err := filepath.Abs("testdata/stand-ins")
	if err != nil {
		t.Fatal(err)
	}
	m.env = append(os.Environ(), "PATH="+stand+":"+os.Getenv("PATH")+":/usr/sbin:/sbin", "HOME="+filepath.Join(root, "home"), "ROOT="+root, "SSL_CERT_FILE="+filepath.Join(root, "etc/grab/ca.pem"),
		"GRAB_CONFIG="+filepath.Join(root, "etc/grab/grab.yaml"), "LAB_GRAB="+os.Args[0], "LAB_USER="+expc.User, "LAB_LOGS="+logs, "LAB_DROP="+drop.Addr(), "GORACE="+endsAtOnce())
	t.Cleanup(m.stop)
	return m
}

func (m *machine) file(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.root, filepath.FromSlash(name)), []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// stop ends the service.
func (m *machine) stop() {
	cmd := exec.Command("testdata/stand-ins/systemctl", "stop", "grab")
	cmd.Env = m.env
	if out, err := cmd.CombinedOutput(); err != nil {
		m.t.Errorf("stop the service: %v %s", err, out)
	}
	if log, err := os.ReadFile(filepath.Join(m.root, "run/watch.log")); err == nil && m.t.Failed() {
		m.t.Logf("watch said:\n%s", log)
	}
}

// elsewhere is the beginning of a path of the real machine.
var elsewhere = regexp.MustCompile("(^|[\\s\"'=<>({\\[:,`])(/(?:etc|var|usr|mnt|run|root|opt|home|boot|lib|s?bin|sys|proc)/)")

// outside is a path that is none of this machine's.
var outside = regexp.MustCompile("(?:^|[\\s\"'=<>(])(/\\w[\\w./-]*)(=?)") // but a name of a certificate: /CN=localhost

// here is what a line of a document is on this machine. It must not touch another one.
func (m *machine) here(text string) string {
	m.t.Helper()
	text = elsewhere.ReplaceAllString(strings.NewReplacer(m.is...).Replace(text), "${1}"+m.root+"${2}")
	for _, path := range outside.FindAllStringSubmatch(text, -1) {
		if !strings.HasPrefix(path[1], m.root+"/") && path[1] != os.DevNull && path[2] == "" {
			m.t.Fatalf("%s is no path that a document's block may name: put the folder into elsewhere, or mark the block", path[1])
		}
	}
	return text
}

// follow runs the statements of a block, one after another. What one sets the next ones have.
func (m *machine) follow(b testdocs.Block) {
	m.t.Helper()
	dir := m.work
	defer func() { m.work = dir }()
	for _, s := range b.Statements() {
		state := filepath.Join(m.root, "run/state")
		script := fmt.Sprintf("mkdir -p '%[1]s' && cd '%[1]s'\n[ ! -e '%[2]s' ] || . '%[2]s'\nset -a\n%[3]s\nended=$?\nexport -p >'%[2]s'\npwd >'%[2]s.dir'\nexit $ended\n", m.work, state, m.here(s.Text))
		ctx, cancel := context.WithTimeout(m.t.Context(), 10*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "sh", "-c", script)
		cmd.Env = m.env
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		began := time.Now()
		err := cmd.Run()
		m.t.Logf("%5.1f s  %s", time.Since(began).Seconds(), strings.TrimSpace(s.Text))
		if err != nil {
			m.t.Errorf("%s:%d: %s: %v\n%s", b.File, s.Line, s.Text, err, out.String())
			return
		}
		if b.Lang == testdocs.Console {
			if err := says(out.String(), m.here(s.Says)); err != nil {
				m.t.Errorf("%s:%d: %v\nit says\n%s", b.File, s.Line, err, out.String())
			}
		}
		if dir, err := os.ReadFile(state + ".dir"); err == nil {
			m.work = strings.TrimSpace(string(dir))
		}
	}
}

// says compares what was said with what a document says, loosely: numbers may be others, a
// line of dots stands for any lines, and dots in a line for any text.
func says(got, want string) error {
	lines := strings.Split(got, "\n")
	for _, w := range strings.Split(strings.TrimSpace(want), "\n") {
		w = strings.TrimSpace(w)
		if w == "..." || w == "…" || w == "" {
			continue
		}
		pattern := regexp.QuoteMeta(w)
		pattern = regexp.MustCompile(`[0-9]+`).ReplaceAllString(pattern, "[0-9]+")
		pattern = strings.NewReplacer(`\.\.\.`, ".*", "…", ".*").Replace(pattern)
		found := regexp.MustCompile("^ *" + pattern + " *$")
		i := 0
		for i < len(lines) && !found.MatchString(lines[i]) {
			i++
		}
		if i == len(lines) {
			return fmt.Errorf("it does not say %q", w)
		}
		lines = lines[i+1:]
	}
	return nil
}

// What a session says is compared by its words: numbers may be others, dots are what is left out.
func TestSays(t *testing.T) {
	t.Parallel()
	const got = "Yes for 3 sites\n  in the way: expe02 (10.0.0.1:22)\nlast\n"
	for want, ok := range map[string]bool{
		"Yes for 249 sites\n…\nlast": true, "Yes for 1 sites\n  in the way: ...\n": true, "": true, "last": true,
		"No for 3 sites": false, "last\nYes for 3 sites": false, "in the way": false, "Yes for three sites": false,
	} {
		if err := says(got, want); (err == nil) != ok {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// setUp has what the documents take for granted behind README.md: an incident with the name
// that they have for one, and in each folder its bundle, somebody who may read, and an answer.
func (m *machine) setUp() {
	m.t.Helper()
	found, err := filepath.Glob(filepath.Join(m.root, "var/lib/grab/bundles/*.zip"))
	if err != nil || len(found) != 1 {
		m.t.Fatalf("%v %v", found, err)
	}
	id := strings.TrimSuffix(filepath.Base(found[0]), ".zip")
	m.is = append(m.is, "20260302T141407Z-hq-3fa2c1", id, `"SEP028F0308B701 registers late, see 10.66.235.169"`, `"$(unzip -l '*-masked.zip' | sed -n 's|.*hosts/\([^/]*\)/.*|\1|p')"`,
		"grab send INCIDENT --to analysts --drop", fmt.Sprintf("mv /mnt/analysts /mnt/away && ! grab send %[1]s --to analysts --wait 1s && grab send %[1]s --to analysts --drop", id), "INCIDENT", id)
	m.begin = []string{"cp " + found[0] + " .", "age-keygen -o key.txt && age-keygen -y key.txt >analysts.txt && cp analysts.txt /etc/grab/", "cp ../README/2*/README.txt answer.txt"}
}

// read follows the blocks of a document, and returns how many. The first destination that it
// shows takes the place of README.md's.
func (m *machine) read(d testdocs.Document) (run int) {
	m.t.Helper()
	begin := m.begin
	for _, b := range d.Blocks {
		if b.Lang == testdocs.YAML && strings.HasPrefix(b.Text, "handover:") && len(m.begin) > 0 {
			begin = append(begin, "sed -i '/^handover:/,$d' /etc/grab/grab.yaml", "cat >>/etc/grab/grab.yaml <<'EOF'\n"+b.Text+"EOF", "grab reload")
			break
		}
	}
	m.work = filepath.Join(m.root, strings.TrimSuffix(filepath.Base(d.Name), ".md"))
	for _, b := range d.Blocks {
		if !b.Runs() || b.Lang != testdocs.Shell && b.Lang != testdocs.Console {
			continue
		}
		if run++; run == 1 {
			m.follow(testdocs.Block{File: "before " + d.Name, Lang: testdocs.Shell, Text: strings.Join(begin, "\n")})
		}
		m.follow(b)
	}
	return run
}
