package filing

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/prt"
)

// A candidate is an incident that reports may belong to.
type candidate struct {
	in      incident.Incident // without what is long
	alerted time.Time
	devices map[string]bool // of a sealed one, once they were looked up; nil: not yet
}

func candidateOf(in incident.Incident) candidate {
	c := candidate{in: in, alerted: in.Alerted()}
	if c.alerted.IsZero() {
		c.alerted = in.Asked.Until
	}
	return c
}

// far is how far a time is from the alert, and whether it is near enough to that, or to the window.
func (c candidate) far(t time.Time) (far time.Duration, near bool) {
	far = t.Sub(c.alerted).Abs()
	return far, far <= Near || !t.Before(c.in.Asked.Since.Add(-Near)) && !t.After(c.in.Asked.Until.Add(Near))
}

// has reports whether the incident is about the device: somebody or an alert named it, CUCM did, or it
// is in the report.
func (f *filer) has(ctx context.Context, key, device string) bool {
	c := f.near[key]
	if c.devices != nil && c.in.State == incident.Sealed {
		return c.devices[device] || f.fromCUCM(c.in)[device] // names may come late
	}
	c.devices = f.devices(ctx, c.in)
	f.near[key] = c
	return c.devices[device]
}

// devices are all that are known. What cannot be read names none.
func (f *filer) devices(ctx context.Context, in incident.Incident) map[string]bool {
	set := names{}
	for _, p := range in.Phones {
		set.add(p)
	}
	for _, m := range in.Members {
		if rec, err := f.store.Alert(m.Alert); err == nil {
			for _, d := range rec.Alert.Devices {
				set.add(d)
			}
		}
	}
	if m, _, err := incident.MemoryFile(f.store, in.Key).Load(); err == nil {
		for _, list := range [][]evidence.PhoneTime{m.Partial, m.Over} {
			for _, p := range list {
				set.add(p.Device)
			}
		}
	}
	for d := range f.fromCUCM(in) {
		set[d] = true
	}
	for _, name := range []string{"report/registrations.json", phonesFile} {
		if in.Bundle == "" {
			break
		}
		err := bundle.ReadFile(ctx, in.Bundle, name, func(r io.Reader) error { return set.scan(r) })
		if err != nil && !errors.Is(err, fs.ErrNotExist) && ctx.Err() == nil {
			f.log.Debug("a bundle does not say which phones it is about", "bundle", in.Bundle, "file", name, "err", err)
		}
	}
	return set
}

// phonesFile is what CUCM said of partial phones, in a bundle and in an incident's folder.
const phonesFile = "cucm/partial-phones.json"

// fromCUCM are the devices that CUCM named, as long as that lies in the incident's folder.
func (f *filer) fromCUCM(in incident.Incident) names {
	set := names{}
	file, err := os.Open(filepath.Join(f.store.IncidentDir(in.Key), filepath.FromSlash(phonesFile)))
	if err != nil {
		return set
	}
	defer file.Close()
	if err := set.scan(file); err != nil {
		f.log.Debug("what CUCM said of partial phones cannot be read", "incident", in.ID, "err", err)
	}
	return set
}

// names are devices.
type names map[string]bool

var macRE = regexp.MustCompile(`^[0-9A-Fa-f]{12}$`)

// add takes in what may be a device's name, or its MAC.
func (n names) add(s string) {
	if macRE.MatchString(s) {
		s = "SEP" + s
	}
	if strings.ContainsAny(s, `"' `) {
		return
	}
	if d, ok := prt.Device(s); ok && len(n) < maxNames {
		n[d] = true
	}
}

// Bounds on what is read to find names.
const (
	maxNames = 50_000
	maxScan  = 256 << 20
)

// scan takes in every text of a JSON document that is a device's name, whatever its key: a document of a later version has
// them too.
func (n names) scan(r io.Reader) error {
	d := json.NewDecoder(io.LimitReader(r, maxScan))
	for {
		t, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if s, ok := t.(string); ok && len(s) <= 15 {
			n.add(s)
		}
	}
}
