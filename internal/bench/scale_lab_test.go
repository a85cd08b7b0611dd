//go:build linux

package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/rtmt"
)

var (
	scaleLab   = flag.String("scale-lab", "", "of TestScaleLab: the folder that it works in")
	scaleHosts = flag.Int("scale-hosts", 0, "of TestScaleLab: how many hosts it has")
	scalePart  = flag.Int("scale-part", 0, "of TestScaleLab: which process of the laboratory it is")
)

// scaleOfOne is how many hosts a process of the laboratory has: each opens a connection for each host, and
// while all are held some dozens of files of each. A process may open 20,000 often enough.
const scaleOfOne = 250

// A labPlan is what a process of the laboratory of BenchmarkScale tells of itself, in lab.N.json.
type labPlan struct {
	Hosts    []labHost
	Mail     string // address of the mailbox
	User     string
	Password string
}

type labHost struct{ Address, Key string }

// A laboratory is the processes of one.
type laboratory struct {
	parts []*process
	plan  labPlan
}

// startLaboratory starts one for so many hosts. The first process has the mailbox too, and writes the logs.
func startLaboratory(tb testing.TB, dir string, hosts int) *laboratory {
	tb.Helper()
	l := &laboratory{}
	for n := 0; n*scaleOfOne < hosts; n++ {
		p := startProcess(tb, os.Stderr, os.Args[0], "-test.run", "^TestScaleLab$", "-test.timeout", "2h", "-scale-lab", dir, "-scale-part", strconv.Itoa(n),
			"-scale-hosts", strconv.Itoa(min(scaleOfOne, hosts-n*scaleOfOne)))
		p.says("ready")
		text, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("lab.%d.json", n)))
		must(tb, err)
		var part labPlan
		must(tb, json.Unmarshal(text, &part))
		l.parts = append(l.parts, p)
		if n == 0 {
			l.plan = part
			continue
		}
		l.plan.Hosts = append(l.plan.Hosts, part.Hosts...)
	}
	return l
}

// cpu is what all of them have used.
func (l *laboratory) cpu() (all time.Duration) {
	for _, p := range l.parts {
		own, _ := p.cpu()
		all += own
	}
	return all
}

func (l *laboratory) stop() {
	for _, p := range l.parts {
		p.stop()
	}
}

// TestScaleLab is a process that BenchmarkScale starts: as many hosts as are asked for, all with
// the same logs, of which one copy lies on the disk and grows, and of the first one a mailbox. "storm FROM TO RUN" on
// its standard input delivers an alert for each of the clusters FROM to TO at once.
func TestScaleLab(t *testing.T) {
	if *scaleLab == "" {
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var plan labPlan
	var box *rtmt.Mailbox
	if *scalePart == 0 {
		var err error
		box, err = rtmt.NewMailbox(ctx)
		must(t, err)
		defer box.Close()
		plan = labPlan{Mail: box.Addr(), User: box.User, Password: box.Password}
		must(t, os.WriteFile(filepath.Join(*scaleLab, "ca.pem"), box.CAPEM(), 0o600))
		must(t, os.WriteFile(filepath.Join(*scaleLab, "imap.secret"), []byte(box.Password), 0o600))
	}
	for _, e := range startHosts(ctx, t, &plan) {
		defer e.Close()
	}
	b, err := json.Marshal(plan)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(*scaleLab, fmt.Sprintf("lab.%d.json", *scalePart)), b, 0o600))
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var from, to, run int
		_, err := fmt.Sscanf(in.Text(), "storm %d %d %d", &from, &to, &run)
		must(t, err)
		for i := from; i < to; i++ {
			now := time.Now()
			must(t, box.Deliver(rtmt.Mail(rtmt.MailOptions{Cluster: clusterOf(i), Count: 1 + run, Time: now, Date: now, MessageID: fmt.Sprintf("%d-%d@scale", run, i)}), now))
		}
		fmt.Println("delivered")
	}
}

func clusterOf(site int) string { return fmt.Sprintf("Cluster%03d", site) }

// scaleLogin is the key with which the hosts are logged in to: the first process makes it.
func scaleLogin(t *testing.T) ssh.PublicKey {
	name := filepath.Join(*scaleLab, "key")
	if *scalePart == 0 {
		login, err := lab.NewLogin()
		must(t, err)
		must(t, os.WriteFile(name, login.PEM, 0o600))
		return login.Public
	}
	b, err := os.ReadFile(name)
	must(t, err)
	signer, err := ssh.ParsePrivateKey(b)
	must(t, err)
	return signer.PublicKey()
}

// startHosts starts the hosts: one that writes the logs, the others show them too.
func startHosts(ctx context.Context, t *testing.T, plan *labPlan) (all []*lab.Expressway) {
	key, err := lab.NewHostKey("ecdsa")
	must(t, err)
	login := scaleLogin(t)
	logs := filepath.Join(*scaleLab, "logs")
	for i := range *scaleHosts {
		c := lab.ExpresswayConfig{Dir: logs, HostKey: key, AuthorizedKey: login, Logs: lab.LogConfig{Families: []string{}}}
		writes := i == 0 && *scalePart == 0
		if writes {
			c.Logs = lab.LogConfig{Rate: scaleRate, RotateSize: 256 << 10, RotateKeep: 20, Seed: 7}
		}
		e, err := lab.NewExpressway(ctx, c)
		must(t, err)
		if writes {
			e.Backfill(time.Now().Add(-20 * time.Minute))
			e.Start()
		}
		all = append(all, e)
		plan.Hosts = append(plan.Hosts, labHost{strings.Replace(e.Addr(), "[::]", "127.0.0.1", 1), ssh.FingerprintSHA256(key.PublicKey())})
	}
	return all
}

const scaleRate = 5 // records a second of each family
