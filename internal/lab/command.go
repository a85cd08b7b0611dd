package lab

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/fetch/hostconn/hostcmd"
)

// A shell is what answers an Expressway's commands: there is none, but it looks so. It is
// safe for concurrent use.
type shell struct {
	dir    string           // the log folder on this machine
	logDir string           // as the host's users name it
	clock  func() time.Time // the host's

	mu      sync.Mutex
	numbers []os.FileInfo // files that commands were told of, by the number they were given
}

// hostCommand answers the commands of package hostcmd out of the log folder, as
// their scripts would. There is no shell: a line that package hostcmd has not
// made is refused before, and a name outside of the folder is not there.
func (s *shell) hostCommand(ch ssh.Channel, verb string, args []string) uint32 {
	switch {
	case verb == hostcmd.VerbProbe && len(args) > 0:
		put(ch, args[0], "1:1")
		return 0
	case verb == hostcmd.VerbList && len(args) == 2:
		return s.commandList(ch, args[0], args[1])
	case verb == hostcmd.VerbLook:
		if l, err := hostcmd.ParseLook(args); err == nil {
			return s.commandLook(ch, l)
		}
	case verb == hostcmd.VerbRead:
		if r, err := hostcmd.ParseRead(args); err == nil {
			return s.commandRead(ch, r)
		}
	}
	return 2
}

// put writes fields that end with a NUL.
func put(w io.Writer, fields ...string) {
	for _, f := range fields {
		io.WriteString(w, f+"\x00")
	}
}

// local is where a file of the log folder, as its users name it, is on this machine;
// false if the name is not of that folder.
func (s *shell) local(name string) (string, bool) {
	base := path.Base(name)
	return filepath.Join(s.dir, base), name == s.logDir+"/"+base && base != ".." && base != "."
}

// number is "device:inode" of a file, which stays the same when its name changes.
func (s *shell) number(info os.FileInfo) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, known := range s.numbers {
		if os.SameFile(known, info) {
			return fmt.Sprintf("1:%d", i+2)
		}
	}
	_ = os.SameFile(info, info) // on Windows it is looked up now, while the name is the file's
	s.numbers = append(s.numbers, info)
	return fmt.Sprintf("1:%d", len(s.numbers)+1)
}

// statLine is what stat prints of a file.
func (s *shell) statLine(info os.FileInfo) string {
	mode := 0o100000 | int(info.Mode().Perm())
	if !info.Mode().IsRegular() {
		mode = 0o040000
	}
	return fmt.Sprintf("%x %d %d %s", mode, info.Size(), info.ModTime().Unix(), s.number(info))
}

func (s *shell) commandList(ch ssh.Channel, nonce, dir string) uint32 {
	if path.Clean(dir) != s.logDir {
		fmt.Fprintf(ch.Stderr(), "stat: cannot statx '%s': No such file or directory\n", dir)
		return hostcmd.ExitStat
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return hostcmd.ExitKind
	}
	put(ch, nonce)
	for _, de := range entries {
		if info, err := de.Info(); err == nil && !strings.HasPrefix(de.Name(), ".") {
			put(ch, "1", "./"+de.Name(), s.statLine(info))
		}
	}
	put(ch, "0", nonce)
	return 0
}

// find opens the wanted file, under whichever name it has.
func (s *shell) find(want hostcmd.File) (f *os.File, name string, line string) {
	names := []string{want.Path}
	if entries, err := os.ReadDir(s.dir); err == nil && want.ID != "" {
		for _, de := range entries {
			if p := s.logDir + "/" + de.Name(); strings.HasPrefix(p, want.Prefix) {
				names = append(names, p)
			}
		}
	}
	for _, name := range names {
		local, ok := s.local(name)
		if !ok {
			continue
		}
		before, err := os.Lstat(local)
		if err != nil || !before.Mode().IsRegular() {
			continue
		}
		f, err := os.Open(local)
		if err != nil {
			continue
		}
		if info, err := f.Stat(); err == nil && os.SameFile(before, info) {
			if line := s.statLine(info); want.ID == "" || strings.HasSuffix(line, " "+want.ID) {
				return f, name, line
			}
		}
		f.Close()
	}
	return nil, "", ""
}

func (s *shell) commandLook(ch ssh.Channel, l hostcmd.Look) uint32 {
	put(ch, l.Nonce)
	for _, want := range l.Files {
		f, path, line := s.find(want)
		switch {
		case f != nil:
			put(ch, "=", line, path)
			io.Copy(ch, io.NewSectionReader(f, 0, l.Head))
			put(ch, "", l.Nonce)
			f.Close()
		case want.ID != "":
			put(ch, "!", fmt.Sprint(hostcmd.ExitGone), "")
		default:
			put(ch, "!", fmt.Sprint(hostcmd.ExitStat), "stat: cannot statx '"+want.Path+"': No such file or directory")
		}
	}
	put(ch, l.Nonce)
	return 0
}

func (s *shell) commandRead(ch ssh.Channel, r hostcmd.Read) uint32 {
	f, path, line := s.find(r.File)
	if f == nil {
		return hostcmd.ExitGone
	}
	defer f.Close()
	put(ch, r.Nonce, line, path)
	var out io.WriteCloser = nopCloser{ch}
	if r.Gzip {
		out, _ = gzip.NewWriterLevel(ch, gzip.BestSpeed)
	}
	io.Copy(out, io.NewSectionReader(f, r.From, r.Count))
	out.Close()
	put(ch, "", r.Nonce)
	io.Copy(ch, io.NewSectionReader(f, 0, r.Head))
	info, err := f.Stat()
	if err != nil {
		return hostcmd.ExitKind
	}
	put(ch, "", r.Nonce, s.statLine(info))
	return 0
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
