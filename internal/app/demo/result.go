package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/app/delivery"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/lab/mra"
	"rtmtgrab/internal/registration"
	"rtmtgrab/internal/report"
	"rtmtgrab/internal/wiring"
)

// Result is what a demo leaves.
type Result struct {
	oneshot.Outcome
	intact bool
	dir    string
	victim *mra.Happening // nil: no phone went partial
	handed delivery.Outcome
	asked  string // what CUCM was asked
}

// result takes the bundle out of the store, and checks it once more.
func (d *demo) result(w *collector.Collector, e runner.Event, handed delivery.Outcome) (*Result, error) {
	if e.Err != nil {
		return nil, e.Err
	}
	in, err := w.Store.Load(e.Incident)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(d.dir, filepath.Base(in.Bundle))
	if err := copyFile(path, in.Bundle); err != nil {
		return nil, err
	}
	res, err := bundle.Verify(context.Background(), path)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return &Result{Outcome: oneshot.Outcome{Manifest: res.Manifest, Bundle: path}, intact: res.OK, dir: d.dir, victim: d.victim, handed: handed, asked: d.asked()}, nil
}

// Document is what `grab now` says of a bundle.
func (r *Result) Document() any { return r.Outcome }

// Exit is the exit code.
func (r *Result) Exit() int {
	if !r.intact {
		return advice.Failed
	}
	return advice.Covered(r.Coverage)
}

// Write says what was got, what it shows and where it lies.
func (r *Result) Write(out io.Writer) error {
	fmt.Fprintln(out)
	if err := bundle.Describe(out, r.Manifest, wiring.ZoneNamed(r.TimeZone)); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nbundle    %s (intact: %v)\nlook at   grab show %s\n          README.txt in it, then hosts/expc01/network_log.txt\nwatcher   its log is %s\n",
		r.Bundle, r.intact, r.Bundle, filepath.Join(r.dir, "watch.log"))
	return r.answer(out)
}

// copyFile copies a bundle out of the store.
func copyFile(to, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return atomicfile.Write(to, func(w io.Writer) error {
		_, err := io.Copy(w, f)
		return err
	})
}

// answer ends the demo with what the report in the bundle says, beside what the
// laboratory knows, and takes the page out.
func (r *Result) answer(out io.Writer) error {
	if r.Registration == nil {
		return fmt.Errorf("no report in %s; its notes say why", r.Bundle)
	}
	v := r.victim
	if v != nil {
		fmt.Fprintf(out, "\ntruth     %s (%s): its REGISTER CSeq %d reached CUCM %.1f s after the one before, Expires is %.0f s\n",
			v.Device, v.Number, v.CSeq, v.Gap.Seconds(), demoExpires.Seconds())
	}
	if err := r.names(out); err != nil {
		return err
	}
	clock := human.Clock{Zone: wiring.ZoneNamed(r.TimeZone), Near: r.Asked.Until}
	fmt.Fprintf(out, "verdict   %s\n", report.VerdictLine(r.Registration, clock))
	report.PrintFindings(out, r.Registration, clock, "          ")
	var rep registration.Report
	err := bundle.ReadFile(context.Background(), r.Bundle, "report/"+analysis.JSONName, func(f io.Reader) error { return json.NewDecoder(f).Decode(&rep) })
	if err != nil {
		return err
	}
	for _, p := range rep.Phones {
		if v == nil || p.Device != v.Device {
			continue
		}
		for _, e := range p.Proofs {
			fmt.Fprintf(out, "evidence  %s at byte %d, %s: %s\n", e.File, e.Offset, clock.OfDay(e.Time), e.What)
		}
	}
	page := filepath.Join(r.dir, analysis.PageName)
	err = bundle.ReadFile(context.Background(), r.Bundle, "report/"+analysis.PageName, func(f io.Reader) error {
		return atomicfile.Write(page, func(w io.Writer) error {
			_, err := io.Copy(w, f)
			return err
		})
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "page      %s: open it in a browser\n", page)
	form := "encrypted"
	if demoMask != config.MaskNone {
		form = "masked (" + demoMask + ") and encrypted"
	}
	_, err = fmt.Fprintf(out, "delivered %s: a copy, %s\n          grab open %s -i %s --key %s\n", r.handed.Place, form, r.handed.Place, filepath.Join(r.dir, demoKey), filepath.Join(r.dir, "store", "seal.pub"))
	return err
}
