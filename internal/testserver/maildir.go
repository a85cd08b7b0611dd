package testserver

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// folder is the Maildir of a mailbox.
func (d *Dovecot) folder(mailbox string) string {
	if mailbox == "" || strings.EqualFold(mailbox, "INBOX") {
		return filepath.Join(d.Dir, "mail")
	}
	return filepath.Join(d.Dir, "mail", "."+mailbox)
}

// Deliver puts a mail into a mailbox (empty means INBOX), as a mail server would
// do: whole, and unseen. It makes the mailbox if it is not there.
func (d *Dovecot) Deliver(mailbox string, raw []byte) {
	d.tb.Helper()
	dir := d.folder(mailbox)
	for _, sub := range []string{"", "tmp", "new", "cur"} {
		name := filepath.Join(dir, sub)
		if err := os.Mkdir(name, 0o700); err == nil {
			d.own(name)
		} else if !os.IsExist(err) {
			d.tb.Fatal(err)
		}
	}
	name := fmt.Sprintf("%d.M%09d.test", time.Now().Unix(), delivered.Add(1)) // Dovecot orders by the number, which has 32 bits
	tmp := filepath.Join(dir, "tmp", name)
	must(d.tb, os.WriteFile(tmp, raw, 0o600))
	d.own(tmp)
	must(d.tb, os.Rename(tmp, filepath.Join(dir, "new", name)))
}

// delivered makes names unique and keeps their order.
var delivered atomic.Int64

// Flags are the flags of every mail of a mailbox as Maildir writes them ("S" is
// seen, "F" flagged), in the order of delivery.
func (d *Dovecot) Flags(mailbox string) []string {
	d.tb.Helper()
	names := map[string]string{}
	for _, sub := range []string{"new", "cur"} {
		list, err := os.ReadDir(filepath.Join(d.folder(mailbox), sub))
		must(d.tb, err)
		for _, e := range list {
			name, flags, _ := strings.Cut(e.Name(), ":2,")
			names[strings.SplitN(name, ",", 2)[0]] = flags
		}
	}
	return sortedValues(names)
}

// SetUIDValidity gives a mailbox another UIDVALIDITY, which throws clients out
// of it, and new UIDs from one on.
func (d *Dovecot) SetUIDValidity(mailbox string, n uint32) {
	d.tb.Helper()
	if mailbox == "" {
		mailbox = "INBOX"
	}
	d.Stop()
	defer d.Start()
	list, err := filepath.Glob(filepath.Join(d.folder(mailbox), "dovecot*"))
	must(d.tb, err)
	for _, name := range list {
		must(d.tb, os.Remove(name))
	}
	// A list without mails: Dovecot gives every mail it finds a UID anew.
	name := filepath.Join(d.folder(mailbox), "dovecot-uidlist")
	must(d.tb, os.WriteFile(name, fmt.Appendf(nil, "3 V%d N1 G%032x\n", n, n), 0o600))
	d.own(name)
}
