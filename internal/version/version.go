// Package version is this program's version. It knows nothing else.
package version

// Version is set by the linker.
var Version = "dev"
