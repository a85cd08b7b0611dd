//go:build !windows

package access

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTrusted(t *testing.T) {
	dir := t.TempDir()
	groupFile, passwdFile = filepath.Join(dir, "group"), filepath.Join(dir, "passwd")
	defer func() { groupFile, passwdFile = "/etc/group", "/etc/passwd" }()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	sub := filepath.Join(dir, "a b")
	file := filepath.Join(sub, "grab.yaml")
	must(os.Mkdir(sub, 0o700))
	must(os.WriteFile(file, nil, 0o600))
	link := filepath.Join(dir, "link")
	must(os.Symlink(file, link))
	for _, c := range []struct {
		dir, file os.FileMode
		fix       string // "": it is trusted
	}{
		{0o700, 0o600, ""}, {0o755, 0o644, ""}, {0o755 | os.ModeSticky, 0o644, ""}, {0o777 | os.ModeSticky, 0o600, ""},
		{0o700, 0o602, "chmod go-w 'FILE'"}, {0o700, 0o666, "chmod go-w 'FILE'"}, {0o700, 0o620, "chmod g-w 'FILE'"},
		{0o777, 0o600, "chmod go-w 'DIR'"}, {0o770, 0o600, "chmod g-w 'DIR'"}, {0o702, 0o600, "chmod go-w 'DIR'"},
	} {
		must(os.Chmod(sub, c.dir))
		must(os.Chmod(file, c.file))
		want := strings.NewReplacer("FILE", file, "DIR", sub).Replace(c.fix)
		for _, name := range []string{file, link} {
			err := Trusted(name, false)
			l, _ := err.(*Loose)
			got := ""
			if l != nil {
				got = l.Fix[len(l.Fix)-1]
				got = strings.ReplaceAll(got, "'"+link+"'", "'"+file+"'")
				got = strings.ReplaceAll(got, link, "'"+file+"'")
			}
			if (err == nil) != (c.fix == "") || l != nil && got != want && l.Fix[0] != want {
				t.Errorf("%04o %04o %s: %v, %q; want %q", c.dir, c.file, name, err, got, want)
			}
		}
	}
	must(os.Chmod(sub, 0o777))
	if Trusted(filepath.Join(sub, "not there", "yet"), true) == nil {
		t.Error("what is not there yet, in a folder of everybody's, is trusted")
	}
}

func TestOwnGroup(t *testing.T) {
	dir := t.TempDir()
	groupFile, passwdFile = filepath.Join(dir, "group"), filepath.Join(dir, "passwd")
	defer func() { groupFile, passwdFile = "/etc/group", "/etc/passwd" }()
	files := map[string]string{
		passwdFile: "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/:/x\nbob:x:1001:1001::/:/x\neve:x:1002:1003::/:/x\ncid:x:1003:1003::/:/x\n",
		groupFile:  "root:x:0:\nann:x:1000:ann\nbob:x:1001:eve\nstaff:x:1005:\ncid:x:1003:\n",
	}
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		uid, gid uint32
		want     bool
	}{
		{1000, 1000, true}, {0, 0, true},
		{1001, 1001, false}, // eve is a member
		{1003, 1003, false}, // it is eve's first group too
		{1000, 1005, false}, // another name
		{1000, 1001, false}, {1000, 9, false}, {7, 7, false},
	} {
		if got := ownGroup(c.uid, c.gid); got != c.want {
			t.Errorf("user %d, group %d: %v", c.uid, c.gid, got)
		}
	}
}
