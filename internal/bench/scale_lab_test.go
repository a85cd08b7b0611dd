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
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/rtmt"
)

var (
	scaleLab   = flag.String("scale-lab", "", "of TestScaleLab: the folder that it works in")
	scaleHosts = flag.Int("scale-hosts", 0, "of TestScaleLab: how many hosts it has")
)

// A labPlan is what the laboratory of BenchmarkScale tells of itself, in lab.json.
type labPlan struct {
	Addresses []string // of the hosts
	HostKey   string   // of all of them
	Mail      string   // address of the mailbox
	User      string
	Password  string
}

// TestScaleLab is a process that BenchmarkScale starts: as many hosts as are asked for, all with
// the same logs, of which one copy lies on the disk and grows, and a mailbox. "storm FROM TO RUN" on
// its standard input delivers an alert for each of the clusters FROM to TO at once.
func TestScaleLab(t *testing.T) {
	if *scaleLab == "" {
		return
	}
	// a connection for each host, and while all are held dozens of files of each
	most := syscall.Rlimit{Cur: uint64(*scaleHosts)*100 + 1000, Max: uint64(*scaleHosts)*100 + 1000}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &most); err != nil {
		fmt.Fprintf(os.Stderr, "the laboratory may not open %d files (%v): with many sites at once its hosts will refuse some\n", most.Cur, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	box, err := rtmt.NewMailbox(ctx)
	must(t, err)
	defer box.Close()
	plan := labPlan{Mail: box.Addr(), User: box.User, Password: box.Password}
	for _, e := range startHosts(ctx, t, &plan) {
		defer e.Close()
	}
	must(t, os.WriteFile(filepath.Join(*scaleLab, "ca.pem"), box.CAPEM(), 0o600))
	must(t, os.WriteFile(filepath.Join(*scaleLab, "imap.secret"), []byte(box.Password), 0o600))
	b, err := json.Marshal(plan)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(*scaleLab, "lab.json"), b, 0o600))
	fmt.Println("ready")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
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

// startHosts starts the hosts: one that writes the logs, the others show them too.
func startHosts(ctx context.Context, t *testing.T, plan *labPlan) (all []*lab.Expressway) {
	key, err := lab.NewHostKey("ecdsa")
	must(t, err)
	plan.HostKey = ssh.FingerprintSHA256(key.PublicKey())
	login, err := lab.NewLogin()
	must(t, err)
	must(t, os.WriteFile(filepath.Join(*scaleLab, "key"), login.PEM, 0o600))
	logs := filepath.Join(*scaleLab, "logs")
	for i := range *scaleHosts {
		c := lab.ExpresswayConfig{Dir: logs, HostKey: key, AuthorizedKey: login.Public, Logs: lab.LogConfig{Families: []string{}}}
		if i == 0 {
			c.Logs = lab.LogConfig{Rate: scaleRate, RotateSize: 256 << 10, RotateKeep: 20, Seed: 7}
		}
		e, err := lab.NewExpressway(ctx, c)
		must(t, err)
		if i == 0 {
			e.Backfill(time.Now().Add(-20 * time.Minute))
			e.Start()
		}
		all, plan.Addresses = append(all, e), append(plan.Addresses, strings.Replace(e.Addr(), "[::]", "127.0.0.1", 1))
	}
	return all
}

const scaleRate = 5 // records a second of each family
