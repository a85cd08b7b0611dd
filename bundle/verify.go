package bundle

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"rtmtgrab/bundle/custody"
	"rtmtgrab/bundle/seal"
	"rtmtgrab/internal/evidence"
)

// A Bad is a file of a bundle that is not as it was written: by its name
// inside the top folder, or the archive itself by its own file name.
type Bad struct {
	File string `json:"file"` // printable
	What string `json:"what"`
}

// A Result is what Verify found; its JSON is that of `grab verify --json`.
type Result struct {
	OK       bool              `json:"ok"`
	Bad      []Bad             `json:"bad"` // never nil
	Manifest evidence.Manifest `json:"-"`   // zero if it could not be read

	Signature string        `json:"signature"`         // one of Signature…
	Key       string        `json:"key,omitempty"`     // the ID of the key that it is said to be of
	Custody   *custody.Head `json:"custody,omitempty"` // the end of its own chain; absent in bundles of earlier versions

	Sums string `json:"-"` // SHA-256 of the list of sums; empty if it could not be read
	Size int64  `json:"-"` // of all files in it

	files []planned // that could be read, in the archive's order
}

// Chain is where the chain of custody of the bundle ends, and what is done with it goes on.
// That of a version without one begins with the sums; the zero value is no bundle's.
func (r Result) Chain() custody.Head {
	if r.Custody != nil {
		return *r.Custody
	}
	return custody.Head{Hash: r.Sums}
}

// Verify reads a whole bundle and says what was changed, is missing or was
// added since it was written. With keys a signature that is not one of theirs is bad too;
// without any the sums decide. Contents are only hashed, never kept or stored,
// so that any archive can be given. An error means that the file could not be
// read at all, or that ctx is done; a file that is no bundle is a bad one.
func Verify(ctx context.Context, path string, keys ...seal.PublicKey) (Result, error) {
	res, _, err := verifyFile(ctx, path, -1, 0, keys...)
	if err != nil {
		return Result{}, fmt.Errorf("verify %s: %w", path, err)
	}
	return res, nil
}

// verifyFile also gives the seal that the archive's bytes ask for. A format of
// -1 is found out; holds is that of budgetOf.
func verifyFile(ctx context.Context, path string, f format, holds int64, keys ...seal.PublicKey) (Result, string, error) {
	file, size, err := openBundle(path)
	if err != nil {
		return Result{}, "", err
	}
	defer file.Close()
	if f < 0 {
		var ok bool
		if f, ok = sniff(path, file); !ok {
			return notBundle(path), "", nil
		}
	}
	return verify(ctx, printable(filepath.Base(path)), f, file, size, budgetOf(size, holds), keys...)
}

func notBundle(path string) Result {
	return Result{Bad: []Bad{{printable(filepath.Base(path)), noFormat}}, Signature: SignatureMissing}
}

func verify(ctx context.Context, archive string, f format, r io.ReaderAt, size int64, most *budget, keys ...seal.PublicKey) (Result, string, error) {
	seal, sealOK, err := readSeal(ctx, f, r, size)
	if err != nil {
		return Result{}, "", err
	}
	c := &check{archive: archive, ctx: ctx, names: nameSet{}, got: map[string]*meter{}}
	if f == formatZip {
		err = c.zip(r, size, most)
	} else {
		err = walkTar(ctx, f, r, size, most, c.visit)
	}
	if err != nil {
		if ctx.Err() != nil {
			return Result{}, "", ctx.Err()
		}
		c.broken = true
		c.add(archive, "damaged, cannot be read to its end: %v", err)
	}
	c.compare()
	signature, key := c.signature(keys)
	if !sealOK && len(c.bad) == 0 {
		c.add(archive, "the archive was changed or cut outside the files in it; those are intact")
	}
	res := Result{OK: len(c.bad) == 0, Bad: append([]Bad{}, c.bad...), Manifest: c.manifest, Signature: signature, Key: key}
	if c.head.N > 0 {
		res.Custody = &c.head
	}
	if m := c.got[sumsName]; m != nil {
		res.Sums = m.sum()
	}
	for _, name := range c.order {
		if m := c.got[name]; m != nil {
			res.Size += m.n
			res.files = append(res.files, planned{name: name, size: m.n, sha256: m.sum()})
		}
	}
	return res, seal, nil
}

// A check is one verification: what was found on the way through the archive.
type check struct {
	archive  string
	ctx      context.Context // of this one call
	bad      []Bad
	names    nameSet
	admitted int               // files
	got      map[string]*meter // by name inside the top folder; nil: cannot be read
	order    []string          // of their names
	top      string
	manifest evidence.Manifest
	readable bool              // the manifest
	sums     map[string]string // name to SHA-256; nil if they cannot be read
	broken   bool              // not all of the archive could be gone through
	signed   signed
	head     custody.Head // of its chain
}

func (c *check) add(file, format string, args ...any) {
	c.bad = append(c.bad, Bad{printable(file), printable(fmt.Sprintf(format, args...))})
}

// miss notes a file that was not come upon.
func (c *check) miss(file string) {
	if c.broken {
		c.add(file, "cannot be read: in or behind the damaged part")
		return
	}
	c.add(file, "missing")
}

// maxSums is room for maxEntries lines of the longest names.
const maxSums = maxEntries * 256

var sumRE = regexp.MustCompile(`^([0-9a-f]{64})  ([A-Za-z0-9._/-]{1,250})$`)

func readSums(r io.Reader) (map[string]string, error) {
	sums := map[string]string{}
	most := &io.LimitedReader{R: r, N: maxSums + 1}
	lines := bufio.NewScanner(most)
	lines.Split(scanLF)
	for n := 1; lines.Scan(); n++ {
		part := sumRE.FindStringSubmatch(lines.Text())
		if part == nil || n > maxEntries {
			return nil, fmt.Errorf("line %d is not \"<SHA-256>  <name>\"", n)
		}
		if _, twice := sums[part[2]]; twice {
			return nil, fmt.Errorf("line %d names %s again", n, part[2])
		}
		sums[part[2]] = part[1]
	}
	if most.N <= 0 {
		return nil, fmt.Errorf("larger than %d MiB", maxSums>>20)
	}
	return sums, lines.Err()
}

// scanLF splits at line feeds and nothing else, so that each line is exact.
func scanLF(data []byte, atEOF bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return 0, nil, errors.New("its last line is not complete")
	}
	return 0, nil, nil
}

// compare holds what was found against the sums and against the manifest.
func (c *check) compare() {
	if len(c.got) == 0 {
		if len(c.bad) == 0 {
			c.add(c.archive, "damaged: no file in it")
		}
		return // nothing is known but that
	}
	logs := c.compareManifest()
	for _, name := range []string{readmeName, manifestName, sumsName} {
		if _, ok := c.got[name]; !ok {
			c.miss(name)
		}
	}
	if c.sums == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(c.got)) {
		m, want := c.got[name], c.sums[name]
		switch {
		case name == sumsName || name == signatureName || m == nil:
		case want == "":
			c.add(name, "added: %s does not name it", sumsName)
		case m.sum() == want || logs[name] == "changed":
		case logs[name] == "same":
			c.add(sumsName, "changed: its SHA-256 of %s is not the one in %s", name, manifestName)
		default:
			c.add(name, "changed: its SHA-256 is not the one in %s", sumsName)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.sums)) {
		_, found := c.got[name]
		if !found && logs[name] != "missing" && name != readmeName && name != manifestName && name != sumsName && name != signatureName {
			c.miss(name)
		}
	}
}

// compareManifest tells of each log and mail that the manifest names whether it
// is "same", "changed" or "missing"; the latter two are noted as bad.
func (c *check) compareManifest() map[string]string {
	found := map[string]string{}
	if !c.readable {
		return found
	}
	if c.manifest.Incident == "" || Name(c.manifest) != c.top {
		c.add(manifestName, "changed: it is of %q, the top folder is %q", Name(c.manifest), c.top)
	}
	for _, h := range c.manifest.Hosts {
		for _, f := range h.Files {
			if f.Path != "" {
				found[f.Path] = c.compareLog(h.Host, f)
			}
		}
	}
	c.compareExtra(found)
	for _, a := range c.manifest.Alerts {
		if _, ok := c.got[a.File]; a.File != "" && !ok && found[a.File] == "" {
			c.miss(a.File)
			found[a.File] = "missing"
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.got)) {
		if strings.HasPrefix(name, "hosts/") && found[name] == "" {
			c.add(name, "added: %s does not name it", manifestName)
			found[name] = "changed"
		}
	}
	return found
}

func (c *check) compareLog(host string, f evidence.File) string {
	m, ok := c.got[f.Path]
	switch {
	case f.Path != logName(host, f.Family):
		c.add(manifestName, "changed: %s is not the path of %s of %s", f.Path, f.Family, host)
		return "changed"
	case !ok:
		c.miss(f.Path)
		return "missing"
	case m == nil: // damaged, said already
		return "changed"
	case m.n != f.Bytes:
		c.add(f.Path, "changed: it has %d bytes, %s says %d", m.n, manifestName, f.Bytes)
		return "changed"
	case m.sum() != f.SHA256:
		c.add(f.Path, "changed: its SHA-256 is not the one in %s", manifestName)
		return "changed"
	}
	return "same"
}
