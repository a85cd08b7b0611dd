//go:build linux

package bench

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/seal"
	"rtmtgrab/bundle/seal/envelope"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testserver"
)

// BenchmarkSeal: a unit of size of network_log at DEBUG, of four hosts, to a signed bundle
// in each format, fsynced and read back, and to that encrypted. Goal: 300 MB of logs a second
// on two cores, where the format allows it. Stock programs compress the same files; they
// neither hash, sync nor read back.
func BenchmarkSeal(b *testing.B) {
	r := newRig(b, 0)
	dir := r.fresh()
	var logs []string
	for i := range 4 {
		name := filepath.Join(dir, fmt.Sprintf("expc%02d.txt", i+1))
		f, err := os.Create(name)
		must(b, err)
		_, err = lab.WriteLog(f, lab.BulkOptions{Since: time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC), Size: size / 4, Log: lab.LogConfig{Level: "DEBUG", Seed: uint64(i + 1)}})
		must(b, err)
		must(b, f.Close())
		logs = append(logs, name)
	}
	id, err := age.GenerateX25519Identity()
	must(b, err)
	to := id.Recipient().String()

	t := newTable(fmt.Sprintf("9. Sealing %s of logs", sizeText(size)), "MB of logs a second", "for each second of CPU")
	add := func(m measured, file string, n int64) {
		if info, err := os.Stat(file); err == nil {
			m.bytes = info.Size()
		}
		speed := func(d time.Duration) string { return fmt.Sprintf("%.0f", float64(n)/1e6/d.Seconds()) }
		t.add(0, m, speed(m.time), speed(m.cpu))
		os.Remove(file)
	}
	for _, format := range bundle.Formats() {
		for _, recipient := range []string{"", to} {
			what, out := "grab, "+format, filepath.Join(r.fresh(), "b."+format)
			made := out
			if recipient != "" {
				what, made = what+", encrypted", out+envelope.Ending
			}
			add(r.start(what, io.Discard, os.Args[0], "-test.run", "^TestSealChild$", "-seal-out", out, "-seal-to", recipient, "-seal-logs", dir), made, size)
			os.Remove(out)
		}
	}
	out := r.fresh()
	file := func(name string) string { return filepath.Join(out, name) }
	stock := func(what, made string, n int64, name string, args ...string) {
		add(r.start(what, io.Discard, testserver.Need(b, name), args...), file(made), n)
	}
	stock("zip -6", "b.zip", size, "zip", append([]string{"-q", "-6", "-j", file("b.zip")}, logs...)...)
	stock("7zz a -tzip, one of them", "7.zip", size/4, "7zz", "a", "-tzip", "-bd", file("7.zip"), logs[0]) // it takes minutes
	stock("tar --zstd", "b.tar.zst", size, "tar", "--zstd", "-cf", file("b.tar.zst"), "-C", dir, ".")
	stock("tar --gzip", "b.tar.gz", size, "tar", "--gzip", "-cf", file("b.tar.gz"), "-C", dir, ".")
	stock("age, one of them as it is", "a.age", size/4, "age", "-r", to, "-o", file("a.age"), logs[0])
	t.print()
}

var (
	sealOut  = flag.String("seal-out", "", "of TestSealChild: the bundle")
	sealTo   = flag.String("seal-to", "", "of TestSealChild: the recipient")
	sealLogs = flag.String("seal-logs", "", "of TestSealChild: a folder of logs")
)

// TestSealChild is a process that BenchmarkSeal starts: it seals as the collector does, with
// hashes that are known from copying.
func TestSealChild(t *testing.T) {
	if *sealOut == "" {
		return
	}
	key, err := seal.Ring{Dir: t.TempDir()}.Key()
	must(t, err)
	in := bundle.Input{Manifest: sealManifest(t), Key: key, Log: func(host, _ string) (io.ReadCloser, error) {
		return os.Open(filepath.Join(*sealLogs, host+".txt"))
	}}
	_, err = bundle.Write(t.Context(), *sealOut, in)
	must(t, err)
	if *sealTo == "" {
		return
	}
	to, err := envelope.ReadRecipients(*sealTo)
	must(t, err)
	_, err = envelope.Encrypt(t.Context(), *sealOut, *sealOut+envelope.Ending, to)
	must(t, err)
}

// sealManifest is of the logs in the folder. Their sums are taken from a file beside them,
// which the first child makes.
func sealManifest(t *testing.T) evidence.Manifest {
	w := evidence.NewWindow(time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC), time.Date(2026, 3, 2, 14, 20, 0, 0, time.UTC))
	m := evidence.Manifest{Incident: "20260302T141407Z-hq-3fa2c1", Revision: 1, Window: w, Asked: w, Site: "hq"}
	logs, err := filepath.Glob(filepath.Join(*sealLogs, "*.txt"))
	must(t, err)
	for _, name := range logs {
		host := strings.TrimSuffix(filepath.Base(name), ".txt")
		n, sum := sumOf(t, name)
		h := evidence.Host{Host: host, Role: "C", Files: []evidence.File{{Family: "network_log", Path: bundle.LogName(host, "network_log"), Coverage: evidence.Complete, Bytes: n, SHA256: sum}}}
		h.Conclude()
		m.Hosts = append(m.Hosts, h)
	}
	m.Conclude()
	return m
}

func sumOf(t *testing.T, name string) (n int64, sum string) {
	known, err := os.ReadFile(name + ".sum")
	if err == nil {
		_, err = fmt.Sscan(string(known), &n, &sum)
		must(t, err)
		return n, sum
	}
	f, err := os.Open(name)
	must(t, err)
	defer f.Close()
	h := sha256.New()
	n, err = io.Copy(h, f)
	must(t, err)
	sum = hex.EncodeToString(h.Sum(nil))
	must(t, os.WriteFile(name+".sum", fmt.Appendf(nil, "%d %s", n, sum), 0o600))
	return n, sum
}
