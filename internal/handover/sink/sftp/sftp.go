// Package sftp hands bundles over to a folder on an SSH server.
//
// It guarantees that a bundle appears under its name only when it is whole, written
// through where the server can do that, and read back and the same byte by byte, or, where
// the server lets nobody read, of the same size; that an attempt which broke off is taken
// up where it ended, after what is there was compared; that a repeat leaves one copy; and
// that a refused login is made once, by the ledger of logins, as with any host. It does not
// know why a bundle goes there.
package sftp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"sync/atomic"
	"time"

	"github.com/pkg/sftp"

	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/sshdial"
)

// A Sink is a folder on a server.
type Sink struct {
	Dial  sshdial.Config
	Dir   string        // with slashes; relative to where the login begins
	Stall time.Duration // without an answer to anything that was asked, and the server is given up; zero: 1 min
}

// Deliver brings the artifact there.
func (s *Sink) Deliver(ctx context.Context, a sink.Artifact) (sink.Receipt, error) {
	receipt := sink.Receipt{Place: s.place(a)}
	sess, err := s.open(ctx, s.Dial)
	if err != nil {
		return receipt, err
	}
	defer sess.close()
	u := &upload{session: sess, a: a, dir: s.Dir, final: path.Join(s.Dir, a.Name), temp: path.Join(s.Dir, tempName(a))}
	err = u.run(&receipt)
	if err != nil {
		return receipt, u.explain(err)
	}
	return receipt, nil
}

// tempName is the name under which an artifact lies until it is whole: the same at each
// attempt, so that what is left of one is found by the next.
func tempName(a sink.Artifact) string { return ".grab-" + a.ID[:min(32, len(a.ID))] + ".part" }

func (s *Sink) place(a sink.Artifact) string {
	dir := s.Dir
	if !path.IsAbs(dir) {
		dir = "/~/" + dir
	}
	return "sftp://" + s.Dial.Address + path.Join(dir, a.Name)
}

// An upload is one attempt.
type upload struct {
	*session
	a           sink.Artifact
	dir         string
	final, temp string
	renaming    bool        // from now on it may be there whatever the server says
	blind       atomic.Bool // the server lets nobody read what was written

	space      uint64 // bytes that are free there
	spaceKnown bool
}

func (u *upload) run(r *sink.Receipt) error {
	var done, temp os.FileInfo
	err := together( // what is there already, and how much room
		func() (err error) { done, err = u.lstat(u.final); return err },
		func() (err error) { temp, err = u.lstat(u.temp); return err },
		func() error { u.space, u.spaceKnown = u.free(); return nil })
	if err != nil {
		return err
	}
	if done != nil && done.IsDir() {
		return &sink.Error{Cause: sink.Rejected, Permanent: true, Err: fmt.Errorf("%s is a folder there", u.final)}
	}
	if done != nil && done.Mode().IsRegular() && done.Size() == u.a.Size {
		if same, err := u.delivered(); err != nil || same {
			r.Verified, r.Resumed = sink.BySHA256, u.a.Size
			return err
		}
	}

	src, err := sink.Open(u.ctx, u.a)
	if err != nil {
		return err
	}
	defer src.Close()
	from, err := u.left(temp)
	if err != nil {
		return err
	}
	if err := src.Skip(u.ctx, from); err != nil {
		return err
	}
	if u.spaceKnown && u.space < uint64(u.a.Size-from) {
		return &sink.Error{Cause: sink.Full, Err: fmt.Errorf("%d bytes are free there, %d are wanted", u.space, u.a.Size-from)}
	}
	r.Resumed = from
	r.Verified, err = u.write(src, from)
	r.Sent = src.Sent() - from
	if err != nil {
		return err
	}
	return u.publish()
}

// delivered reports whether the file that is there is the artifact, as far as it can be
// read: an earlier attempt came to its end then, and its answer was lost.
func (u *upload) delivered() (bool, error) {
	alike, err := u.compare(u.final, u.a.Size)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		return false, nil // it may be another of that size: it is sent again
	}
	return alike == u.a.Size, err
}

// left is how much of the artifact an earlier attempt left under the temporary name. What
// is there and is not of it is removed.
func (u *upload) left(st os.FileInfo) (int64, error) {
	if st == nil {
		return 0, nil
	}
	if !st.Mode().IsRegular() {
		return 0, u.do(func() error { return u.c.Remove(u.temp) }) // a link could lead anywhere
	}
	alike, err := u.compare(u.temp, st.Size())
	if errors.Is(err, fs.ErrPermission) {
		return 0, nil
	}
	return alike, err
}

// publish gives the artifact its name.
func (u *upload) publish() error {
	u.renaming = true
	if err := u.do(u.rename); err != nil {
		return fmt.Errorf("rename: %w", err)
	}
	st, err := u.lstat(u.final)
	if err == nil && st == nil || errors.Is(err, fs.ErrPermission) {
		return nil // whoever waits for bundles there has taken it already
	}
	if err != nil {
		return err
	}
	if st.Size() != u.a.Size {
		return &sink.Error{Cause: sink.Mismatch, Unknown: true, Err: fmt.Errorf("the server has %d bytes of it, not %d", st.Size(), u.a.Size)}
	}
	return nil
}

func (u *upload) rename() error {
	if _, ok := u.c.HasExtension("posix-rename@openssh.com"); ok {
		return u.c.PosixRename(u.temp, u.final)
	}
	err := u.c.Rename(u.temp, u.final)
	if err == nil || !onlyFailed(err) {
		return err
	}
	if st, there := u.c.Lstat(u.final); there != nil || st.IsDir() {
		return err
	}
	if err := u.c.Remove(u.final); err != nil { // this server renames over nothing
		return err
	}
	return u.c.Rename(u.temp, u.final)
}

// onlyFailed reports whether a server says no more than that it failed, as of a name that is taken:
// not that it refuses or does not know how, and not that it is gone.
func onlyFailed(err error) bool {
	const alreadyExists = 11 // SSH_FX_FILE_ALREADY_EXISTS, of later versions of SFTP
	status, said := errors.AsType[*sftp.StatusError](err)
	return said && (status.FxCode() == sftp.ErrSSHFxFailure || status.Code == alreadyExists)
}

// lstat is nil for what is not there.
func (u *upload) lstat(name string) (st os.FileInfo, err error) {
	err = u.do(func() error { st, err = u.c.Lstat(name); return err })
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return st, err
}

// Check logs in, though an earlier login was refused: a person asks. It writes an empty
// file there and removes it.
func (s *Sink) Check(ctx context.Context) error {
	dial := s.Dial
	dial.Override = true
	sess, err := s.open(ctx, dial)
	if err != nil {
		return err
	}
	defer sess.close()
	u := &upload{session: sess, dir: s.Dir}
	if err := u.try(); err != nil {
		return u.explain(err)
	}
	return nil
}

func (u *upload) try() error {
	var st os.FileInfo
	if err := u.do(func() (err error) { st, err = u.c.Stat(u.dir); return err }); err != nil {
		return fmt.Errorf("folder %s: %w", u.dir, err)
	}
	if !st.IsDir() {
		return &sink.Error{Cause: sink.Rejected, Permanent: true, Err: fmt.Errorf("%s is not a folder there", u.dir)}
	}
	name := path.Join(u.dir, fmt.Sprintf(".grab-check-%d.part", time.Now().UnixNano()))
	return u.do(func() error {
		f, err := u.c.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		if err != nil {
			return err
		}
		return errors.Join(f.Close(), u.c.Remove(name))
	})
}
