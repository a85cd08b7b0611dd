package sources

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/registration"
)

// Of makes a Set of the logs that a manifest names, with a temporary file in the
// folder dir. open gives the log of a host and family that has a Path; it may be
// called from several goroutines.
func Of(ctx context.Context, dir string, m evidence.Manifest, open func(host, family string) (io.ReadCloser, error)) *Set {
	s := newSet(ctx, dir)
	s.addManifest(m, "", func(h, family, _ string) (io.ReadCloser, error) { return open(h, family) })
	return s
}

// addBundle takes the logs of a bundle; false: the file is none.
func (s *search) addBundle(path, prefix string) bool {
	m, err := bundle.ReadManifest(path)
	if err != nil {
		return false
	}
	names, err := bundle.Names(s.set.ctx, path)
	if _, same := errors.AsType[*evidence.SameName](err); same {
		return false // whoever takes it for another archive says so
	}
	open := func(name string) (io.ReadCloser, error) {
		if err == nil && !names[name] { // the whole archive is not gone through for it
			return nil, fmt.Errorf("read %s of %s: %w", evidence.Printable(name, 200), path, fs.ErrNotExist)
		}
		return pipe(func(w io.Writer) error {
			return bundle.ReadFile(s.set.ctx, path, name, func(r io.Reader) error {
				_, err := io.Copy(w, r)
				return err
			})
		}), nil
	}
	s.set.addManifest(m, prefix, func(_, _, name string) (io.ReadCloser, error) { return open(name) })
	s.set.AddCUCM(m, prefix, open)
	return true
}

// pipe runs what writes beside what reads.
func pipe(write func(io.Writer) error) io.ReadCloser {
	pr, pw := io.Pipe()
	done := make(chan struct{})
	go func() { // ends when all is written, or with Close
		defer close(done)
		b := bufio.NewWriterSize(pw, 256<<10)
		err := write(b)
		if err == nil {
			err = b.Flush()
		}
		pw.CloseWithError(err)
	}()
	return &piped{pr, done}
}

type piped struct {
	*io.PipeReader
	done chan struct{}
}

func (p *piped) Close() error {
	err := p.PipeReader.Close()
	<-p.done
	return err
}

// bundleTop finds a manifest in a folder, or in the one folder in it.
func bundleTop(root *os.Root) (string, bool) {
	if _, err := root.Stat("manifest.json"); err == nil {
		return ".", true
	}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil || len(entries) != 1 || !entries[0].IsDir() {
		return "", false
	}
	top := entries[0].Name()
	_, err = root.Stat(filepath.Join(top, "manifest.json"))
	return top, err == nil
}

// addUnpacked takes the logs of a bundle that was unpacked.
func (s *search) addUnpacked(root *os.Root, top, prefix string) error {
	f, err := root.Open(filepath.Join(top, "manifest.json"))
	if err != nil {
		return err
	}
	defer f.Close()
	m, err := bundle.DecodeManifest(f)
	if err != nil {
		return fmt.Errorf("manifest.json: %w", err)
	}
	open := func(name string) (io.ReadCloser, error) {
		return root.Open(filepath.Join(top, filepath.FromSlash(name)))
	}
	s.set.addManifest(m, prefix, func(_, _, name string) (io.ReadCloser, error) { return open(name) })
	s.set.AddCUCM(m, prefix, open)
	return nil
}

// maxLogs bounds how many logs of one bundle are read: each is looked for in the archive.
const maxLogs = 5_000

// addManifest takes what a manifest says of each log, of those too that are missing.
func (s *Set) addManifest(m evidence.Manifest, prefix string, open func(host, family, name string) (io.ReadCloser, error)) {
	s.addIncident(m)
	logs := 0
	for _, h := range m.Hosts {
		for _, f := range h.Files {
			if logs++; logs > maxLogs {
				s.notes.add("a manifest names more than %d logs: those beyond were left out", maxLogs)
				return
			}
			if evidence.CheckName(h.Host) != nil || evidence.CheckName(f.Family) != nil || f.Path != "" && f.Path != bundle.LogName(h.Host, f.Family) {
				s.notes.add("a log was skipped, its name in the manifest is not allowed in a bundle: %s", f.Path)
				continue
			}
			src := registration.Source{Host: h.Host, Role: h.Role, Family: f.Family, File: prefix + f.Path, Zone: zoneOf(m.TimeZone), MTime: m.Window.Until,
				Missing: f.Missing, Complete: f.Coverage == evidence.Complete}
			if h.ClockOffsetMS != nil {
				d := time.Duration(*h.ClockOffsetMS) * time.Millisecond
				src.ClockOffset = &d
			}
			for _, from := range f.Sources {
				src.MTime = latest(src.MTime, from.MTime)
			}
			l := &logFile{joints: jointsOf(f.Sources), parts: []*part{{length: -1, open: func() (io.ReadCloser, error) { return open(h.Host, f.Family, f.Path) }}}}
			if f.Path == "" {
				src.File = fmt.Sprintf("%s%s of %s (nothing copied)", prefix, f.Family, h.Host)
				l.parts = nil
			}
			s.source(src, l)
		}
	}
}

// jointsOf is where in a slice the ranges begin that it was joined of, but the first one.
func jointsOf(ranges []evidence.Source) (all []int64) {
	var at int64
	for i, r := range ranges[:min(len(ranges), maxLogs)] {
		if i > 0 {
			all = append(all, at)
		}
		at += max(r.Length, 0)
	}
	return all
}

// addIncident takes up what a manifest says beside its logs.
func (s *Set) addIncident(m evidence.Manifest) {
	switch {
	case m.Asked.Empty():
	case s.Window.Empty():
		s.Window = m.Asked
	default:
		s.Window = s.Window.Union(m.Asked)
	}
	if s.TimeZone == "" {
		s.TimeZone = m.TimeZone
	}
	s.Alerts = withNew(s.Alerts, m.Alerts, func(a evidence.Alert) string { return a.ID })
	s.PhonesNamed = withNew(s.PhonesNamed, m.PhonesNamed, func(name string) string { return name })
	s.Before = withNew(s.Before, m.Before, func(p evidence.PastPhone) string { return p.Device })
	s.addTaken(m)
	for _, c := range m.CUCM {
		s.PhonePage = cmp.Or(s.PhonePage, pageOf(c.Admin))
	}
	known := map[string]bool{}
	for _, h := range m.Hosts {
		known[evidence.BareAddress(h.Address)], known[evidence.BareAddress(h.Host)] = true, true
		for _, a := range h.OwnAddresses {
			known[evidence.BareAddress(a)] = true
		}
	}
	var named []string
	for _, h := range m.Hosts {
		for _, p := range h.PeersNamed {
			if p = evidence.BareAddress(p); p != "" && !known[p] {
				named = append(named, p)
			}
		}
	}
	s.Peers = withNew(s.Peers, named, func(name string) string { return name })
}

// withNew is a list with what of more is not in it, each once.
func withNew[T any](list, more []T, name func(T) string) []T {
	seen := map[string]bool{}
	for _, v := range list {
		seen[name(v)] = true
	}
	for _, v := range more {
		if n := name(v); !seen[n] {
			seen[n] = true
			list = append(list, v)
		}
	}
	return list
}

// addTaken takes up what a bundle has beside its logs, and what was done since.
func (s *Set) addTaken(m evidence.Manifest) {
	for _, p := range m.PRTs {
		if !slices.ContainsFunc(s.Taken.PRTs, func(o evidence.PRT) bool { return o.Path == p.Path && o.SHA256 == p.SHA256 }) {
			s.Taken.PRTs = append(s.Taken.PRTs, p)
		}
	}
	for _, r := range m.Resets { // of several bundles the last knows most
		s.Taken.Resets = slices.DeleteFunc(s.Taken.Resets, func(o evidence.Reset) bool { return o.Device == r.Device && o.At.Equal(r.At) && o.Open() })
		if !slices.ContainsFunc(s.Taken.Resets, func(o evidence.Reset) bool { return o.Device == r.Device && o.At.Equal(r.At) }) {
			s.Taken.Resets = append(s.Taken.Resets, r)
		}
	}
	s.Taken.CUCM = append(s.Taken.CUCM, m.CUCM...)
}

// pageOf is a link, if it is one that a person may be sent to.
func pageOf(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(link) > 300 {
		return ""
	}
	return evidence.Printable(u.String(), 300)
}
