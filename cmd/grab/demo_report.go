package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/registration"
	"rtmtgrab/internal/report"
	"rtmtgrab/internal/wiring"
)

// report says what was got, what it shows and where it lies, and checks the bundle
// once more.
func (d *demo) report(w *collector.Collector, e incident.Event) error {
	if e.Err != nil {
		return e.Err
	}
	in, err := w.Store.Load(e.Incident)
	if err != nil {
		return err
	}
	path := filepath.Join(d.dir, filepath.Base(in.Bundle))
	if err := copyFile(path, in.Bundle); err != nil {
		return err
	}
	res, err := bundle.Verify(context.Background(), path)
	if err != nil {
		return err
	}
	m := res.Manifest
	a := d.app
	if a.exit = advice.Covered(m.Coverage); !res.OK {
		a.exit = advice.Failed
	}
	if a.json {
		return a.print(oneshot.Outcome{Manifest: m, Bundle: path})
	}
	fmt.Fprintln(a.out)
	if err := bundle.Describe(a.out, m, wiring.ZoneNamed(m.TimeZone)); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "\nbundle    %s (intact: %v)\nlook at   grab show %s\n          README.txt in it, then hosts/expc01/network_log.txt\nwatcher   its log is %s\n",
		path, res.OK, path, filepath.Join(d.dir, "watch.log"))
	return d.answer(m, path)
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
func (d *demo) answer(m evidence.Manifest, path string) error {
	if m.Registration == nil {
		return fmt.Errorf("there is no report in %s, its notes say why", path)
	}
	d.mu.Lock()
	v := d.victim
	d.mu.Unlock()
	out := d.app.out
	if v != nil {
		fmt.Fprintf(out, "\ntruth     %s (%s): its REGISTER CSeq %d reached CUCM %.1f s after the one before, Expires is %.0f s\n",
			v.Device, v.Number, v.CSeq, v.Gap.Seconds(), demoExpires.Seconds())
	}
	fmt.Fprintf(out, "verdict   %s\n", report.VerdictLine(m.Registration))
	printFindings(out, m.Registration, "          ")
	var rep registration.Report
	err := bundle.ReadFile(context.Background(), path, "report/"+wiring.JSONName, func(r io.Reader) error { return json.NewDecoder(r).Decode(&rep) })
	if err != nil {
		return err
	}
	for _, p := range rep.Phones {
		if v == nil || p.Device != v.Device {
			continue
		}
		for _, e := range p.Proofs {
			fmt.Fprintf(out, "evidence  %s at byte %d, %s UTC: %s\n", e.File, e.Offset, e.Time.Format(time.TimeOnly+".000"), e.What)
		}
	}
	page := filepath.Join(d.dir, wiring.PageName)
	err = bundle.ReadFile(context.Background(), path, "report/"+wiring.PageName, func(r io.Reader) error {
		return atomicfile.Write(page, func(w io.Writer) error {
			_, err := io.Copy(w, r)
			return err
		})
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "page      %s: open it in a browser\n", page)
	return err
}
