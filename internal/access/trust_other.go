//go:build !windows

package access

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Trusted judges whether others than root and this user can change a file or folder, or
// put another one in its place, as OpenSSH judges its own: by owner and mode of it and of
// all folders above it, by the way as written and by the way behind symbolic links. What
// is not there yet is judged by the folders above. A group may write if it is the owner's
// own; anybody may write into a folder above that has the sticky bit. The error is a *Loose.
//
// Root may use what is another user's own with owner set: a service's store, by hand.
func Trusted(name string, owner bool) error {
	abs, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	t := truster{uids: []uint32{0, uint32(os.Getuid())}, seen: map[string]bool{}}
	if st, ok := stat(abs); ok && owner && os.Getuid() == 0 {
		t.uids = append(t.uids, st.Uid)
	}
	if foreignRoot() {
		t.uids = append(t.uids, overflow)
	}
	t.walk(abs)
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		t.walk(real)
	}
	if len(t.loose.What) == 0 {
		return nil
	}
	return &t.loose
}

type truster struct {
	uids  []uint32 // owners that are believed
	seen  map[string]bool
	loose Loose
}

func (t *truster) walk(path string) {
	for p, above := path, false; ; p, above = filepath.Dir(p), true {
		if !t.seen[p] {
			t.seen[p] = true
			t.look(p, above)
		}
		if p == filepath.Dir(p) {
			return
		}
	}
}

// look judges one file or folder. What cannot be looked at judges nothing: reading what
// lies behind it fails too, or goes another way.
func (t *truster) look(path string, above bool) {
	info, err := os.Stat(path)
	st, ok := stat(path)
	if err != nil || !ok {
		return
	}
	mode := info.Mode()
	sticky := above && mode&fs.ModeSticky != 0
	switch {
	case !slices.Contains(t.uids, st.Uid):
		t.add(fmt.Sprintf("%s belongs to another user (uid %d)", path, st.Uid), fmt.Sprintf("chown %d %s", os.Getuid(), quoted(path)))
	case mode.Perm()&0o002 != 0 && !sticky:
		t.add(fmt.Sprintf("%s can be changed by others (mode %04o)", path, mode.Perm()), "chmod go-w "+quoted(path))
	case mode.Perm()&0o020 != 0 && !sticky && !ownGroup(st.Uid, st.Gid):
		t.add(fmt.Sprintf("%s can be changed by its group (mode %04o)", path, mode.Perm()), "chmod g-w "+quoted(path))
	}
}

func (t *truster) add(what, fix string) {
	t.loose.What, t.loose.Fix = append(t.loose.What, what), append(t.loose.Fix, fix)
}

// quoted is a path as a shell takes it.
func quoted(path string) string {
	if strings.ContainsFunc(path, func(r rune) bool {
		return !(r == '/' || r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	}) {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}

func stat(path string) (*syscall.Stat_t, bool) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return st, ok
}

// overflow is the user that stands for all whom a user namespace does not know.
const overflow = 65534

// foreignRoot reports whether the machine's root is such a one, as in a container without
// root: its files are the image's and the system's own.
func foreignRoot() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[1] == "0" {
			return false
		}
	}
	return true
}

// Where users and groups stand; tests have their own.
var passwdFile, groupFile = "/etc/passwd", "/etc/group"

// ownGroup reports whether a group is its user's own: it has his name and no other
// member. A group that is not in the system's files may have any.
func ownGroup(uid, gid uint32) bool {
	user, group := "", ""
	for _, f := range records(passwdFile, 4) {
		if f[2] == strconv.Itoa(int(uid)) && user == "" {
			user = f[0]
		}
	}
	for _, f := range records(passwdFile, 4) {
		if f[3] == strconv.Itoa(int(gid)) && f[0] != user {
			return false
		}
	}
	for _, f := range records(groupFile, 4) {
		if f[2] != strconv.Itoa(int(gid)) {
			continue
		}
		group = f[0]
		for m := range strings.SplitSeq(f[3], ",") {
			if m = strings.TrimSpace(m); m != "" && m != user {
				return false
			}
		}
	}
	return user != "" && user == group
}

// records are the lines of a file whose fields are parted by colons, of at least n.
func records(file string, n int) (list [][]string) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Split(strings.TrimSpace(line), ":"); len(f) >= n {
			list = append(list, f)
		}
	}
	return list
}
