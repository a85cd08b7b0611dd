//go:build linux

package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"rtmtgrab/internal/testserver"
)

// A rival is another program that copies a folder or a file from one host.
type rival struct {
	name string
	args func(r *rig, host int, from, to string) []string // the program first
}

func (r *rig) ssh() string { return testserver.Need(r.tb, "ssh") + " -F " + r.path("ssh_config") }

func scp(args ...string) func(r *rig, host int, from, to string) []string {
	return func(r *rig, host int, from, to string) []string {
		return append(append([]string{"scp", "-q", "-F", r.path("ssh_config")}, args...), fmt.Sprintf("h%d:%s", host, from), to)
	}
}

func sftp(args ...string) func(r *rig, host int, from, to string) []string {
	return func(r *rig, host int, from, to string) []string {
		batch := filepath.Join(to, "batch")
		must(r.tb, os.WriteFile(batch, []byte("get "+from+" "+to+"/\n"), 0o600))
		return append(append([]string{"sftp", "-q", "-F", r.path("ssh_config"), "-b", batch}, args...), "h"+strconv.Itoa(host))
	}
}

func rsync(r *rig, host int, from, to string) []string {
	return []string{"rsync", "-az", "-e", r.ssh(), fmt.Sprintf("h%d:%s", host, from), to}
}

func lftp(r *rig, host int, from, to string) []string {
	return []string{"lftp", "-e", fmt.Sprintf("set sftp:auto-confirm yes; set sftp:connect-program '%s -a -x'; set net:max-retries 2; "+
		"open sftp://%s:@h%d; mirror --parallel=4 %s %s; bye", r.ssh(), r.sshd[host].User, host, from, to)}
}

// run lets a rival copy from all hosts at once, and says what that took.
func (v rival) run(r *rig, from string) measured {
	r.tb.Helper()
	dir := r.fresh()
	defer os.RemoveAll(dir)
	all := make([]measured, len(r.proxies))
	var wg sync.WaitGroup
	for i := range all {
		to := filepath.Join(dir, strconv.Itoa(i))
		must(r.tb, os.Mkdir(to, 0o700))
		args := v.args(r, i, from, to)
		args[0] = testserver.Need(r.tb, args[0])
		wg.Go(func() { all[i] = r.start(v.name, nil, args[0], args[1:]...) })
	}
	wg.Wait()
	if r.tb.Failed() {
		r.tb.FailNow()
	}
	m := measured{what: v.name}
	for _, one := range all {
		m.time, m.cpu, m.rss = max(m.time, one.time), m.cpu+one.cpu, max(m.rss, one.rss)
		m.bytes = max(m.bytes, one.bytes) // each has counted the others' too
	}
	return m
}
