//go:build !windows

package config

// programData is for Windows alone.
func programData() string { return "" }
