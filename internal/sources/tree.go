package sources

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
	"rtmtgrab/internal/registration"
)

// Bounds on a folder that is gone through.
const (
	maxFiles = 20_000
	maxDepth = 12
)

// addFolder takes an unpacked bundle, or every log below a folder.
func (s *search) addFolder(dir string, several bool) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	s.set.roots = append(s.set.roots, root)
	prefix := ""
	if several {
		prefix = filepath.Base(dir) + "/"
	}
	if top, ok := bundleTop(root); ok {
		return wrap(dir, s.addUnpacked(root, top, prefix))
	}
	n := 0
	return wrap(dir, fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		switch stopped := s.set.ctx.Err(); {
		case stopped != nil:
			return stopped
		case err != nil && name == ".":
			return err
		case err != nil: // the rest is read all the same
			s.set.notes.add("%s%s was skipped: %v", prefix, name, err)
			return fs.SkipDir
		}
		switch {
		case e.IsDir() && strings.Count(name, "/") >= maxDepth:
			s.set.notes.add("%s%s is nested too deep and was not read", prefix, name)
			return fs.SkipDir
		case !e.Type().IsRegular() || strings.HasSuffix(name, ".part"):
			return nil
		}
		if n++; n > maxFiles {
			return fmt.Errorf("it has more than %d files", maxFiles)
		}
		return s.addTreeFile(root, dir, prefix, name, e)
	}))
}

// addTreeFile takes a file of a folder if it is a log, and passes any other over.
func (s *search) addTreeFile(root *os.Root, dir, prefix, name string, e fs.DirEntry) error {
	st, err := e.Info()
	if err != nil {
		return err
	}
	open := func() (io.ReadCloser, error) {
		f, err := root.Open(filepath.FromSlash(name))
		if err != nil {
			return nil, err
		}
		return inflated(f)
	}
	fo := &found{dir: path.Join(filepath.ToSlash(dir), path.Dir(name)), base: path.Base(name), name: prefix + name, mtime: st.ModTime(), open: open, size: st.Size()}
	if isArchive(fo.base) && expressway.FamilyOf(fo.base, families) == "" {
		if err := s.addFile(filepath.Join(dir, filepath.FromSlash(name)), fo.name, true, st); err != nil {
			if s.set.ctx.Err() != nil || errors.Is(err, errTooMuch) || sameName(err) {
				return err
			}
			s.set.notes.add("%s was skipped: %v", fo.name, err)
		}
		return nil
	}
	ok, err := fo.look()
	switch {
	case err != nil:
		s.set.notes.add("%s was skipped: %v", fo.name, err)
	case ok:
		s.found = append(s.found, fo)
	}
	return nil
}

func isArchive(base string) bool {
	base = strings.ToLower(base)
	for _, ext := range []string{".zip", ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.bz2"} {
		if strings.HasSuffix(base, ext) {
			return true
		}
	}
	return false
}

// group joins siblings to logs, in the order of what is in them: the records' times,
// then the names.
func (s *search) group() {
	type key struct{ dir, family string }
	by := map[key][]*found{}
	var keys []key
	appliance := map[string]bool{} // folders of one; a syslog server may have a file messages too
	for _, f := range s.found {
		appliance[f.dir] = appliance[f.dir] || f.family != "" && f.family != "messages"
	}
	for _, f := range s.found {
		k := key{f.dir, f.family}
		switch {
		case f.family == "" && appliance[f.dir] && !f.named && !f.served && !isSnapshot(f.base):
			s.set.notes.add("%s was skipped: it is none of %s", f.name, strings.Join(families, ", "))
			continue
		case f.family == "":
			k.family = "/" + f.name // alone
		}
		if by[k] == nil {
			keys = append(keys, k)
		}
		by[k] = append(by[k], f)
	}
	for _, k := range keys {
		s.join(by[k])
	}
}

func isSnapshot(base string) bool { return strings.HasPrefix(base, "loggingsnapshot") }

// join makes one log of siblings.
func (s *search) join(siblings []*found) {
	siblings = s.distinct(siblings)
	slices.SortStableFunc(siblings, func(a, b *found) int {
		return cmp.Or(a.first.Compare(b.first), order(a.base, b.base))
	})
	l := &logFile{}
	src := registration.Source{Family: siblings[0].family, File: siblings[0].name}
	for _, f := range siblings {
		l.parts = append(l.parts, &part{name: f.name, open: f.open, length: -1, lenient: f.packed})
		src.MTime = latest(src.MTime, f.mtime)
	}
	if isSnapshot(siblings[0].base) {
		src.Family = "loggingsnapshot"
	}
	if one := siblings[0].host; !slices.ContainsFunc(siblings, func(f *found) bool { return f.host != one }) {
		src.Host = one
	}
	if n := len(siblings); n > 1 {
		src.File = fmt.Sprintf("%s (%d files)", path.Join(path.Dir(siblings[0].name), siblings[0].family), n)
	}
	s.set.source(src, l)
}

// hostOfName is the host after which a syslog server named a file or its folder:
// 10.0.30.2.log, expc01-20260302.gz, expe01.example.com/syslog.log.
func hostOfName(dir, base string) string {
	for _, name := range []string{base, path.Base(dir)} {
		name = strings.TrimRight(notOfHost.ReplaceAllString(name, ""), ".-_")
		if ours := expressway.FamilyOf(name, families) != "" || isSnapshot(name); ours || usualName.MatchString(name) || evidence.CheckName(name) != nil {
			continue
		}
		return name
	}
	return ""
}

var (
	notOfHost = regexp.MustCompile(`(?i)(\.(log|txt)(\.[0-9]{1,3})?|\.(gz|zst|bz2|old)|(^|[-_.])[0-9]{4}-?[0-9]{2}-?[0-9]{2}([-_T][0-9]{2,6})?)+$`)
	usualName = regexp.MustCompile(`(?i)^(syslog|local[0-7]|user|all|remote|logs?|daemon|hosts?|[0-9-]*)$`)
)

// order puts network_log.2 before network_log.1, and the bare name last.
func order(a, b string) int {
	switch {
	case a == b:
		return 0
	case expressway.NaturalLess(a, b):
		return 1
	}
	return -1
}

// distinct leaves out siblings that are the beginning of another: a copy that a
// rotation left, or that was made twice. Files are told by their first bytes; of
// two the longer stays, and of a compressed one the length is not known.
func (s *search) distinct(siblings []*found) []*found {
	var out []*found
next:
	for _, f := range siblings {
		for i, o := range out {
			n := min(len(f.head), len(o.head))
			if !bytes.Equal(f.head[:n], o.head[:n]) {
				continue
			}
			if longer(f, o) {
				out[i], o = f, f
			}
			s.set.notes.add("a copy of %s under another name was skipped", o.name)
			continue next
		}
		out = append(out, f)
	}
	return out
}

func longer(b, a *found) bool {
	if a.packed != b.packed {
		return a.packed
	}
	return b.size > a.size
}
