package bundle

import (
	"io"

	"rtmtgrab/internal/evidence"
)

// DecodeManifest reads a manifest.json by itself, as it lies in a bundle that was
// unpacked. What is too large, or would be in memory, is an error.
func DecodeManifest(r io.Reader) (evidence.Manifest, error) { return decodeManifest(r) }

// LogName is the path of a family's log inside a bundle, slashes, without the top
// folder. Every File.Path of a manifest is this or empty.
func LogName(host, family string) string { return logName(host, family) }
