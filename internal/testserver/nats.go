package testserver

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
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
var natsBinary = sync.OnceValues(func() (string, error) { return tool("nats-server") })

// tool builds a server from its module, or finds it where the Go command has kept it; how says where. Without cgo,
// so that tests with the race detector, which needs cgo, do not build it again.
func tool(name string, how ...string) (string, error) {
	cmd := exec.Command("go", append(how, "tool", "-n", name)...)
	var said bytes.Buffer
	cmd.Env, cmd.Stderr = append(os.Environ(), "CGO_ENABLED=0"), &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, said.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// StartNATS starts a server; it ends with the test.
func StartNATS(tb testing.TB, opts NATSOptions) *NATS {
	tb.Helper()
	n := newNATS(tb)
	n.run(func(client, web int) { n.configure(opts, client, web, "") })
	n.URL, n.Websocket = "tls://"+n.addrs[0], "wss://"+n.addrs[1]
	return n
}

func newNATS(tb testing.TB) *NATS {
	tb.Helper()
	noShort(tb)
	binary, err := natsBinary()
	must(tb, err)
	n := &NATS{daemon: newDaemon(tb, binary, "log")}
	n.args = []string{"-c", filepath.Join(n.Dir, "nats.conf")}
	return n
}

func (n *NATS) configure(opts NATSOptions, client, web int, more string) {
	n.tb.Helper()
	tls := fmt.Sprintf("tls { cert_file: %q, key_file: %q\n%s }", filepath.Join(n.Dir, "cert.pem"), filepath.Join(n.Dir, "key.pem"), strings.ReplaceAll(opts.TLS, "${DIR}", n.Dir))
	text := fmt.Sprintf("listen: \"127.0.0.1:%d\"\nlog_file: %q\n%s\nwebsocket { listen: \"127.0.0.1:%d\"\n%s }\njetstream { store_dir: %q, sync_interval: always, max_file_store: 100GB }\n%s\n%s\n",
		client, n.log, tls, web, tls, filepath.Join(n.Dir, "js"), more, opts.Config)
	must(n.tb, os.WriteFile(filepath.Join(n.Dir, "nats.conf"), []byte(text), 0o600))
}

// StartNATSCluster starts three servers that are one hub, each of which may be stopped and
// started. Each has a certificate of its own: see Trust. They may take a moment to find a
// leader after they answer.
func StartNATSCluster(tb testing.TB, opts NATSOptions) []*NATS {
	tb.Helper()
	var all []*NATS
	var routes []string
	var ports []int
	for range 3 {
		all = append(all, newNATS(tb))
		ports = append(ports, FreePort(tb))
		routes = append(routes, fmt.Sprintf("\"nats-route://127.0.0.1:%d\"", ports[len(ports)-1]))
	}
	for i, n := range all {
		n.run(func(client, web int) {
			n.configure(opts, client, web, fmt.Sprintf("server_name: \"n%d\"\ncluster { name: \"test\", listen: \"127.0.0.1:%d\", no_advertise: true, routes: [%s] }", i+1, ports[i], strings.Join(routes, ", ")))
		})
		n.URL, n.Websocket = "tls://"+n.addrs[0], "wss://"+n.addrs[1]
	}
	return all
}

// CAs are the authorities of all of the servers, as PEM.
func CAs(all []*NATS) (pem []byte) {
	for _, n := range all {
		pem = append(pem, n.CA...)
	}
	return pem
}

// Trust trusts all of the servers, and nothing else.
func Trust(all []*NATS) *tls.Config {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(CAs(all))
	return &tls.Config{RootCAs: pool}
}

// URLs are where the servers are reached.
func URLs(all []*NATS) (urls []string) {
	for _, n := range all {
		urls = append(urls, n.URL)
	}
	return urls
}

// StartNATSIn starts a server from a folder that has its nats.conf, which says that it listens
// on these ports of 127.0.0.1, for clients and for websockets.
func StartNATSIn(tb testing.TB, dir string, client, web int) *NATS {
	tb.Helper()
	n := newNATS(tb)
	n.work, n.args = dir, []string{"-c", "nats.conf", "-l", n.log}
	n.addrs = [2]string{fmt.Sprintf("127.0.0.1:%d", client), fmt.Sprintf("127.0.0.1:%d", web)}
	n.Start()
	n.URL, n.Websocket = "tls://"+n.addrs[0], "wss://"+n.addrs[1]
	return n
}
