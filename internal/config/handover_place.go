package config

import (
	"slices"
	"strings"
)

// ReplacedBy is the name of the first destination of a configuration that replaces h's bundles,
// as h does its: at one place, under one name, encrypted to others; empty: none does.
func (h *Handover) ReplacedBy(all []Handover) string {
	for i := range all {
		o := &all[i]
		if o.Name != h.Name && len(h.Seal) > 0 && len(o.Seal) > 0 && !alike(h.Seal, o.Seal) && h.Format == o.Format && h.Mask == o.Mask &&
			h.place() != "" && h.place() == o.place() && h.meets(o.Conditions) {
			return o.Name
		}
	}
	return ""
}

// place is where files lie under their names; empty: nowhere, or nothing replaces another there.
func (h *Handover) place() string {
	switch {
	case h.Folder != "":
		return h.Folder
	case h.SFTP != nil:
		return strings.Join([]string{"sftp", h.SFTP.Address, h.SFTP.User, h.SFTP.Dir}, "\n")
	case h.S3 != nil:
		return strings.Join([]string{"s3", h.S3.Endpoint, h.S3.Region, h.S3.Bucket, h.S3.Prefix}, "\n")
	case h.HTTPS != nil && h.HTTPS.Method == "PUT":
		if h.HTTPS.URL.Source() != "memory" {
			return h.HTTPS.URL.Source()
		}
		text, _ := h.HTTPS.URL.Read() // of memory: no error
		return text
	}
	return ""
}

// meets reports whether a bundle can meet both conditions.
func (h Conditions) meets(o Conditions) bool {
	both := func(a, b []string) bool {
		return len(a) == 0 || slices.ContainsFunc(a, func(s string) bool { return among(b, s) })
	}
	return both(h.Sites, o.Sites) && both(h.Kinds, o.Kinds) && both(h.Verdicts, o.Verdicts) && both(h.Coverage, o.Coverage)
}

// alike reports whether two lists have the same in them, in whatever order.
func alike(a, b []string) bool {
	return !slices.ContainsFunc(a, func(s string) bool { return !slices.Contains(b, s) }) && !slices.ContainsFunc(b, func(s string) bool { return !slices.Contains(a, s) })
}
