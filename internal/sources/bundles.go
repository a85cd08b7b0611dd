package sources

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	if _, same := errors.AsType[*evidence.SameName](bundle.CheckNames(s.set.ctx, path)); same {
		return false // whoever takes it for another archive says so
	}
	open := func(name string) (io.ReadCloser, error) {
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

// addManifest takes what a manifest says of each log, of those too that are missing.
func (s *Set) addManifest(m evidence.Manifest, prefix string, open func(host, family, name string) (io.ReadCloser, error)) {
	s.addIncident(m)
	for _, h := range m.Hosts {
		for _, f := range h.Files {
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
			l := &logFile{parts: []*part{{length: -1, open: func() (io.ReadCloser, error) { return open(h.Host, f.Family, f.Path) }}}}
			if f.Path == "" {
				src.File = fmt.Sprintf("%s%s of %s (nothing copied)", prefix, f.Family, h.Host)
				l.parts = nil
			}
			s.source(src, l)
		}
	}
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
	for _, a := range m.Alerts {
		if !slices.ContainsFunc(s.Alerts, func(b evidence.Alert) bool { return a.ID == b.ID }) {
			s.Alerts = append(s.Alerts, a)
		}
	}
	for _, p := range m.PhonesNamed {
		if !slices.Contains(s.PhonesNamed, p) {
			s.PhonesNamed = append(s.PhonesNamed, p)
		}
	}
	for _, b := range m.Before {
		if !slices.ContainsFunc(s.Before, func(o evidence.PastPhone) bool { return o.Device == b.Device }) {
			s.Before = append(s.Before, b)
		}
	}
	for _, c := range m.CUCM {
		s.PhonePage = cmp.Or(s.PhonePage, pageOf(c.Admin))
	}
	known := map[string]bool{}
	for _, h := range m.Hosts {
		known[bare(h.Address)], known[bare(h.Host)] = true, true
		for _, a := range h.OwnAddresses {
			known[bare(a)] = true
		}
	}
	for _, h := range m.Hosts {
		for _, p := range h.PeersNamed {
			if p = bare(p); p != "" && !known[p] && !slices.Contains(s.Peers, p) {
				s.Peers = append(s.Peers, p)
			}
		}
	}
}

// pageOf is a link, if it is one that a person may be sent to.
func pageOf(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(link) > 300 {
		return ""
	}
	return evidence.Printable(u.String(), 300)
}

// bare is an address or a name without its port, folded.
func bare(a string) string {
	a = strings.ToLower(strings.TrimSpace(a))
	if ap, err := netip.ParseAddrPort(a); err == nil {
		return ap.Addr().Unmap().String()
	}
	if ip, err := netip.ParseAddr(strings.Trim(a, "[]")); err == nil {
		return ip.Unmap().String()
	}
	host, _, _ := strings.Cut(a, ":")
	return strings.TrimSuffix(host, ".")
}
