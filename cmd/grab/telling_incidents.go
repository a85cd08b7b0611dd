package main

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
	"sync"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/notice"
)

// incidentNews is what happened to incidents and was not told yet.
type incidentNews struct {
	mu      sync.Mutex
	waiting []incident.Event
	wake    chan struct{} // nil: nobody listens
}

const tellAgain = 30 * time.Second // after a notice of an incident could not be kept

// listen says whether anybody wants to know.
func (n *incidentNews) listen(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !on {
		n.wake, n.waiting = nil, nil
	} else if n.wake == nil {
		n.wake = make(chan struct{}, 1)
	}
}

// event takes down what is to be told of incidents.
func (t *telling) event(e incident.Event) {
	if e.What != incident.EventFirstPass && e.What != incident.EventSealed {
		return
	}
	n := &t.news
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.wake == nil {
		return
	}
	n.waiting = append(n.waiting, e)
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// toldIncidents is what was told, on disk.
type toldIncidents struct {
	Born time.Time               `json:"born"` // older incidents are not spoken of
	Told map[string]toldIncident `json:"told"` // by key
}

type toldIncident struct {
	Copied bool `json:"copied"`
	Sealed int  `json:"sealed"` // the highest revision
}

// tellIncidents tells of incidents until ctx ends, and first of those that were
// sealed when nobody could be told.
func (t *telling) tellIncidents(ctx context.Context, desk *notice.Desk, wake <-chan struct{}) {
	file := filepath.Join(t.store.Dir, "notices-incidents.json")
	told := toldIncidents{}
	if err := atomicfile.ReadJSON(file, &told); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.log.Error("notices of incidents of earlier runs", "err", err)
	}
	if told.Born.IsZero() || told.Told == nil {
		told = toldIncidents{Born: time.Now().UTC(), Told: map[string]toldIncident{}}
		if err := atomicfile.WriteJSON(file, told); err != nil {
			t.log.Warn("notices of incidents cannot be kept", "err", err)
		}
	}
	todo := t.missed(&told)
	for {
		t.news.mu.Lock()
		todo, t.news.waiting = append(todo, t.news.waiting...), nil
		t.news.mu.Unlock()
		var left []incident.Event
		for _, e := range todo {
			if err := t.tellIncident(ctx, desk, file, &told, e); err != nil && ctx.Err() == nil {
				t.log.Warn("a notice of an incident must wait", "incident", e.Incident, "err", err)
				left = append(left, e)
			}
		}
		todo = left
		var again <-chan time.Time
		if len(left) > 0 {
			again = time.After(tellAgain)
		}
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-again:
		}
	}
}

// missed finds incidents that were sealed and not told, and forgets those that are
// no more.
func (t *telling) missed(told *toldIncidents) (todo []incident.Event) {
	list, err := t.store.List()
	if err != nil {
		t.log.Warn("incidents that nobody was told of", "err", err)
		return nil
	}
	there := map[string]bool{}
	for _, l := range list {
		in, err := t.store.Load(l.Incident)
		if err != nil {
			continue // removed just now
		}
		there[in.Key] = true
		if in.State == incident.Sealed && in.Created.After(told.Born) && told.Told[in.Key].Sealed == 0 {
			todo = append(todo, incident.Event{What: incident.EventSealed, Incident: in.ID, Key: in.Key})
		}
	}
	for key := range told.Told {
		if !there[key] {
			delete(told.Told, key)
		}
	}
	return todo
}

// tellIncident tells one thing, once.
func (t *telling) tellIncident(ctx context.Context, desk *notice.Desk, file string, told *toldIncidents, e incident.Event) error {
	in, err := t.store.Load(e.Incident)
	if errors.Is(err, incident.ErrNotFound) || err == nil && in.Kind != incident.KindAlert {
		return nil // merged, removed, or a person's own, who sees it
	}
	if err != nil {
		return err
	}
	was := told.Told[in.Key]
	now, kind := was, notice.KindCopied
	if e.What == incident.EventSealed {
		now.Sealed, kind = max(was.Sealed, in.Revision), notice.KindSealed
	}
	now.Copied = true
	if now == was || kind == notice.KindCopied && was.Sealed > 0 {
		return nil
	}
	about, err := t.about(ctx, in, e)
	if err != nil {
		return err
	}
	if err := desk.Tell(notice.Told(time.Now(), kind, about, in.Revision)); err != nil {
		return err
	}
	told.Told[in.Key] = now
	if err := atomicfile.WriteJSON(file, *told); err != nil {
		return err
	}
	t.log.Info("notice", "kind", kind, "incident", in.ID)
	return nil
}

// about is what a notice says of an incident.
func (t *telling) about(ctx context.Context, in incident.Incident, e incident.Event) (notice.Incident, error) {
	m, err := manifestOf(t.store, in)
	if err != nil {
		return notice.Incident{}, err
	}
	n := notice.Incident{Incident: in.ID, Site: in.Site, Window: m.Asked, Coverage: string(m.Coverage)}
	if e.What == incident.EventFirstPass {
		n.Coverage = string(e.Coverage)
	}
	for i, a := range m.Alerts {
		if i == notice.MaxAlerts {
			n.More = len(m.Alerts) - i
			break
		}
		n.Alerts = append(n.Alerts, shown(alertLine(a)))
	}
	for _, h := range m.Hosts {
		n.Hosts = append(n.Hosts, notice.Host{Host: h.Host, Coverage: string(h.Coverage), Error: shown(h.Error)})
	}
	if e.What != incident.EventSealed {
		return n, nil
	}
	if sealed, err := bundle.ReadManifest(in.Bundle); err == nil && sealed.Registration != nil {
		n.Verdict = shown(sealed.Registration.Summary)
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
	n, err := io.Copy(cancelled{ctx, h}, f)
	return n, hex.EncodeToString(h.Sum(nil)), err
}

// shown is text out of a mail or from a host, for a notice or the log.
func shown(s string) string { return evidence.Printable(s, 300) }

// atomicfileDir makes the folder of a file.
func atomicfileDir(file string) error { return atomicfile.MkdirAll(filepath.Dir(file)) }

func addressDomain(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }
