package cucmlab

import (
	"bytes"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/lab/mra"
)

// The names of services and logs, as selectLogFiles knows them.
const (
	CallManager      = "Cisco CallManager"
	AMC              = "Cisco AMC Service"
	EventApplication = "Event Viewer-Application Log"
	EventSystem      = "Event Viewer-System Log"
	everything       = "/var/log/active"
	openSuffix       = ".gzo" // of a file that is still being written
	otherServices    = "Cisco CTIManager|Cisco Tftp|Cisco Extension Mobility|Cisco DRF Local|Cisco RIS Data Collector"
	otherLogs        = "Cisco Syslog Agent|Event Viewer-Security Log|Netdump Logs|Packet Capture Logs"
)

// A File is one of a node's, as it is now.
type File struct {
	Log      string    // the service or system log that it belongs to; empty: none lists it
	System   bool      // Log is a system log
	Path     string    // below /var/log/active
	Size     int64     // as it is listed
	First    time.Time // what it tells of begins there; zero: not known
	Modified time.Time
	Open     func() (io.ReadCloser, error) // its contents, which may have grown since
}

// A Source has files of nodes. It is asked anew for each request.
type Source interface {
	Files(node string) []File // node is the FQDN
}

// FileOf is a file whose contents are at hand.
func FileOf(log, name string, modified time.Time, contents []byte) File {
	return File{Log: log, Path: name, Size: int64(len(contents)), Modified: modified,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(contents)), nil }}
}

// Fixed are files that do not change, by the node's FQDN; those of "" every node has.
type Fixed map[string][]File

// Files are those of one node.
func (f Fixed) Files(node string) []File { return slices.Concat(f[""], f[node]) }

// files are all of a node's, by path.
func filesOn(c *Cluster, n *Node) []File {
	var out []File
	sources := slices.Clone(c.cfg.Sources)
	if c.cfg.Site != nil {
		sources = append(sources, siteFiles{c.cfg.Site})
	}
	for _, s := range sources {
		for _, f := range s.Files(n.FQDN) {
			if within(c, f) {
				out = append(out, f)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// within keeps files of the nodes where CUCM's are.
func within(c *Cluster, f File) bool { return strings.HasPrefix(path.Clean(f.Path), everything+"/") }

// siteFiles are those that the nodes of a Site write.
type siteFiles struct{ site *mra.Site }

// Files are those of one node. What an SDL file tells of begins where the one before ends.
func (s siteFiles) Files(node string) []File {
	var out []File
	var last time.Time
	for _, f := range s.site.TraceFiles(node) {
		file := File{Path: f.Path, Size: f.Size, Modified: f.Modified, Open: func() (io.ReadCloser, error) {
			b, err := s.site.ReadTrace(node, f.Path)
			return io.NopCloser(bytes.NewReader(b)), err
		}}
		switch f.Kind {
		case mra.SDL:
			file.Log, file.First = CallManager, last
			last = f.Modified
		case mra.AlertLog:
			file.Log = AMC
		case mra.Application:
			file.Log, file.System = EventApplication, true
		case mra.System:
			file.Log, file.System = EventSystem, true
		}
		out = append(out, file)
	}
	return out
}
