package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/wiring"
)

// about is what a notice says of an incident.
func (t *Notifier) about(ctx context.Context, in incident.Incident, e incidentEvent) (channel.Incident, error) {
	m, err := oneshot.ManifestOf(t.store, in)
	if err != nil {
		return channel.Incident{}, err
	}
	n := channel.Incident{Key: in.Key, Incident: in.ID, Revision: in.Revision, Site: in.Site, TimeZone: in.TimeZone, Window: m.Asked, Coverage: string(m.Coverage), Found: e.found}
	if e.What == runner.EventSealed || !in.Fleet.IsZero() {
		n.Key = in.ID // final then, and the same at all collectors of a site, who may not have known of each other yet
	}
	n.CUCM = namesOf(t.store, in.Key)
	if e.What == runner.EventFirstPass {
		n.Coverage = string(e.Coverage)
	}
	for i, a := range m.Alerts {
		n.Machines = append(n.Machines, a.Cluster, a.Node)
		if i == channel.MaxAlerts {
			n.More = len(m.Alerts) - i
			break
		}
		n.Alerts = append(n.Alerts, shown(alertLine(a)))
	}
	for _, h := range m.Hosts {
		n.Hosts = append(n.Hosts, channel.Host{Host: h.Host, Coverage: string(h.Coverage), Error: shown(h.Error)})
	}
	if e.What != runner.EventSealed {
		return n, nil
	}
	switch sealed, err := bundle.ReadManifest(in.Bundle); {
	case err != nil:
	case sealed.Registration != nil:
		n.Found = registrationTold(sealed.Registration)
		n.Verdict = n.Found.Summary
	case sealed.NoReport != "":
		n.Found = &channel.Registration{Why: shown("the bundle has no report: " + sealed.NoReport + "; grab retry adds it")}
	}
	if k := len(in.Revisions); k > 0 {
		n.Late = in.Revisions[k-1].Late
	}
	if t.News.Handed != nil {
		n.Handed, _ = t.News.Handed(in)
	}
	n.Bundle = in.Bundle
	n.Size, n.SHA256, err = sumFile(ctx, in.Bundle)
	if errors.Is(err, fs.ErrNotExist) { // keep.age, or a person, was faster
		n.Bundle, err = "", nil
	}
	return n, err
}

func alertLine(a evidence.Alert) string {
	line := a.Time.UTC().Format("15:04:05 UTC") + " " + a.Name
	if a.Node != "" {
		line += " on " + a.Node
	}
	if a.Cluster != "" {
		line += " (" + a.Cluster + ")"
	}
	if !a.IsMail() {
		line += ", by " + a.Way()
	}
	return line
}

// sumFile is a file's size and SHA-256.
func sumFile(ctx context.Context, name string) (int64, string, error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(wiring.UntilDone(ctx, h), f)
	return n, hex.EncodeToString(h.Sum(nil)), err
}

// shown is text out of a mail or from a host, for a notice or the log.
func shown(s string) string { return evidence.Printable(s, 300) }

// atomicfileDir makes the folder of a file.
func atomicfileDir(file string) error { return atomicfile.MkdirAll(filepath.Dir(file)) }

func addressDomain(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }
