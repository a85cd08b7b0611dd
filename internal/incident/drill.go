package incident

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// RemoveDrill removes all that was made for a drill but the record of its mail: the
// bundle, the incident, and the copy of the mail. What is of no drill stays.
func RemoveDrill(s *Store, in Incident) error {
	if in.Kind != KindDrill || in.ID == "" {
		return fmt.Errorf("incident %s is no drill", in.ID)
	}
	entries, err := os.ReadDir(s.Bundles())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	errs := []error{err}
	for _, f := range entries {
		if strings.HasPrefix(f.Name(), in.ID+".") || strings.HasPrefix(f.Name(), in.ID+"-r") {
			errs = append(errs, s.Remove(filepath.Join(s.Bundles(), f.Name())))
		}
	}
	for _, m := range in.Members {
		errs = append(errs, s.Remove(s.MailPath(m.Alert)))
	}
	errs = append(errs, s.Remove(s.IncidentDir(in.Key)))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove the drill %s: %w", in.ID, err)
	}
	return nil
}
