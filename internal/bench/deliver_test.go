//go:build linux

package bench

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/handover/sink/s3"
	sftpsink "rtmtgrab/internal/handover/sink/sftp"
	"rtmtgrab/internal/handover/sink/web"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/testserver"
)

// deliveries are made of each program for each round trip, and the median counts.
const deliveries = 3

// BenchmarkDeliver: a sealed bundle of a quarter of size to an SFTP server and to a
// bucket. Goal: at least as fast as `sftp put` and the AWS command line at 30 ms, though
// what is delivered over SFTP is read back and compared, synchronised and renamed.
func BenchmarkDeliver(b *testing.B) {
	r := newRig(b, 1)
	a := r.sealed(size / 4)
	bucket := testserver.StartS3(b, "bundles")
	line, err := testserver.Start(bucket.Addr, 0)
	must(b, err)
	b.Cleanup(func() { line.Close() })

	t := newTable(fmt.Sprintf("8. A sealed bundle of %s handed over by SFTP", sizeText(a.Size)), "by")
	for _, trip := range trips {
		r.setRoundTrip(trip)
		t.add(trip, r.median("grab (in this process)", func() measured { return r.bySFTP(a) }), "read back")
		for _, v := range []struct {
			name string
			args []string
		}{{"sftp put", nil}, {"sftp put -f", []string{"-f"}}, {"sftp aes128-gcm", []string{"-c", "aes128-gcm@openssh.com"}}} {
			t.add(trip, r.median(v.name, func() measured { return r.sftpPut(a, v.name, v.args) }), "its exit")
		}
	}
	t.print()

	t = newTable(fmt.Sprintf("9. A sealed bundle of %s handed over to a bucket", sizeText(a.Size)), "by")
	for _, trip := range trips {
		line.SetRoundTrip(trip)
		t.add(trip, r.median("grab (in this process)", func() measured { return r.byS3(a, bucket, line.Addr()) }), "server's SHA-256")
		if _, err := exec.LookPath("/usr/bin/aws"); err == nil { // Debian's awscli; others have their own speed
			t.add(trip, r.median("aws s3 cp", func() measured { return r.awsCopy(a, bucket, line.Addr()) }), "its exit")
		}
		t.add(trip, r.median("curl --aws-sigv4", func() measured { return r.curlPut(a, bucket, line.Addr()) }), "its exit")
	}
	t.print()
}

// sealed writes what does not compress, as encrypted bundles do not.
func (r *rig) sealed(n int64) sink.Artifact {
	r.tb.Helper()
	name := r.path("sealed.zip.age")
	f, err := os.Create(name)
	must(r.tb, err)
	sum := sha256.New()
	in, err := os.Open("/dev/urandom")
	must(r.tb, err)
	defer in.Close()
	_, err = io.CopyN(io.MultiWriter(f, sum), in, n)
	must(r.tb, err)
	must(r.tb, f.Close())
	return sink.Artifact{Path: name, Name: "sealed.zip.age", Size: n, SHA256: hex.EncodeToString(sum.Sum(nil)), ID: "0123456789abcdef0123456789abcdef"}
}

// median is the run in the middle by time.
func (r *rig) median(what string, run func() measured) measured {
	r.tb.Helper()
	var all []measured
	for range deliveries {
		m := run()
		m.what = what
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b measured) int { return int(a.time - b.time) })
	return all[len(all)/2]
}

// deliver measures one delivery.
func (r *rig) deliver(s sink.Sink, a sink.Artifact) measured {
	r.tb.Helper()
	ctx, cancel := context.WithTimeout(r.tb.Context(), 10*time.Minute)
	defer cancel()
	began := time.Now()
	got, err := s.Deliver(ctx, a)
	took := time.Since(began)
	must(r.tb, err)
	if got.Verified != sink.BySHA256 || got.Sent != a.Size {
		r.tb.Fatalf("%+v", got)
	}
	return measured{time: took, bytes: a.Size}
}

func (r *rig) bySFTP(a sink.Artifact) measured {
	dir := r.fresh()
	defer os.RemoveAll(dir)
	return r.deliver(&sftpsink.Sink{Dir: dir, Dial: sshdial.Config{Name: "h0", Address: r.proxies[0].Addr(), User: r.sshd[0].User, KnownHosts: r.path("known_hosts"),
		Auth: sshdial.Auth{Kind: sshdial.AuthKey, KeyPEM: func() (string, error) { return string(r.key.PEM), nil }}}}, a)
}

func (r *rig) sftpPut(a sink.Artifact, what string, args []string) measured {
	dir := r.fresh()
	defer os.RemoveAll(dir)
	put := "put "
	if slices.Contains(args, "-f") {
		put, args = "put -f ", nil
	}
	batch := filepath.Join(r.dir, "put-batch")
	must(r.tb, os.WriteFile(batch, []byte(put+a.Path+" "+dir+"/"+a.Name+"\n"), 0o600))
	m := r.start(what, io.Discard, testserver.Need(r.tb, "sftp"), append(append([]string{"-q", "-F", r.path("ssh_config"), "-b", batch}, args...), "h0")...)
	m.bytes = a.Size
	return m
}

func (r *rig) byS3(a sink.Artifact, d *testserver.S3, addr string) measured {
	defer os.Remove(filepath.Join(d.Root, "bundles", a.Name))
	return r.deliver(&s3.Sink{Endpoint: addr, Region: d.Region, Bucket: "bundles", PathStyle: true, Keys: func() (s3.Keys, error) { return s3.Keys{Access: d.Access, Secret: d.Secret}, nil },
		Client: web.Client{Roots: d.ClientTLS().RootCAs, Proxy: func() (string, error) { return "none", nil }}}, a)
}

func (r *rig) awsCopy(a sink.Artifact, d *testserver.S3, addr string) measured {
	defer os.Remove(filepath.Join(d.Root, "bundles", a.Name))
	m := r.start("aws s3 cp", io.Discard, "env", "AWS_ACCESS_KEY_ID="+d.Access, "AWS_SECRET_ACCESS_KEY="+d.Secret, "AWS_DEFAULT_REGION="+d.Region, "AWS_EC2_METADATA_DISABLED=true", "HOME="+r.dir,
		"/usr/bin/aws", "--endpoint-url", "https://"+addr, "--ca-bundle", filepath.Join(d.Dir, "cert.pem"), "s3", "cp", "--only-show-errors", a.Path, "s3://bundles/"+a.Name)
	m.bytes = a.Size
	return m
}

func (r *rig) curlPut(a sink.Artifact, d *testserver.S3, addr string) measured {
	defer os.Remove(filepath.Join(d.Root, "bundles", a.Name))
	m := r.start("curl", io.Discard, testserver.Need(r.tb, "curl"), "-sS", "--fail", "--cacert", filepath.Join(d.Dir, "cert.pem"), "--aws-sigv4", "aws:amz:"+d.Region+":s3", "--user", d.Access+":"+d.Secret,
		"-H", "x-amz-content-sha256: "+a.SHA256, "-T", a.Path, "https://"+addr+"/bundles/"+a.Name)
	m.bytes = a.Size
	return m
}
