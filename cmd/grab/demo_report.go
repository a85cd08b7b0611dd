package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// report says what was got and where it lies, and checks the bundle once more.
func (d *demo) report(w *watching, e incident.Event) error {
	if e.Err != nil {
		return e.Err
	}
	in, err := w.store.Load(e.Incident)
	if err != nil {
		return err
	}
	m, err := w.store.Manifest(in)
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
	a := d.app
	if a.exit = covered(m.Coverage); !res.OK {
		a.exit = exitFailed
	}
	if a.json {
		return a.print(outcome{m, path})
	}
	fmt.Fprintln(a.out)
	if err := bundle.Describe(a.out, m, zone(m.TimeZone)); err != nil {
		return err
	}
	d.found(m, path)
	fmt.Fprintf(a.out, "\nbundle    %s (intact: %v)\nlook at   grab show %s\n          README.txt in it, then hosts/expc01/network_log.txt\nwatcher   its log is %s\n",
		path, res.OK, path, filepath.Join(d.dir, "watch.log"))
	return nil
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

// found shows where in the bundle CUCM's answer stands that made the phone partial.
func (d *demo) found(m evidence.Manifest, path string) {
	d.mu.Lock()
	v := d.victim
	d.mu.Unlock()
	if v == nil {
		return
	}
	fmt.Fprintf(d.app.out, "\nphone     %s (%s): its REGISTER CSeq %d reached CUCM %.1f s after the one before, Expires is %.0f s\n",
		v.Device, v.Number, v.CSeq, v.Gap.Seconds(), demoExpires.Seconds())
	for _, h := range m.Hosts {
		for _, f := range h.Files {
			if f.Family != "network_log" || f.Path == "" {
				continue
			}
			err := bundle.ReadFile(context.Background(), path, f.Path, func(r io.Reader) error {
				if off, ok := newRegistration(r, v.CallID); ok {
					fmt.Fprintf(d.app.out, "evidence  %s at byte %d: the answer says x-cisco-newreg to a REGISTER without a body\n", f.Path, off)
				}
				return nil
			})
			if err != nil {
				d.app.say("look for the evidence: %v", err)
			}
		}
	}
}

// newRegistration finds the last SIP message of a Call-ID whose Contact says
// x-cisco-newreg, and returns the offset of that line.
func newRegistration(r io.Reader, callID string) (int64, bool) {
	lines := bufio.NewReaderSize(r, 64<<10)
	var at, contact, found int64
	found = -1
	contact = -1
	ours := false
	for {
		line, err := lines.ReadString('\n')
		switch {
		case strings.Contains(line, "SIPMSG:"):
			contact, ours = -1, false
		case strings.Contains(line, "Call-ID: "+callID):
			ours = true
		case strings.Contains(line, "x-cisco-newreg"):
			contact = at
		}
		if ours && contact >= 0 {
			found = contact
		}
		at += int64(len(line))
		if err != nil {
			return found, found >= 0
		}
	}
}
