// Package masking makes of a bundle one that may go to people outside: without
// credentials, or also without anything that tells who and where. Logs, mails, manifest,
// README, report and packets are all masked or made anew from what was masked.
//
// It guarantees that the masked bundle appears under its name only when it was searched
// whole for what was replaced, and when the map that turns names back is durable; that
// after an error nothing of it is left; that what was masked is masked again under its own
// map alone, and gives the same; and that nothing is held whole in memory but the map. It
// does not know how a text is masked: that is package mask's.
package masking

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/mask"
	"rtmtgrab/bundle/mask/mapfile"
	"rtmtgrab/bundle/seal"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
)

// A Masker masks the bundles of one collector.
type Masker struct {
	Store   string            // the collector's folder: its maps, and its signing key
	Scope   string            // mapfile.Site or Case, where a request has none
	Analyst *analysis.Analyst // makes the report

	fault func(step string) error // for tests: called before each step that writes; nil: nothing
}

// A Request says what is masked, and how.
type Request struct {
	Path     string // of the bundle
	Strength mask.Strength
	Scope    string // mapfile.Site or Case; empty: the Masker's
	Case     string // of the scope; empty: the bundle's own
	Out      string // a file, or a folder in which it is named after the bundle
	By       string // who wants it
}

// Made is a bundle that was masked.
type Made struct {
	Bundle   string             `json:"bundle"` // that was masked
	File     string             `json:"file"`
	Bytes    int64              `json:"bytes"`
	SHA256   string             `json:"sha256"`
	Strength string             `json:"strength"`
	Scope    string             `json:"scope"`
	Incident string             `json:"incident"` // as the masked bundle calls it
	Already  bool               `json:"already"`  // it was masked before, and is the same
	Rules    []mask.Count       `json:"rules"`    // what was taken out
	LeftOut  []evidence.LeftOut `json:"left_out"`
	NoReport string             `json:"no_report,omitempty"`
	Warnings []string           `json:"warnings,omitempty"`

	registration *evidence.Registration
}

// Verdict is what the report says that was made of what was masked.
func (m Made) Verdict() string {
	if m.registration == nil {
		return "none (" + m.NoReport + ")"
	}
	return m.registration.Verdict + ": " + m.registration.Summary
}

// Mask masks a bundle.
func (m *Masker) Mask(ctx context.Context, q Request) (Made, error) {
	made := Made{Bundle: q.Path, Rules: []mask.Count{}, LeftOut: []evidence.LeftOut{}}
	if q.Strength != mask.Credentials && q.Strength != mask.Identities {
		return made, advice.Usage(fmt.Errorf("no strength %q: credentials or identities", q.Strength))
	}
	src, err := m.verify(ctx, q)
	if err != nil {
		return made, err
	}
	defer src.bundle.Close()
	scope, err := m.scope(src.manifest, q)
	if err != nil {
		return made, err
	}
	chart, err := m.open(ctx, scope)
	if err != nil {
		return made, err
	}
	if src.same(q.Strength) {
		err = m.again(ctx, src, chart, &made)
	} else {
		err = m.anew(ctx, src, chart, q, &made)
	}
	if err = errors.Join(err, chart.Close()); err != nil {
		return made, fmt.Errorf("mask %s: %w", q.Path, err)
	}
	record(src, q, &made)
	return made, nil
}

// mapWait is how long another masking within the same scope is waited for.
const mapWait = 15 * time.Minute

// open has the map of a scope.
func (m *Masker) open(ctx context.Context, s mapfile.Scope) (*mapfile.Map, error) {
	waiting, cancel := context.WithTimeout(ctx, mapWait)
	defer cancel()
	chart, err := mapfile.Of(m.Store).Open(waiting, s)
	if err != nil && ctx.Err() == nil && waiting.Err() != nil {
		err = advice.WithHint(fmt.Errorf("the map of %s is in use: another masking has it for more than %s", s, human.Span(mapWait)), "wait for it to end, or end it")
	}
	return chart, lostHint(err)
}

// again hands over what was masked before: it is the same.
func (m *Masker) again(ctx context.Context, src *source, chart *mapfile.Map, made *Made) error {
	k := src.manifest.Masked
	made.Already, made.Strength, made.Scope, made.Incident, made.LeftOut = true, k.Strength, k.Scope, src.manifest.Incident, k.LeftOut
	path := src.path
	if src.form != src.bundle.Format() {
		work, err := chart.Work()
		if err != nil {
			return err
		}
		path = filepath.Join(work, "masked."+src.form)
		if _, err := src.bundle.Convert(ctx, path, src.form); err != nil {
			return err
		}
	}
	return m.hand(ctx, path, src.place(src.manifest), made)
}

// anew masks.
func (m *Masker) anew(ctx context.Context, src *source, chart *mapfile.Map, q Request, made *Made) error {
	j, err := m.begin(ctx, src, chart, q)
	if err != nil {
		return err
	}
	if err := j.learn(); err != nil {
		return err
	}
	if err := j.write(); err != nil {
		return err
	}
	in, err := searched(j)
	if err != nil {
		return err
	}
	defer in.remove()
	path := filepath.Join(j.work, "masked."+src.form)
	if _, err := bundle.Write(ctx, path, in.Input); err != nil {
		return err
	}
	if err := searchMade(j, path); err != nil {
		return err
	}
	if err := j.keep(); err != nil {
		return err
	}
	k := in.Manifest.Masked
	made.Strength, made.Scope, made.Incident, made.LeftOut = k.Strength, k.Scope, in.Manifest.Incident, k.LeftOut
	made.Rules, made.NoReport, made.registration = append(made.Rules, j.masker.Counts()...), in.Manifest.NoReport, in.Manifest.Registration
	return m.hand(ctx, path, src.place(in.Manifest), made)
}

// step is for tests.
func (m *Masker) step(name string) error {
	if m.fault == nil {
		return nil
	}
	return m.fault(name)
}

// ring has the keys that sign.
func (m *Masker) ring() seal.Ring { return seal.Ring{Dir: m.Store} }
