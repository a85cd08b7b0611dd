package hostconn

import (
	"context"
	"io"
	"time"
)

// A Conn is a connection to one host. Its calls end when it is closed. The
// Session of this package is the one that speaks SFTP.
type Conn interface {
	// List lists a folder. Entries are not followed if they are links.
	List(ctx context.Context, dir string) ([]Entry, error)
	// Open opens a file for reading.
	Open(ctx context.Context, name string) (Handle, error)
	// Clock measures the host's clock against this machine's: host minus
	// collector, and by how much that may be wrong either way. An error says
	// that it cannot be measured.
	Clock(ctx context.Context) (offset, error time.Duration, err error)
	// HostKey is the key's fingerprint, "SHA256:…".
	HostKey() string
	// Close gives the connection back. broken says that it is of no more use.
	Close(broken bool)
}

// An Entry is one name in a folder.
type Entry struct {
	Name    string
	Size    int64
	MTime   time.Time // zero: it is none that is evidence.Believable
	Regular bool
}

// A Handle is an open file: it stays the same file when its name goes.
type Handle interface {
	io.ReaderAt
	io.Closer
	// Stat gives size and mtime of the open file, never of its name; the mtime as in
	// an Entry.
	Stat() (int64, time.Time, error)
}

// Host says which logs are wanted of which peer.
type Host struct {
	Name, Role, Address string
	Dir                 string         // folder of the logs on the host
	Families            []string       // e.g. network_log
	Zone                *time.Location // for records that name none; nil is UTC
	Dial                func(context.Context) (Conn, error)
}

// A Fault is an error with a reason of package evidence.
type Fault struct {
	Why  string // evidence.Reason…
	Err  error
	Stop bool // trying again is of no use
}

func (f *Fault) Error() string { return f.Err.Error() }

func (f *Fault) Unwrap() error { return f.Err }

// Permanent reports whether trying again is of no use.
func (f *Fault) Permanent() bool { return f.Stop }

// Reason is the evidence.Reason… for what the error made missing.
func (f *Fault) Reason() string { return f.Why }
