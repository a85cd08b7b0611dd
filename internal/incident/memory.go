package incident

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
)

// How far back an incident remembers its site's earlier ones.
const (
	memoryAge   = 24 * time.Hour
	maxRecalled = 50   // incidents
	maxLooked   = 1000 // incidents that may be the site's, by their names
	maxPast     = 200  // phones
)

// MemoryFile is where it is kept what later incidents should know of the phones of one.
func MemoryFile(s *Store, key string) atomicfile.JSON[evidence.Memory] {
	return File[evidence.Memory](s, filepath.Join(s.IncidentDir(key), "phones.json"))
}

// Before are the phones that earlier incidents of the site show without all their lines, and
// that none since shows to have registered in full or to have left: the oldest first. Only
// small records are read, of the newest incidents within a day. What cannot be read makes an
// error beside them.
func Before(s *Store, in Incident) ([]evidence.PastPhone, error) {
	keys, err := earlier(s, in)
	if err != nil {
		return nil, err
	}
	past, over := map[string]evidence.PastPhone{}, map[string]time.Time{}
	var errs []error
	for n, i := 0, 0; i < len(keys) && n < maxRecalled; i++ {
		was, m, err := recall(s, keys[i], in.Site)
		errs = append(errs, err)
		if was.Site != in.Site || was.Kind == KindDrill {
			continue // its name is longer, nothing is known of it, or it soon goes
		}
		n++
		if m.Cut {
			break // what it does not name may have registered: nothing before it is certain
		}
		for _, p := range m.Over {
			over[p.Device] = evidence.Later(over[p.Device], p.At)
		}
		for _, p := range m.Partial {
			if p.At.After(past[p.Device].At) && p.At.Before(in.Asked.Until) {
				past[p.Device] = evidence.PastPhone{Device: p.Device, Verdict: p.Verdict, At: p.At, Incident: was.ID}
			}
		}
	}
	var open []evidence.PastPhone
	for device, p := range past {
		if !over[device].After(p.At) {
			open = append(open, p)
		}
	}
	slices.SortFunc(open, func(a, b evidence.PastPhone) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Device, b.Device))
	})
	return open[max(0, len(open)-maxPast):], errors.Join(errs...)
}

// earlier are the keys of the other incidents of the site that began within a day before this
// one ended, the newest first.
func earlier(s *Store, in Incident) ([]string, error) {
	keys, err := s.Keys()
	if err != nil {
		return nil, fmt.Errorf("earlier incidents: %w", err)
	}
	const stamp = "20060102T150405Z"
	first, last := in.Asked.Since.Add(-memoryAge).UTC().Format(stamp), in.Asked.Until.UTC().Format(stamp)
	last = max(last, in.Key[:min(len(in.Key), len(stamp))]) // by hand, of a window long past
	keys = slices.DeleteFunc(keys, func(k string) bool {
		return len(k) < len(stamp) || k == in.Key || k[:len(stamp)] < first || k[:len(stamp)] > last || !strings.HasPrefix(k[len(stamp):], "-"+in.Site+"-")
	})
	slices.SortFunc(keys, func(a, b string) int { return strings.Compare(b, a) })
	return keys[:min(len(keys), maxLooked)], nil
}

// recall reads an incident, and if it is of a site what is to be known of its phones, as far as
// that is written down.
func recall(s *Store, key, site string) (Incident, evidence.Memory, error) {
	in, err := s.Read(key)
	if errors.Is(err, fs.ErrNotExist) {
		return in, evidence.Memory{}, nil // just claimed, or just removed
	}
	if err != nil || in.Site != site {
		return in, evidence.Memory{}, err
	}
	m, _, err := MemoryFile(s, key).Load()
	return in, m, err
}
