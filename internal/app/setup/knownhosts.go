package setup

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/plaintext"
	"rtmtgrab/internal/sshdial"
)

// PinnedKeys are the keys that a known_hosts file has for host:port; none if
// there is no file yet.
func PinnedKeys(file, address string) ([]ssh.PublicKey, error) {
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	db, err := sshdial.ReadKnownHosts(file)
	if err != nil {
		return nil, err
	}
	var keys []ssh.PublicKey
	for _, k := range db.HostKeys(address) {
		keys = append(keys, k.PublicKey)
	}
	return keys, nil
}

// pinKeys sees to it that the keys in good are pinned for host:port, and takes
// those away that the host does not show any more. All other lines stay byte for byte, but for
// the marks of an editor on Windows, or its UTF-16. The file is whole at every moment, mode 0600.
func pinKeys(file, address string, good, shown []ssh.PublicKey) error {
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read known_hosts: %w", err)
	}
	there, err := PinnedKeys(file, address)
	if err != nil {
		return err
	}
	add := slices.DeleteFunc(slices.Clone(good), func(k ssh.PublicKey) bool { return hasKey(there, k) })
	text := repin(plaintext.Of(old), address, add, shown)
	if err := provePin(text, address, good, shown); err != nil {
		return fmt.Errorf("pin in %s: %w", file, err)
	}
	if err := atomicfile.MkdirAll(filepath.Dir(file)); err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(file, text); err != nil {
		return fmt.Errorf("write known_hosts: %w", err)
	}
	return nil
}

// repin is the text of a known_hosts file with the keys added and the stale gone.
func repin(old []byte, address string, add, shown []ssh.PublicKey) []byte {
	var b bytes.Buffer
	for line := range bytes.Lines(old) {
		b.Write(withoutStale(line, address, shown))
	}
	if n := b.Len(); n > 0 && b.Bytes()[n-1] != '\n' {
		b.WriteByte('\n')
	}
	for _, k := range add {
		b.WriteString(knownhosts.Line([]string{address}, k) + "\n")
	}
	return b.Bytes()
}

// withoutStale takes an address out of a line whose key the host does not show:
// the whole line if it names nothing else. Marked lines and patterns stay.
func withoutStale(line []byte, address string, shown []ssh.PublicKey) []byte {
	marker, hosts, key, _, _, err := ssh.ParseKnownHosts(line)
	if err != nil || marker != "" || hasKey(shown, key) {
		return line
	}
	kept := slices.DeleteFunc(slices.Clone(hosts), func(h string) bool { return namesAddress(h, address) })
	switch {
	case len(kept) == len(hosts):
		return line
	case len(kept) == 0:
		return nil
	}
	return bytes.Replace(line, []byte(strings.Join(hosts, ",")), []byte(strings.Join(kept, ",")), 1)
}

// namesAddress reports whether a name in known_hosts, plain or hashed, is that
// of host:port.
func namesAddress(name, address string) bool {
	normal := knownhosts.Normalize(address)
	if rest, ok := strings.CutPrefix(name, "|1|"); ok {
		salt64, sum64, _ := strings.Cut(rest, "|")
		salt, err1 := base64.StdEncoding.DecodeString(salt64)
		sum, err2 := base64.StdEncoding.DecodeString(sum64)
		mac := hmac.New(sha1.New, salt)
		mac.Write([]byte(normal))
		return err1 == nil && err2 == nil && hmac.Equal(mac.Sum(nil), sum)
	}
	host, port, err := net.SplitHostPort(address)
	return strings.EqualFold(name, normal) || err == nil && strings.EqualFold(name, "["+host+"]:"+port)
}

// provePin tries a text out before it becomes the file.
func provePin(text []byte, address string, good, shown []ssh.PublicKey) error {
	db, err := sshdial.ParseKnownHosts(text, "known_hosts")
	if err != nil {
		return err
	}
	for _, k := range db.HostKeys(address) {
		if !hasKey(shown, k.PublicKey) {
			return fmt.Errorf("a line with a pattern pins %s, which is not the host's key: remove that line by hand", ssh.FingerprintSHA256(k.PublicKey))
		}
	}
	for _, k := range good {
		if err := db.HostKeyCallback()(address, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 22}, k); err != nil {
			return fmt.Errorf("the key %s is still rejected: %w", ssh.FingerprintSHA256(k), err)
		}
	}
	return nil
}

func hasKey(keys []ssh.PublicKey, k ssh.PublicKey) bool {
	return slices.ContainsFunc(keys, func(o ssh.PublicKey) bool { return bytes.Equal(o.Marshal(), k.Marshal()) })
}

func Fingerprints(keys []ssh.PublicKey) []string {
	out := []string{}
	for _, k := range keys {
		out = append(out, ssh.FingerprintSHA256(k))
	}
	return out
}
