package bundle

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	"rtmtgrab/internal/evidence"
)

// The files that every bundle has.
const (
	readmeName   = "README.txt"
	manifestName = "manifest.json"
	sumsName     = "manifest-sha256.txt"
)

// What bundles of earlier versions have not: the signature over the sums, which is the only
// file that these do not name, and the chain of custody.
const (
	signatureName = SignatureFile
	custodyName   = "custody.jsonl"
)

// maskReportName is what masked bundles have besides: which rule struck how often.
const maskReportName = "mask-report.txt"

// simpleRE is a name that every system can unpack: no blanks, slashes, colons,
// control characters; it starts with a letter or digit.
var simpleRE = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,126}$`)

// checkSimple is evidence.CheckName for the longer names of incidents (a site's
// name with time and ID) and mails (an ID of 64 digits).
func checkSimple(name string) error {
	if !simpleRE.MatchString(name) {
		return fmt.Errorf("%q: a name has 1 to 127 of A-Z a-z 0-9 . _ - and starts with a letter or digit", name)
	}
	stem, _, _ := strings.Cut(name, ".")
	if len(stem) > 63 {
		stem = stem[:63] // no reserved name is as long
	}
	if strings.HasSuffix(name, ".") {
		return fmt.Errorf("%q: a name may not end in a dot", name)
	}
	return evidence.CheckName(stem)
}

// checkInside says why name, without the top folder, has no place in a bundle.
func checkInside(name string) error {
	switch name {
	case readmeName, manifestName, sumsName, signatureName, custodyName, maskReportName:
		return nil
	}
	dir, base, _ := strings.Cut(name, "/")
	switch dir {
	case "alerts":
		ending := path.Ext(base)
		if ending != ".eml" && ending != ".json" {
			return errors.New("a file of alerts/ ends in .eml or .json")
		}
		return checkSimple(strings.TrimSuffix(base, ending))
	case "report", "prt", "diagnostics":
		return checkSimple(base)
	case "cucm":
		return checkCUCM(base)
	case "hosts":
		host, file, _ := strings.Cut(base, "/")
		family, ok := strings.CutSuffix(file, ".txt")
		if !ok {
			return errors.New("a log is named hosts/<host>/<family>.txt")
		}
		if err := evidence.CheckName(host); err != nil {
			return err
		}
		return evidence.CheckName(family)
	}
	return errors.New("a bundle has no file of this name")
}

// checkCUCM is checkInside below cucm/: <file>, <node>/<file> or <node>/whole/<file>.
func checkCUCM(name string) error {
	parts := strings.Split(name, "/")
	if len(parts) > 3 || len(parts) == 3 && parts[1] != "whole" {
		return errors.New("a file of CUCM is named cucm/<file>, cucm/<node>/<file> or cucm/<node>/whole/<file>")
	}
	for _, p := range parts {
		if err := checkSimple(p); err != nil {
			return err
		}
	}
	return nil
}

// splitTop parts "<top>/<inside>" and checks both.
func splitTop(full string) (top, inside string, err error) {
	top, inside, ok := strings.Cut(full, "/")
	if !ok {
		return "", "", errors.New("outside the top folder")
	}
	if err := checkSimple(top); err != nil {
		return "", "", err
	}
	return top, inside, checkInside(inside)
}

func logName(host, family string) string { return "hosts/" + host + "/" + family + ".txt" }

// A nameSet finds names that are one on systems which do not tell case. Names
// are ASCII here, so lower case is all the folding there is.
type nameSet map[string]bool

func (s nameSet) add(name string) error {
	key := strings.ToLower(name)
	if s[key] {
		return errors.New("the name is there twice (without regard to case)")
	}
	s[key] = true
	return nil
}
