package testserver

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A NATS is a nats-server of the version in go.mod, a process of its own with JetStream. Its
// certificate names 127.0.0.1 and localhost.
type NATS struct {
	*daemon
	URL       string // tls://127.0.0.1:port
	Websocket string // wss://127.0.0.1:port
}

// NATSOptions say how a NATS is to be; the zero value is one that anybody may use.
type NATSOptions struct {
	Config string // appended to the configuration as it is: accounts, say
	TLS    string // the same, to what it says of TLS: verify, say. "${DIR}" is the server's folder
}

// natsBinary builds the server once, or finds it where the Go command has kept it.
var natsBinary = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("go", "tool", "-n", "nats-server")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("build the NATS server: %w\n%s", err, said.String())
	}
	return strings.TrimSpace(string(out)), nil
})

// StartNATS starts a server; it ends with the test.
func StartNATS(tb testing.TB, opts NATSOptions) *NATS {
	tb.Helper()
	noShort(tb)
	binary, err := natsBinary()
	must(tb, err)
	n := &NATS{daemon: newDaemon(tb, binary, "log")}
	conf := filepath.Join(n.Dir, "nats.conf")
	n.args = []string{"-c", conf}
	n.run(func(client, web int) {
		tls := fmt.Sprintf("tls { cert_file: %q, key_file: %q\n%s }", filepath.Join(n.Dir, "cert.pem"), filepath.Join(n.Dir, "key.pem"), strings.ReplaceAll(opts.TLS, "${DIR}", n.Dir))
		text := fmt.Sprintf("listen: \"127.0.0.1:%d\"\nlog_file: %q\n%s\nwebsocket { listen: \"127.0.0.1:%d\"\n%s }\njetstream { store_dir: %q, sync_interval: always }\n%s\n",
			client, n.log, tls, web, tls, filepath.Join(n.Dir, "js"), opts.Config)
		must(tb, os.WriteFile(conf, []byte(text), 0o600))
	})
	n.URL, n.Websocket = "tls://"+n.addrs[0], "wss://"+n.addrs[1]
	return n
}
