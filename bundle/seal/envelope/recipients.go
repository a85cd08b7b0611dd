package envelope

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"

	"rtmtgrab/internal/plaintext"
)

// Bounds on files of recipients and keys.
const (
	maxFile       = 1 << 20
	maxRecipients = 1000
)

// Recipients are those who can open what is encrypted to them.
type Recipients struct {
	Names []string // as they were written, without a comment
	list  []age.Recipient
}

// ReadRecipients reads recipients: age1..., age1pq1..., ssh-ed25519 ..., ssh-rsa ..., or a
// file with one in each line, where # begins a comment. Post-quantum ones and others do not mix: what is encrypted to
// both could be opened by whoever breaks the weaker.
func ReadRecipients(args ...string) (Recipients, error) {
	var r Recipients
	for _, arg := range args {
		if isRecipient(arg) {
			if err := r.add(arg); err != nil {
				return Recipients{}, err
			}
			continue
		}
		if err := r.addFile(arg); err != nil {
			return Recipients{}, err
		}
	}
	if len(r.list) == 0 {
		return r, errors.New("no recipient")
	}
	return r, r.unmixed()
}

func isRecipient(s string) bool {
	return strings.HasPrefix(s, "age1") || strings.HasPrefix(s, "ssh-")
}

func (r *Recipients) addFile(name string) error {
	b, err := readSmall(name)
	if err != nil {
		return fmt.Errorf("recipients: %w", err)
	}
	before, lines := len(r.list), bufio.NewScanner(bytes.NewReader(b))
	for n := 1; lines.Scan(); n++ {
		line := uncommented(lines.Text())
		if line == "" {
			continue
		}
		if err := r.add(line); err != nil {
			return fmt.Errorf("%s, line %d: %w", name, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if len(r.list) == before {
		return fmt.Errorf("%s: no recipient in it", name)
	}
	return nil
}

// uncommented is a line without blanks around it and a comment: at its beginning, or, as
// people note whose key it is, behind a blank. An editor's byte order mark is none of it.
func uncommented(line string) string {
	line = strings.TrimPrefix(line, "\ufeff")
	for i, c := range line {
		if c == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			line = line[:i]
			break
		}
	}
	return strings.TrimSpace(line)
}

func (r *Recipients) add(s string) error {
	var to age.Recipient
	var err error
	fields := strings.Fields(s)
	switch {
	case strings.HasPrefix(s, "AGE-SECRET-KEY-") || strings.HasPrefix(s, "-----BEGIN"):
		return errors.New("this is a secret key; a recipient is its public half (age-keygen -y prints it)")
	case strings.HasPrefix(s, "ssh-") && len(fields) >= 2:
		to, err = agessh.ParseRecipient(s)
		s = fields[0] + " " + fields[1]
	case strings.HasPrefix(s, "age1pq1"):
		to, err = age.ParseHybridRecipient(s)
	case strings.HasPrefix(s, "age1"):
		to, err = age.ParseX25519Recipient(s)
	default:
		err = errors.New("want one that begins with age1, age1pq1, ssh-ed25519 or ssh-rsa")
	}
	if err != nil {
		return fmt.Errorf("no recipient: %w", err)
	}
	if len(r.list) == maxRecipients {
		return fmt.Errorf("more than %d recipients", maxRecipients)
	}
	r.list, r.Names = append(r.list, to), append(r.Names, s)
	return nil
}

// unmixed is an error if recipients are of both kinds.
func (r *Recipients) unmixed() error {
	strong, weak := "", ""
	for i, to := range r.list {
		if _, is := to.(*age.HybridRecipient); is {
			strong = r.Names[i]
		} else {
			weak = r.Names[i]
		}
	}
	if strong != "" && weak != "" {
		return fmt.Errorf("post-quantum recipients and others do not mix (%.20s... and %.20s...): take age1pq1 keys for all, or for none", strong, weak)
	}
	return nil
}

// readSmall is the text of a file that a person may have written. It reads a regular file, and
// only that: a pipe could block for ever.
func readSmall(name string) ([]byte, error) {
	st, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !st.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", name)
	case st.Size() > maxFile:
		return nil, fmt.Errorf("%s is larger than %d KiB", name, maxFile>>10)
	}
	b, err := os.ReadFile(name)
	return plaintext.Of(b), err
}
