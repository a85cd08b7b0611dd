package sources

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
	"time"

	"rtmtgrab/internal/cucmtrace"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration"
)

// namesFile is where a bundle has CUCM's own word on phones.
const namesFile = "cucm/partial-phones.json"

// maxNames bounds that file.
const maxNames = 32 << 20

// AddCUCM takes what a manifest says of CUCM: its nodes' traces and what it said of phones.
// open gives a file of the bundle by its name there; it may be called from several goroutines.
func (s *Set) AddCUCM(m evidence.Manifest, prefix string, open func(name string) (io.ReadCloser, error)) {
	for _, c := range m.CUCM {
		for _, n := range c.Nodes {
			for _, f := range n.Files {
				s.addNodeFile(m, &n, f, prefix, open)
			}
		}
	}
	if len(m.CUCM) == 0 {
		return
	}
	names, err := readNames(m.CUCM, open)
	if err != nil {
		s.notes.add("%s%s was skipped: %v", prefix, namesFile, err)
	}
	s.Names = append(s.Names, names...)
}

// addNodeFile takes a node's trace, cut to the window, or its Event Viewer's Application log.
func (s *Set) addNodeFile(m evidence.Manifest, n *evidence.CUCMNode, f evidence.File, prefix string, open func(name string) (io.ReadCloser, error)) {
	kind := map[string]string{"sdl.txt": registration.TraceSDL, "application.txt": registration.TraceApplication}[path.Base(f.Path)]
	if kind == "" || evidence.CheckName(n.Node) != nil || path.Dir(f.Path) != "cucm/"+n.Node {
		return
	}
	src := registration.TraceSource{Node: n.Node, File: prefix + f.Path, Kind: kind, Missing: f.Missing, Complete: f.Coverage == evidence.Complete,
		Place: cucmtrace.Place{Zone: zoneOf(m.TimeZone), Modified: m.Window.Until}}
	if f.First != nil {
		src.Place.First = *f.First
	}
	if n.ClockOffsetMS != nil {
		d := time.Duration(*n.ClockOffsetMS) * time.Millisecond
		src.ClockOffset = &d
	}
	s.trace(src, &part{length: -1, open: func() (io.ReadCloser, error) { return open(f.Path) }})
}

// trace adds a node's log. Its name is made one that no other has.
func (s *Set) trace(src registration.TraceSource, p *part) {
	for s.taken(src.File) {
		src.File += "'"
	}
	p.name = src.File
	l := &logFile{set: s, file: src.File, parts: []*part{p}}
	s.names[src.File] = place{log: l}
	src.Open = l.open
	s.Traces = append(s.Traces, src)
}

// readNames reads what CUCM said of phones; nil: the bundle has none.
func readNames(clusters []evidence.CUCM, open func(name string) (io.ReadCloser, error)) ([]evidence.ClusterPhones, error) {
	some := false
	for _, c := range clusters {
		some = some || c.Names != nil && c.Names.State != evidence.NamesNone
	}
	if !some {
		return nil, nil
	}
	f, err := open(namesFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxNames+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxNames {
		return nil, errors.New("it is too large")
	}
	var all evidence.PartialPhones
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("it cannot be read: %w", err)
	}
	return all.Clusters, nil
}

// addTraces takes the files that are CUCM's out of those that were found.
func (s *search) addTraces() {
	var rest []*found
	type like struct{ base, head string }
	seen := map[like]bool{}
	some := false
	for _, f := range s.found {
		some = some || f.trace != ""
	}
	for _, f := range s.found {
		k := like{f.base, string(f.head)}
		switch {
		case f.trace == "" && some && f.family == "messages" && !f.ours && path.Base(f.dir) == "syslog":
			s.set.notes.add("%s was skipped: it is CUCM's Event Viewer System log, which says nothing of registrations", f.name)
		case f.trace == "":
			rest = append(rest, f)
		case seen[k]:
			s.set.notes.add("a copy of %s in another place was skipped", f.name)
		default:
			seen[k] = true
			src := registration.TraceSource{File: f.name, Kind: f.trace, Packed: f.packed || f.cut, Place: cucmtrace.Place{Modified: f.mtime}}
			if !cucmtrace.HasHead(f.head) {
				src.Node = nodeOfPath(f.name)
			}
			s.set.trace(src, &part{length: -1, open: f.open})
		}
	}
	s.found = rest
}

// nodeOfPath is the node after which RTMT names the folder of what it downloads:
// cucm01.example.com/2026-11-28_21-31-27/cm/trace/ccm/sdl/SDL001_100_000042.txt.gz.
func nodeOfPath(name string) string {
	dirs := strings.Split(path.Dir(name), "/")
	for i := len(dirs) - 1; i >= 0; i-- {
		if d := dirs[i]; !ofCUCM.MatchString(d) && evidence.CheckName(d) == nil {
			return d
		}
	}
	base, _, _ := strings.Cut(path.Base(name), "_")
	return base // SDL001: the number of the node
}

var ofCUCM = regexp.MustCompile(`(?i)^(cm|trace|traces|ccm|sdl|syslog|log|logs|active|var|whole|cucm|\.|[0-9]{4}-[0-9]{2}-[0-9]{2}([_T-].*)?|.*\.(zip|tgz|tar|gz))$`)

// cutOff is what was unpacked of a stream that has no end.
type cutOff struct{ io.ReadCloser }

func (c cutOff) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// traceOf tells whether a beginning is that of a log of CUCM's.
func (f *found) traceOf(head []byte) bool {
	f.trace = cucmtrace.Looks(f.base, head)
	if f.trace != "" {
		f.head = bytes.Clone(head[:min(len(head), identity)])
	}
	return f.trace != ""
}
