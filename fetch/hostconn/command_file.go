package hostconn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"rtmtgrab/fetch/hostconn/hostcmd"
	"rtmtgrab/internal/evidence"
)

// A commandFile is a file that is read by commands. Between two commands nothing
// holds it open: its name may become another file's, it may be unlinked. So it is
// known by device, inode and its first bytes. Each command opens the name, looks
// at what it has opened, goes after the inode under the other names of the family
// if that is another file, and reads from the open file; the first bytes are
// compared after the read and the size must not have shrunk during it. Bytes of
// another file are never returned; a file that cannot be found any more, or has
// other first bytes, is a goneError.
type commandFile struct {
	c      *commands
	id     string // "device:inode"
	prefix string // of the names among which it is looked for

	mu    sync.Mutex
	path  string // under which it was last seen
	head  []byte // its first bytes, at most headSize
	size  int64
	mtime time.Time
	fresh bool   // size and mtime are of a look that nobody has asked for yet
	peek  []byte // the first bytes as they were at the last look; good for one read
}

// open opens a file for reading.
func (c *commands) open(ctx context.Context, name string) (*commandFile, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f := &commandFile{c: c, prefix: siblings(name), fresh: true}
	got, err := c.look(hostcmd.File{Path: name, Prefix: f.prefix})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", evidence.Printable(name, 300), err)
	}
	f.id = got.Before.ID
	f.see(got)
	return f, nil
}

// siblings is what the names of a file's family begin with, or less: the folder
// and the letters that the file's own name begins with. A rotated file's name
// begins with its family's.
func siblings(name string) string {
	base := name[strings.LastIndexByte(name, '/')+1:]
	rest := strings.TrimLeft(base, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
	return strings.TrimSuffix(name, rest)
}

// see takes over what a look has shown of the file.
func (f *commandFile) see(got hostcmd.Found) {
	f.path, f.size, f.mtime, f.peek = got.Path, got.Before.Size, got.Before.MTime, got.Head
	if int64(len(got.Head)) < min(f.size, openHead) { // truncated between stat and head
		f.size = int64(len(got.Head))
	}
	f.learn(got.Head)
}

// learn keeps the longest head that was seen.
func (f *commandFile) learn(head []byte) {
	if n := min(len(head), HeadSize); n > len(f.head) {
		f.head = bytes.Clone(head[:n])
	}
}

// where is how to find the file.
func (f *commandFile) where() hostcmd.File {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fresh, f.peek = false, nil
	return hostcmd.File{ID: f.id, Path: f.path, Prefix: f.prefix}
}

// same says whether what a command has shown is the file that was opened.
func (f *commandFile) same(got hostcmd.Found) error {
	switch {
	case !bytes.HasPrefix(got.Head, f.head):
		return goneError("its name and inode now belong to another file, or it was truncated")
	case got.After.Size < got.Before.Size:
		return goneError("it was truncated while it was read")
	}
	return nil
}

// part reads into b, which is not empty.
func (f *commandFile) part(b []byte, off int64) (int, error) {
	got, err := f.c.read(hostcmd.Read{File: f.where(), Head: HeadSize, From: off}, b)
	if err != nil {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.same(got); err != nil {
		return 0, err
	}
	f.path = got.Path
	f.learn(got.Head)
	return got.N, nil
}

// Stat gives size and mtime of the file, whatever its name is now.
func (f *commandFile) Stat() (int64, time.Time, error) {
	f.mu.Lock()
	size, mtime, fresh := f.size, f.mtime, f.fresh
	f.fresh = false
	f.mu.Unlock()
	if fresh {
		return size, mtime, nil
	}
	got, err := f.c.look(f.where())
	if err != nil {
		return 0, time.Time{}, f.failed("stat", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.same(got); err != nil {
		return 0, time.Time{}, fmt.Errorf("stat %s: %w", evidence.Printable(f.path, 300), err)
	}
	f.see(got)
	return f.size, f.mtime, nil
}

// ReadAt reads from the file, whatever its name is now. A read of the first
// bytes right after Open or Stat is answered out of what that has shown.
func (f *commandFile) ReadAt(b []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	f.mu.Lock()
	peek := f.peek
	f.fresh, f.peek = false, nil
	f.mu.Unlock()
	if end := off + int64(len(b)); end <= int64(len(peek)) {
		return copy(b, peek[off:]), nil
	}
	for n < len(b) {
		part := b[n:min(n+commandBytes, len(b))]
		got, err := f.part(part, off+int64(n))
		if err != nil {
			return 0, f.failed("read", err)
		}
		if n += got; got < len(part) {
			return n, io.EOF
		}
	}
	return n, nil
}

func (f *commandFile) failed(what string, err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Errorf("%s %s: %w", what, evidence.Printable(f.path, 300), err)
}

// Close does nothing: nothing is held.
func (f *commandFile) Close() error { return nil }

// unit is how many bytes are best read at once: a command costs two round trips.
func (f *commandFile) unit() int64 { return commandBytes }

// Unit is how many bytes of r are best read at once, usual if it does not say.
func Unit(r io.ReaderAt, usual int64) int64 {
	if u, ok := r.(interface{ unit() int64 }); ok && u.unit() > 0 {
		return u.unit()
	}
	return usual
}
