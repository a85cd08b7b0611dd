package bundle

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rtmtgrab/internal/evidence"
)

// A stated file is one beside the hosts' logs of which the manifest has length and hash.
type stated struct {
	path   string
	bytes  int64
	sha256 string
}

// statedIn are those of a manifest.
func statedIn(m evidence.Manifest) (list []stated) {
	for _, c := range m.CUCM {
		for _, n := range c.Nodes {
			for _, f := range n.Files {
				if f.Path != "" {
					list = append(list, stated{f.Path, f.Bytes, f.SHA256})
				}
			}
		}
	}
	for _, p := range m.PRTs {
		list = append(list, stated{p.Path, p.Bytes, p.SHA256})
	}
	for _, d := range m.Diagnostics {
		if d.Path != "" {
			list = append(list, stated{d.Path, d.Bytes, d.SHA256})
		}
	}
	return list
}

// extraFolders are where what came beside the hosts' logs lies.
var extraFolders = []string{"cucm", "prt", "diagnostics"}

func isExtra(name string) bool {
	folder, _, below := strings.Cut(name, "/")
	return below && slices.Contains(extraFolders, folder)
}

// addExtra adds what came of CUCM and phones, and holds it against the manifest.
func (p *plan) addExtra(ctx context.Context, in Input) error {
	first := len(p.files)
	for _, part := range in.Extra {
		folder, _, _ := strings.Cut(part.Name, "/")
		if !isExtra(part.Name) {
			return fmt.Errorf("%q: its name must begin with cucm/, prt/ or diagnostics/", evidence.Printable(part.Name, 200))
		}
		if err := p.addParts(ctx, []Part{part}, folder+"/"); err != nil {
			return err
		}
	}
	got := map[string]planned{}
	for _, f := range p.files[first:] {
		got[f.name] = f
	}
	for _, s := range statedIn(in.Manifest) {
		switch f, ok := got[s.path]; {
		case !ok:
			return fmt.Errorf("%s: named in the manifest, but missing", evidence.Printable(s.path, 200))
		case f.size != s.bytes || f.sha256 != s.sha256:
			return fmt.Errorf("%s: it has %d bytes with SHA-256 %s, the manifest says %d with %s", s.path, f.size, f.sha256, s.bytes, s.sha256)
		}
	}
	return nil
}

// compareExtra is compareManifest for what came of CUCM and phones.
func (c *check) compareExtra(found map[string]string) {
	for _, s := range statedIn(c.manifest) {
		m, ok := c.got[s.path]
		switch {
		case found[s.path] != "":
		case !isExtra(s.path):
			c.add(manifestName, "changed: %s is no path of what came of CUCM, a phone or a diagnostic log", s.path)
			found[s.path] = "changed"
		case !ok:
			c.miss(s.path)
			found[s.path] = "missing"
		case m == nil: // damaged, said already
			found[s.path] = "changed"
		case m.n != s.bytes || m.sum() != s.sha256:
			c.add(s.path, "changed: it has %d bytes, and its SHA-256 or its length is not the one in %s", m.n, manifestName)
			found[s.path] = "changed"
		default:
			found[s.path] = "same"
		}
	}
}
