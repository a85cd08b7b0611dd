package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/custody"
	"rtmtgrab/bundle/seal/envelope"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/handover"
	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/wiring"
)

// destinations are those of a configuration.
func (d *Dispatcher) destinations(cfg *config.Config) (list []handover.Destination) {
	for i := range cfg.Handover {
		h := &cfg.Handover[i]
		list = append(list, handover.Destination{
			Name: h.Name, Where: h.Sink() + " " + h.Folder, Bandwidth: h.Bandwidth, Case: h.Case,
			Terms: func(j handover.Job) handover.Terms { return termsOf(cfg, h, j, d.caseOf) },
			Open:  func() (sink.Sink, error) { return wiring.NewSink(cfg, h, d.Tokens) },
		})
	}
	return list
}

// termsOf are those of a destination for a job. A bundle of no case is masked within its site.
func termsOf(cfg *config.Config, h *config.Handover, j handover.Job, caseOf func(handover.Job) string) handover.Terms {
	t := handover.Terms{Format: h.Format, Mask: h.Mask, To: h.Recipients(j.Site)}
	if h.Mask != config.MaskNone {
		t.Scope = cfg.Mask.Scope
	}
	if t.Scope == config.ScopeCase {
		if t.Case = cmp.Or(j.Case, caseOf(j), h.Case); t.Case == "" {
			t.Scope = config.ScopeSite
		}
	}
	if len(t.To) == 0 {
		return t
	}
	if r, err := envelope.ReadRecipients(t.To...); err == nil { // else the making says so
		t.Keys = r.Names
	}
	return t
}

// maker makes artefacts of bundles.
func (d *Dispatcher) maker() handover.Maker {
	return handover.Maker{
		Verify: func(ctx context.Context, j handover.Job) error {
			_, err := wiring.VerifyBundle(ctx, j.Bundle, j.Incident, j.Revision)
			if err != nil && ctx.Err() == nil {
				return &sink.Error{Cause: sink.Local, Permanent: true, Err: fmt.Errorf("the bundle is not sent: %w", err)}
			}
			return err
		},
		Mask: d.mask, Convert: convert, Copy: copied, Note: note,
		Room: func(n int64) error { return d.Reserve.Refusal(n) },
	}
}

// convert writes a bundle in another format, with the same sums.
func convert(ctx context.Context, src, dst, format string) error {
	v, err := verified(ctx, src)
	if err != nil {
		return err
	}
	_, err = v.Convert(ctx, dst, format)
	return errors.Join(err, v.Close())
}

// copied is convert into a stream.
func copied(ctx context.Context, src string, w io.Writer, format string) error {
	v, err := verified(ctx, src)
	if err != nil {
		return err
	}
	return errors.Join(v.CopyTo(ctx, w, format), v.Close())
}

// verified opens a bundle that is whole. Its Close is due.
func verified(ctx context.Context, src string) (*bundle.Verified, error) {
	v, res, err := bundle.OpenVerified(ctx, src)
	if err == nil && v == nil {
		err = fmt.Errorf("%s: %s", res.Bad[0].File, res.Bad[0].What)
	}
	return v, err
}

// note is the answer that is in a bundle, in two lines.
func note(path string) sink.Note {
	m, err := bundle.ReadManifest(path)
	if err != nil {
		return sink.Note{Subject: "A bundle", Text: "Its manifest cannot be read."}
	}
	return sink.Note{Subject: fmt.Sprintf("grab: %s, %s", m.Incident, m.Site), Text: strings.Join(Verdict(m), "\n")}
}

// Verdict is the answer of a bundle in two lines: what happened, and how much of the logs
// there is.
func Verdict(m evidence.Manifest) []string {
	answer := "No report on the REGISTER messages was made."
	switch {
	case m.Registration != nil:
		answer = m.Registration.Verdict + ": " + m.Registration.Summary
	case m.NoReport != "":
		answer = "No report: " + m.NoReport
	}
	var hosts []string
	for _, h := range m.Hosts {
		if h.Coverage != evidence.Complete {
			hosts = append(hosts, h.Host+" "+string(h.Coverage))
		}
	}
	logs := fmt.Sprintf("Logs of %d hosts, coverage %s.", len(m.Hosts), m.Coverage)
	if len(hosts) > 0 {
		logs = strings.TrimSuffix(logs, ".") + ": " + strings.Join(hosts, ", ") + "."
	}
	return []string{evidence.Printable(answer, 500), evidence.Printable(logs, 500)}
}

// caseOf is the case of a job's incident now.
func (d *Dispatcher) caseOf(j handover.Job) string {
	in, err := d.Store.Read(j.Key)
	if err != nil {
		return "" // gone, or damaged: then the destination's own
	}
	return in.Case
}

// record writes an attempt into the chain of custody of its bundle.
func (d *Dispatcher) record(j handover.Job, a handover.Attempt, again bool) error {
	name, head, err := bundle.ChainOf(context.Background(), j.Bundle)
	if err != nil {
		return fmt.Errorf("%w: %w", handover.ErrNoCustody, err)
	}
	which := fmt.Sprintf("attempt %d of delivery %s", a.N, j.ID)
	l := &custody.Later{By: j.By, Result: result(a), Why: which, SHA256: a.SHA256, File: a.File, To: []string{j.Sink}}
	if a.SHA256 == "" && j.Artefact != nil { // an earlier version made the attempt
		l.SHA256, l.File = j.Artefact.SHA256, j.Artefact.Name
	}
	if a.Place != "" {
		l.To = append(l.To, evidence.Printable(a.Place, 500))
	}
	if a.Cause != "" {
		l.Why += ": " + a.Cause
	}
	if a.Error != "" {
		l.Why += ": " + evidence.Printable(a.Error, 300)
	}
	ledger, has := custody.LedgerFor(j.Bundle)
	if !has { // it was put elsewhere, by an earlier version
		ledger = custody.LedgerOf(d.Store.Dir)
	}
	if again && recorded(ledger, name, head, which) {
		return nil
	}
	err = ledger.Append(name, head, custody.Entry{Time: a.Ended, Act: custody.Delivery, Later: l})
	if errors.As(err, new(*custody.BrokenError)) {
		err = fmt.Errorf("%w: %w", handover.ErrNoCustody, err)
	}
	return err
}

func result(a handover.Attempt) string {
	if a.Outcome == handover.OutcomeDelivered {
		return "ok"
	}
	return a.Outcome
}

// recorded reports whether an attempt is in a chain already: the crash came after that.
func recorded(ledger custody.Ledger, name string, head custody.Head, which string) (found bool) {
	_, _ = ledger.Walk(name, head, func(e custody.Entry) error { // what is torn or broken has it not, or the append says so
		if e.Act == custody.Delivery && e.Later != nil && (e.Later.Why == which || strings.HasPrefix(e.Later.Why, which+":")) {
			found = true
		}
		return nil
	})
	return found
}
