package oneshot

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/wiring"
)

const longestName = 63 // of a host

// adhocSource is a host given as user@address[:port].
func adhocSource(arg string, f *Request) (wiring.Source, error) {
	user, rest, _ := strings.Cut(arg, "@")
	host, port, err := net.SplitHostPort(rest)
	if err != nil {
		host, port = strings.Trim(rest, "[]"), "22"
	}
	_, badPort := strconv.ParseUint(port, 10, 16)
	if user == "" || host == "" || badPort != nil || port == "0" || strings.ContainsAny(arg, " \t\r\n") {
		return wiring.Source{}, advice.Usage(fmt.Errorf("%q is not user@address[:port]", evidence.Printable(arg, 100)))
	}
	name := strings.NewReplacer(":", "-", "%", "-").Replace(host)
	if port != "22" {
		name += "-" + port
	}
	if name = strings.TrimLeft(name, "-."); len(name) > longestName { // as a full DNS name may be
		name = strings.TrimRight(name[:longestName], ".")
	}
	if err := evidence.CheckName(name); err != nil {
		return wiring.Source{}, advice.Usage(fmt.Errorf("host %w", err))
	}
	home, err := homeFolder()
	if err != nil {
		return wiring.Source{}, err
	}
	auth, err := adhocAuth(filepath.Join(home, ".ssh"), f.Key)
	if err != nil {
		return wiring.Source{}, err
	}
	address := net.JoinHostPort(host, port)
	return wiring.Source{
		Host:     hostconn.Host{Name: name, Address: address, Dir: f.Dir, Families: config.Default().Logs.Families, Zone: time.Local},
		Dial:     sshdial.Config{Name: name, Address: address, User: user, Auth: auth, KnownHosts: filepath.Join(home, ".ssh", "known_hosts")},
		Commands: hostconn.Commands{Allowed: true},
	}, nil
}

// adhocAuth picks the one key that is offered: the file that is named, else the
// first of ~/.ssh, ECDSA and RSA before Ed25519, which Expressways may refuse. An
// encrypted key is used by way of the agent. Without a file, the agent's only key.
func adhocAuth(dir, named string) (sshdial.Auth, error) {
	files := []string{filepath.Join(dir, "id_ecdsa"), filepath.Join(dir, "id_rsa"), filepath.Join(dir, "id_ed25519")}
	if named != "" {
		files = []string{named}
	}
	for _, file := range files {
		pem, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) && named == "" {
			continue
		}
		if err != nil {
			return sshdial.Auth{}, fmt.Errorf("read the key: %w", err)
		}
		if _, err := ssh.ParsePrivateKey(pem); err != nil {
			if _, locked := errors.AsType[*ssh.PassphraseMissingError](err); !locked {
				return sshdial.Auth{}, fmt.Errorf("read the key %s: %w", file, err)
			}
			pub, err := os.ReadFile(file + ".pub")
			if err != nil {
				return sshdial.Auth{}, advice.WithHint(fmt.Errorf("the key %s is encrypted and its .pub file is missing", file), "load it into the agent and put its .pub file beside it")
			}
			return sshdial.Auth{Kind: sshdial.AuthAgent, Agent: string(pub)}, nil
		}
		return sshdial.Auth{Kind: sshdial.AuthKey, KeyPEM: func() (string, error) { return string(pem), nil }}, nil
	}
	return agentOnly(dir)
}

// agentOnly takes the agent's key if it holds exactly one: more would be several tries.
func agentOnly(dir string) (sshdial.Auth, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	keys, err := sshdial.AgentKeys(ctx)
	switch {
	case err != nil:
		return sshdial.Auth{}, advice.WithHint(fmt.Errorf("no key in %s, and no agent answers: %w", dir, err), "name a key with --key FILE")
	case len(keys) == 0:
		return sshdial.Auth{}, advice.WithHint(fmt.Errorf("no key in %s, and none in the agent", dir), "name a key with --key FILE")
	case len(keys) > 1:
		return sshdial.Auth{}, advice.WithHint(fmt.Errorf("the agent has %d keys, and grab may try only one", len(keys)), "name one with --key FILE (for an encrypted key its .pub file)")
	}
	return sshdial.Auth{Kind: sshdial.AuthAgent, Agent: keys[0]}, nil
}
