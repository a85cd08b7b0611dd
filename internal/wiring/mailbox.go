package wiring

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/config"
)

// A Box is one folder of a configured mailbox: what one watcher watches.
type Box struct {
	Mail   *config.Mail
	Folder string
}

// Name tells Boxes apart in status and logs.
func (b Box) Name() string { return b.Mail.Name + "/" + b.Folder }

// Boxes are all folders that a configuration watches.
func Boxes(cfg *config.Config) []Box {
	var list []Box
	for i := range cfg.Mails {
		for _, folder := range cfg.Mails[i].Mailboxes {
			list = append(list, Box{&cfg.Mails[i], folder})
		}
	}
	return list
}

// BoxNames lists the boxes for a line of the log.
func BoxNames(boxes []Box) string {
	var list []string
	for _, b := range boxes {
		list = append(list, b.Name()+" at "+b.Mail.Server)
	}
	return strings.Join(list, ", ")
}

// maxAge is how old an alert may be: the longest of all mailboxes, for the same
// mail may lie in several of them. Without mailboxes it is what it is by default.
func maxAge(cfg *config.Config) time.Duration {
	if len(cfg.Mails) == 0 {
		return 24 * time.Hour
	}
	return slices.MaxFunc(cfg.Mails, func(a, b config.Mail) int { return cmp.Compare(a.MaxAge, b.MaxAge) }).MaxAge
}

// RingDir is where the ring of a host is kept.
func RingDir(cfg *config.Config, host string) string { return filepath.Join(cfg.Store, "ring", host) }

// CursorName tells mailboxes apart on disk.
func CursorName(m *config.Mail, folder string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{m.Server, m.User, folder}, "\x00")))
	return hex.EncodeToString(sum[:8]) + ".json"
}
