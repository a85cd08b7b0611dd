package sshdial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// loadAgent connects to the agent and finds the one named key. The end of ctx
// closes the connection, so that an agent that waits for a person's finger does
// not keep Dial.
func (a Auth) loadAgent(ctx context.Context) (ssh.Signer, func(), error) {
	none := func() {}
	if a.Agent == "" {
		return nil, none, errors.New("no agent key is configured")
	}
	socket, err := agentSocket(a.Socket)
	if err != nil {
		return nil, none, err
	}
	rw, err := dialAgent(ctx, socket)
	if err != nil {
		return nil, none, fmt.Errorf("connect to the agent: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { rw.Close() })
	done := func() {
		stop()
		rw.Close()
	}
	s, err := pick(rw, a.Agent)
	if err != nil {
		return nil, done, err
	}
	return s, done, nil
}

// agentSocket is where the agent listens: as given, or as the system says.
func agentSocket(socket string) (string, error) {
	if socket == "" {
		socket = os.Getenv("SSH_AUTH_SOCK")
	}
	if socket == "" {
		socket = defaultAgent
	}
	if socket == "" {
		return "", errors.New("no SSH agent: SSH_AUTH_SOCK is not set")
	}
	return socket, nil
}

// AgentKeys lists the public keys that the agent holds, in the form of
// authorized_keys: each can be an Auth's Agent.
func AgentKeys(ctx context.Context) ([]string, error) {
	socket, err := agentSocket("")
	if err != nil {
		return nil, err
	}
	rw, err := dialAgent(ctx, socket)
	if err != nil {
		return nil, fmt.Errorf("connect to the agent: %w", err)
	}
	defer rw.Close()
	defer context.AfterFunc(ctx, func() { rw.Close() })()
	keys, err := agent.NewClient(rw).List()
	if err != nil {
		return nil, fmt.Errorf("list the agent's keys: %w", err)
	}
	var out []string
	for _, k := range keys {
		out = append(out, k.String())
	}
	return out, nil
}

func pick(rw io.ReadWriter, name string) (ssh.Signer, error) {
	match, err := selector(name)
	if err != nil {
		return nil, err
	}
	signers, err := agent.NewClient(rw).Signers()
	if err != nil {
		return nil, fmt.Errorf("list the agent's keys: %w", err)
	}
	var has []string
	for _, s := range signers {
		if match(s.PublicKey()) {
			return s, nil
		}
		has = append(has, ssh.FingerprintSHA256(s.PublicKey()))
	}
	if len(has) == 0 {
		return nil, errors.New("the agent has no keys: add one with ssh-add")
	}
	return nil, fmt.Errorf("the agent does not have the key %s, only %s", name, strings.Join(has, ", "))
}

// selector reads a fingerprint or a line of authorized_keys.
func selector(name string) (func(ssh.PublicKey) bool, error) {
	if strings.HasPrefix(name, "SHA256:") {
		want, err := ParseFingerprint(name)
		return func(k ssh.PublicKey) bool { return ssh.FingerprintSHA256(k) == want }, err
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(name))
	if err != nil {
		return nil, errors.New("name the agent's key by its SHA256 fingerprint or public key")
	}
	return func(k ssh.PublicKey) bool { return bytes.Equal(k.Marshal(), key.Marshal()) }, nil
}
