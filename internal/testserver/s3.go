package testserver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// An S3 is a versitygw, a server that speaks S3 over TLS and keeps objects as files. It is
// built from a module of its own, s3/go.mod. Its certificate names 127.0.0.1 and localhost.
type S3 struct {
	*daemon
	Addr   string // host:port
	Access string
	Secret string
	Region string
	Root   string // a folder for each bucket
}

// s3Binary builds the server once, or finds it where the Go command has kept it.
var s3Binary = sync.OnceValues(func() (string, error) {
	root, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	return tool("versitygw", "-C", filepath.Join(filepath.Dir(strings.TrimSpace(string(root))), "internal", "testserver", "s3"))
})

// StartS3 starts a server with these empty buckets; it ends with the test.
func StartS3(tb testing.TB, buckets ...string) *S3 {
	tb.Helper()
	noShort(tb)
	binary, err := s3Binary()
	must(tb, err)
	s := &S3{daemon: newDaemon(tb, binary, "log"), Access: "GRABTESTACCESSKEY", Secret: "correct+horse/battery", Region: "eu-central-1"}
	s.Root = filepath.Join(s.Dir, "root")
	meta := filepath.Join(s.Dir, "meta") // beside the files: not every file system keeps attributes
	for _, dir := range append([]string{"", "../meta"}, buckets...) {
		must(tb, os.MkdirAll(filepath.Join(s.Root, dir), 0o755))
	}
	s.run(func(one, other int) {
		s.args = []string{"--port", "127.0.0.1:" + strconv.Itoa(one), "--port", "127.0.0.1:" + strconv.Itoa(other), "--access", s.Access, "--secret", s.Secret, "--region", s.Region, "--quiet",
			"--cert", filepath.Join(s.Dir, "cert.pem"), "--key", filepath.Join(s.Dir, "key.pem"), "--access-log", s.log, "posix", "--sidecar", meta, s.Root}
	})
	s.Addr = s.addrs[1]
	return s
}

// Log is the requests that came.
func (s *S3) Log() string {
	b, _ := os.ReadFile(s.log)
	return string(b)
}
