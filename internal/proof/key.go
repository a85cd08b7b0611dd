// Package proof tells whether the way of alerts into this program is alive, and
// which mails in a mailbox are the program's own.
//
// A Canary is sent to a mailbox and must come back through its watcher; a
// Heartbeat is an alert of CUCM's that must come every so often; a mark in every
// notice keeps what this program sends from triggering it. Marks are keyed: nobody
// else can make one, and an old canary's proves nothing. It does not know how mail
// is read or sent.
package proof

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"rtmtgrab/internal/atomicfile"
)

// A Key makes marks and tells them from others' text.
type Key struct{ secret []byte }

const keySize = 32

// LoadKey reads the key of a store, and makes it (mode 0600) if there is none. One that
// is damaged or cannot be read is set aside and made anew, which log, that may be nil, is
// told: mails of before are not known as our own any more.
func LoadKey(file string, log *slog.Logger) (Key, error) {
	b, err := readKey(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		damage := err
		aside, err := atomicfile.SetAside(file)
		if err != nil {
			return Key{}, fmt.Errorf("key of our own mails: %w", errors.Join(damage, err))
		}
		if log != nil {
			log.Error("the key of our own mails was damaged; it was set aside and a new one made: notifications and canaries that were sent before are not recognized",
				"file", file, "now", aside, "err", damage)
		}
	}
	if err != nil {
		b = make([]byte, keySize)
		rand.Read(b)
		if err := errors.Join(atomicfile.MkdirAll(filepath.Dir(file)), atomicfile.WriteBytes(file, b)); err != nil {
			return Key{}, fmt.Errorf("key of our own mails: %w", err)
		}
	}
	return Key{b}, nil
}

func readKey(file string) ([]byte, error) {
	info, err := os.Stat(file) // before it is opened: that waits for ever at a named pipe
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() != keySize {
		return nil, errors.New("it is no file of 32 bytes")
	}
	return os.ReadFile(file)
}

// mac is 128 bits of HMAC-SHA256, in hex.
func (k Key) mac(parts ...string) string {
	h := hmac.New(sha256.New, k.secret)
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (k Key) valid(mac string, parts ...string) bool {
	return k.secret != nil && hmac.Equal([]byte(mac), []byte(k.mac(parts...)))
}

// Marks are made of letters, digits and "-" alone, and short, so that they outlive
// encodings, quoting and forwarding.
const (
	noticePrefix = "GRABN1-"
	canaryPrefix = "GRABC1-"
)

// Notice is the mark of a notice. The same ID has the same mark.
func (k Key) Notice(id string) string {
	sum := sha256.Sum256([]byte(id))
	short := hex.EncodeToString(sum[:6])
	return noticePrefix + short + "-" + k.mac("notice", short)
}

// A Token is what a canary carries.
type Token struct {
	Mailbox string // its name
	Serial  int64
	Sent    time.Time // to the millisecond
}

// Canary is the mark of a canary.
func (k Key) Canary(t Token) string {
	box, serial, sent := boxHash(t.Mailbox), strconv.FormatInt(t.Serial, 36), strconv.FormatInt(t.Sent.UnixMilli(), 36)
	return canaryPrefix + box + "-" + serial + "-" + sent + "-" + k.mac("canary", t.Mailbox, serial, sent)
}

func boxHash(mailbox string) string {
	sum := sha256.Sum256([]byte(mailbox))
	return hex.EncodeToString(sum[:4])
}

// readCanary reads a canary's mark, if it is one of a mailbox among those given.
func (k Key) readCanary(mark string, mailboxes []string) (Token, bool) {
	f := strings.Split(strings.TrimPrefix(mark, canaryPrefix), "-")
	if len(f) != 4 || !strings.HasPrefix(mark, canaryPrefix) {
		return Token{}, false
	}
	serial, err1 := strconv.ParseInt(f[1], 36, 64)
	sent, err2 := strconv.ParseInt(f[2], 36, 64)
	if err1 != nil || err2 != nil {
		return Token{}, false
	}
	for _, box := range mailboxes {
		if f[0] == boxHash(box) && k.valid(f[3], "canary", box, f[1], f[2]) {
			return Token{Mailbox: box, Serial: serial, Sent: time.UnixMilli(sent).UTC()}, true
		}
	}
	return Token{}, false
}

// isNotice reports whether mark is one of ours.
func (k Key) isNotice(mark string) bool {
	short, mac, ok := strings.Cut(strings.TrimPrefix(mark, noticePrefix), "-")
	return ok && strings.HasPrefix(mark, noticePrefix) && k.valid(mac, "notice", short)
}
